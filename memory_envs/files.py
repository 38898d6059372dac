"""Files that are whole or not there."""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Lend a path of the same ending to write to; the file takes the place of `path` if the block ends well.

    Raises:
        FileNotFoundError: The folder does not exist.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to save into", str(target.parent))
    unfinished = target.with_name(f".{uuid.uuid4().hex}.{target.name}")
    try:
        yield unfinished
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)

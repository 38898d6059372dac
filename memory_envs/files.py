"""Files that are whole or not there."""

import contextlib
import errno
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Lend a path to write a file to that takes the place of `path` if, and only if, the block ends well.

    Once the block has ended, content and name are on disk and outlive a power failure.

    Args:
        path: The file to write or replace. The lent path is in the same folder and has the same suffix.

    Raises:
        FileNotFoundError: The folder does not exist.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to save into", str(target.parent))
    unfinished = target.with_name(f".{uuid.uuid4().hex}.{target.name}")
    try:
        yield unfinished
        with unfinished.open("r+b") as written:
            os.fsync(written.fileno())
        os.replace(unfinished, target)
    except BaseException:  # an interrupt, too
        with contextlib.suppress(OSError):  # the first error is the one to report
            unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a JSON file that appears only once it is whole.

    Raises:
        ValueError: A number in `content` is NaN or infinite, which JSON does not know.
        FileNotFoundError: The folder does not exist.
    """
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    with replacing(path) as file:
        file.write_bytes(text.encode())


def _sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, where folders can be synced at all."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.EBADF):  # network file systems that do not offer it
            raise
    finally:
        os.close(descriptor)

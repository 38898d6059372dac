"""Files that are whole or not there."""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], ending: str = "") -> Iterator[Path]:
    """Lend a path beside `path` to write to; the file takes the place of `path` if the block ends well.

    The new name outlives a power failure; who wants the same of the content syncs the file in the block.

    Args:
        path: The file to write or replace.
        ending: Of the name that is lent, behind the whole name of `path`, whose own ending it has otherwise.

    Raises:
        FileNotFoundError: The folder does not exist.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to save into", str(target.parent))
    unfinished = target.with_name(f".{uuid.uuid4().hex}.{target.name}{ending}")
    try:
        yield unfinished
        os.replace(unfinished, target)
    except BaseException:  # an interrupt, too
        with contextlib.suppress(OSError):  # the first error is the one to report
            unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


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

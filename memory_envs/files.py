"""Files that are whole or not there."""

import contextlib
import errno
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]

# Names of files that `replacing` lends.
_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\..+")


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Lend a path to write a file to that takes the place of `path` if, and only if, the block ends well.

    Once the block has ended, content and name are on disk and outlive a power failure. What processes that
    were killed in such a block left in the folder is swept.

    Args:
        path: The file to write or replace. The lent path is in the same folder and has the same suffix; there
            is an empty file at it.

    Raises:
        FileNotFoundError: The folder does not exist, or the block has not written the file.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to save into", str(target.parent))
    sweep(target.parent)
    unfinished = target.with_name(f".{uuid.uuid4().hex}.{target.name}")
    try:
        with _claimed(unfinished):
            yield unfinished
            _sync_written(unfinished)
            os.replace(unfinished, target)
    except BaseException:  # an interrupt, too
        with contextlib.suppress(OSError):  # the first error is the one to report
            unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def check_output(option: str, path: str | os.PathLike[str] | None) -> None:
    """Find out whether a file could be written, before anything is computed that is to go into it.

    Args:
        option: Where the path comes from, for the error.
        path: The file; None is no file to write.

    Raises:
        OSError: It could not; names option and path, and says why.
    """
    if path is None:
        return
    file = Path(path)
    if file.is_dir():
        raise IsADirectoryError(f"{option} must name a file, got the folder {file}")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"{option} names a file in a folder that does not exist: {file}")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise PermissionError(f"{option} names a file in a folder that cannot be written to: {file}")


def is_unfinished(name: str) -> bool:
    """Return whether a file of this name is one that `replacing` lends."""
    return _UNFINISHED.fullmatch(name) is not None


def sweep(folder: Path) -> None:
    """Remove the unfinished files in a folder that nobody writes any more, as after a kill.

    Where files cannot be locked or removed, they stay.
    """
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            if is_unfinished(file.name):
                _remove_if_abandoned(file)


def write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a JSON file that appears only once it is whole.

    Raises:
        ValueError: A number in `content` is NaN or infinite, which JSON does not know.
        FileNotFoundError: The folder does not exist.
    """
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    with replacing(path) as file:
        file.write_bytes(text.encode())


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Make a file, dated 1970, and lock it for the length of a block, or of this process if it is killed."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        os.utime(path, ns=(0, 0))
        if fcntl is None:  # where open files cannot be renamed, either
            os.close(descriptor)
            descriptor = -1
        else:
            with contextlib.suppress(OSError):  # network file systems that do not offer it
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _remove_if_abandoned(file: Path) -> None:
    if fcntl is None:
        return
    with contextlib.suppress(OSError):  # it is locked, gone, or none of ours
        descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink()
        finally:
            os.close(descriptor)


def _sync_written(path: Path) -> None:
    """Write the content of a file to the disk.

    Raises:
        FileNotFoundError: It was never written since it was made.
    """
    with path.open("r+b") as written:
        status = os.fstat(written.fileno())
        if status.st_size == 0 and status.st_mtime_ns == 0:
            raise FileNotFoundError(errno.ENOENT, "nothing was written to save", str(path))
        os.fsync(written.fileno())


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

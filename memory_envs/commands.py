"""What the commands have in common: options, exit statuses, and how they run as programs."""

import argparse
import codecs
import errno
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TextIO

from memory_envs.registry.json_text import MalformedJson, read_object

FINISHED, REFUSED, INTERRUPTED, UNREAD = 0, 2, 130, 141
"""Exit statuses; 2 is argparse's own for a command line that cannot be read, the last two are a shell's for
programs that SIGINT and SIGPIPE have ended."""


def run_program(main: Callable[[], int | None], *, outlives_readers: bool = False) -> NoReturn:
    """Run a command as the program of this process, and exit with the status that it returns.

    What a console cannot show comes out as question marks. Ctrl-C ends the program without a traceback.

    Args:
        main: The command.
        outlives_readers: Whether it goes on when nobody reads what it prints any more, as behind `| head`, in
            a terminal that was closed, or on a full disk. Otherwise it ends without a word.
    """
    codecs.register_error("as well as it can be", _as_well_as_it_can_be)
    before = sys.stdout, sys.stderr
    sys.stdout = _wrapped(sys.stdout, outlives_readers)
    sys.stderr = _wrapped(sys.stderr, True)
    try:
        try:
            status = main()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    finally:
        sys.stdout, sys.stderr = before
    sys.exit(status)


class _Output:
    """A stream of text whose reader may go away."""

    def __init__(self, stream: TextIO, outlives_readers: bool) -> None:
        self._stream, self._outlives_readers = stream, outlives_readers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as problem:
            self._lost(problem)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as problem:
            self._lost(problem)

    def _lost(self, problem: OSError) -> None:
        """Write what is left and what is to come to nowhere, and go on or end; a full disk ends in words."""
        if not (self._outlives_readers or isinstance(problem, BrokenPipeError)):
            raise problem
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        if not self._outlives_readers:
            raise SystemExit(UNREAD)


def _wrapped(stream: TextIO | None, outlives_readers: bool) -> Any:
    if stream is None:  # it was closed before this process began
        return None
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="as well as it can be")
    return _Output(stream, outlives_readers)


def _as_well_as_it_can_be(problem: UnicodeError) -> tuple[bytes, int]:
    """Bytes of file names that are no text as they are, a question mark for any other character."""
    assert isinstance(problem, UnicodeEncodeError)
    codes = [ord(each) for each in problem.object[problem.start : problem.end]]
    out = (bytes([each - 0xDC00]) if 0xDC80 <= each <= 0xDCFF else b"?" for each in codes)
    return b"".join(out), problem.end


def refused(problem: Exception) -> int:
    """Print on standard error why a command does nothing, and return its status."""
    print(f"error: {in_words(problem)}", file=sys.stderr)
    return REFUSED


def in_words(problem: Exception) -> str:
    """Return what an error says; one of the system names its file, and no number."""
    if not isinstance(problem, OSError) or not problem.strerror:
        return str(problem)
    if problem.filename is None:
        return problem.strerror
    if problem.strerror == os.strerror(errno.ENOENT):
        return f"there is no file or folder {problem.filename!r}"
    return f"{problem.filename!r} cannot be used: {problem.strerror[0].lower()}{problem.strerror[1:]}"


def add_env_kwargs(parser: argparse.ArgumentParser) -> None:
    """Add the option by which every program takes the settings of an environment, `--env-kwargs JSON`."""
    parser.add_argument(
        "--env-kwargs",
        type=json_object,
        default={},
        metavar="JSON",
        help="settings of the environment, such as '{\"size\": 15}'",
    )


def json_object(text: str) -> dict[str, Any]:
    """Return the dictionary that a text holds as JSON.

    Raises:
        argparse.ArgumentTypeError: It holds something else.
    """
    try:
        return read_object(text)
    except MalformedJson:
        raise argparse.ArgumentTypeError(f"must be a JSON object, got {text!r:.80}") from None

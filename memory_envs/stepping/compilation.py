"""Compiling: the loops of a rulebook become machine code, which is kept on disk.

Numba's own cache looks only at the file of the function it compiles and would keep running old rules after an
edit to a rulebook; here the name of a cache file holds a digest of all the sources.
"""

import contextlib
import functools
import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numba
from numba import types
from numba.core import config as numba_config
from numba.core.caching import FunctionCache, IndexDataCacheFile

from memory_envs.files import replacing
from memory_envs.stepping.kernels import Kernels, make_loops

# Of a SHA-256.
_DIGEST_BYTES = 32


@functools.cache
def compile_rulebook(rulebook: ModuleType) -> Kernels:
    """Return the kernels of a rulebook, from the disk cache when its sources have not changed."""
    bytes_1d, bytes_2d, bytes_4d = (types.Array(types.uint8, dimensions, "C") for dimensions in (1, 2, 4))
    integers, integers_2d = types.Array(types.int64, 1, "C"), types.Array(types.int64, 2, "C")
    floats, floats_2d = (types.Array(types.float64, dimensions, "C") for dimensions in (1, 2))
    mask, flags = types.Array(types.boolean, 1, "C"), types.Array(types.boolean, 2, "C")
    config, pen = (integers, floats), (bytes_2d, bytes_1d, bytes_4d, types.int64)
    shared = (*config, integers_2d, *pen)
    outputs = (bytes_2d, bytes_2d, integers_2d, floats, flags)
    loops, digest = make_loops(rulebook), source_digest(rulebook)
    reset = types.void(*shared, mask, bytes_2d)
    step = types.int64(*shared, types.int64, integers, *outputs)
    facts = types.void(*config, integers_2d, integers_2d)
    return Kernels(
        _compile(loops.reset, rulebook, digest, reset),
        _compile(loops.step, rulebook, digest, step),
        _compile(loops.facts, rulebook, digest, facts),
        _compile(loops.events, rulebook, digest, types.void(*config, *[integers_2d] * 3)),
        _compile(loops.state, rulebook, digest, types.void(*config, integers_2d, floats_2d)),
    )


def source_digest(rulebook: ModuleType) -> str:
    """Return a digest of everything compiled code depends on.

    That is this file, the rules of this package and all files beside the rulebook, for the constants in them,
    and every file with a function that the loops call, wherever it lies.
    """
    digest = hashlib.sha256(rulebook.__name__.encode())
    for file in sorted(source_files(rulebook)):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def source_files(rulebook: ModuleType) -> set[Path]:
    """Return the files of `source_digest`."""
    loops = make_loops(rulebook)
    called = {Path(each.__code__.co_filename) for loop in loops for each in _called(loop)}
    beside = [Path(rulebook.__file__ or "")] if "." not in rulebook.__name__ else []
    for package in {"memory_envs.rules", rulebook.__name__.rpartition(".")[0]} - {""}:
        beside += [file for file in Path(str(resources.files(package))).iterdir() if file.suffix == ".py"]
    return {Path(__file__), *(file for file in (*called, *beside) if file.is_file())}


def _called(function: Any) -> set[FunctionType]:
    """Return the Python functions that a function calls by name, directly or not, itself among them."""
    called, waiting = set(), [function]
    while waiting:
        here = waiting.pop()
        if isinstance(here, FunctionType) and here not in called:
            called.add(here)
            waiting += [cell.cell_contents for cell in here.__closure__ or ()]
            waiting += [here.__globals__.get(name) for name in here.__code__.co_names]
    return called


def _compile(function: Any, rulebook: ModuleType, digest: str, signature: Any) -> Any:
    if numba_config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    function.__qualname__ = f"{rulebook.__name__.rpartition('.')[2]}-{function.__name__}-{digest}"
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    try:
        dispatcher._cache = _DigestedCache(function)
    except (RuntimeError, OSError):
        _warn_uncached("no folder can be written to")
    dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


class _Locator:
    """One of Numba's ways to find a folder, but for folders named "~", as a home that is not known stays."""

    def __init__(self, locator: Any) -> None:
        self._locator = locator

    def from_function(self, function: Any, file: str) -> Any:
        with contextlib.suppress(Exception):  # which the locator answers in its own way below
            if str(self._locator(function, file).get_cache_path()).startswith("~"):
                return None
        return self._locator.from_function(function, file)


_CompiledCode: Any = FunctionCache._impl_class


class _LocatedCode(_CompiledCode):
    """Knows where the compiled code of a function is kept, and how."""

    _locator_classes = [_Locator(each) for each in _CompiledCode._locator_classes]


class _CheckedFiles(IndexDataCacheFile):
    """Numba's index and data file, a SHA-256 behind the content of each; damaged ones are set aside.

    Unpickling damaged content may raise anything, and running damaged code end the process.
    """

    def _load_index(self) -> Any:
        return super()._load_index() if _is_sound(self._index_path) else {}

    def _load_data(self, name: str) -> Any:
        if not _is_sound(self._data_path(name)):
            raise FileNotFoundError(name)  # which is taken for a function that was never compiled
        return super()._load_data(name)

    @contextlib.contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        content = io.BytesIO()
        yield content
        with replacing(filepath) as file:
            file.write_bytes(content.getvalue() + hashlib.sha256(content.getvalue()).digest())


def _is_sound(path: str) -> bool:
    """Return whether a file is there and whole; one that is damaged is renamed, so that it is replaced."""
    try:
        content = Path(path).read_bytes()
        if hashlib.sha256(content[:-_DIGEST_BYTES]).digest() == content[-_DIGEST_BYTES:]:
            return True
        problem = "its content is not what was written"
    except FileNotFoundError:
        return False
    except OSError as error:
        problem = str(error)
    with contextlib.suppress(OSError):
        os.replace(path, f"{path}.damaged")
    _warn_uncached(f"{path} cannot be read: {problem}")
    return False


class _DigestedCache(FunctionCache):
    """Numba's cache, trusting the digest in the file name, and never the reason that an environment fails."""

    _impl_class = _LocatedCode

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _CheckedFiles(self._cache_path, self._impl.filename_base, stamp)

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return sig, codegen.magic_tuple()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever code raises that other versions of libraries have written
            _warn_uncached(f"a file in {self.cache_path} cannot be read ({error!r})")
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _warn_uncached(f"{self.cache_path} cannot be written to ({error!r})")


@functools.cache
def _warn_uncached(reason: str) -> None:
    warnings.warn(
        f"memory_envs compiles an environment again: {reason}. If this comes in every process, set the "
        "environment variable NUMBA_CACHE_DIR to a folder that can be written to.",
        RuntimeWarning,
        stacklevel=2,
    )

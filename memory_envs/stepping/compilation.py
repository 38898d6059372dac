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
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numba
from numba import types
from numba.core import config as numba_config
from numba.core.caching import FunctionCache, IndexDataCacheFile

from memory_envs.files import replacing
from memory_envs.stepping.kernels import make_loops

# Of a SHA-256.
_DIGEST_BYTES = 32


_BYTES_1D, _BYTES_2D, _BYTES_4D = (types.Array(types.uint8, dimensions, "C") for dimensions in (1, 2, 4))
_INTEGERS, _INTEGERS_2D = types.Array(types.int64, 1, "C"), types.Array(types.int64, 2, "C")
_FLOATS, _FLOATS_2D = types.Array(types.float64, 1, "C"), types.Array(types.float64, 2, "C")
_MASK, _FLAGS = types.Array(types.boolean, 1, "C"), types.Array(types.boolean, 2, "C")
_CONFIG = (_INTEGERS, _FLOATS)
_SHARED = (*_CONFIG, _INTEGERS_2D, _BYTES_2D, _BYTES_1D, _BYTES_4D, types.int64)
_OUTPUTS = (_BYTES_2D, _BYTES_2D, _INTEGERS_2D, _FLOATS, _FLAGS)
_SIGNATURES = {
    "reset": types.void(*_SHARED, _MASK, _BYTES_2D),
    "step": types.int64(*_SHARED, types.int64, _INTEGERS, *_OUTPUTS),
    "step_one": types.Tuple((types.int64, types.float64))(types.int64, types.int64),
    "facts": types.void(*_CONFIG, _INTEGERS_2D, _INTEGERS_2D),
    "events": types.void(*_CONFIG, *[_INTEGERS_2D] * 3),
    "state": types.void(*_CONFIG, _INTEGERS_2D, _FLOATS_2D),
}


class Kernels:
    """The loops of a rulebook as machine code; `make_loops` has their arguments.

    Each is compiled, or loaded from the disk cache, when it is first asked for: no program needs all of them,
    and compiling takes seconds.
    """

    def __init__(self, rulebook: ModuleType) -> None:
        self._rulebook, self._loops, self._digest = rulebook, make_loops(rulebook), source_digest(rulebook)

    @functools.cached_property
    def reset(self) -> Callable[..., None]:
        """Begins episodes in chosen lanes and observes all lanes."""
        return self._compiled("reset")

    @functools.cached_property
    def step(self) -> Callable[..., int]:
        """Plays one action per lane."""
        return self._compiled("step")

    @functools.cached_property
    def step_one(self) -> Callable[[int, int], tuple[int, float]]:
        """Plays one action in a lane that is alone."""
        return self._compiled("step_one")

    @functools.cached_property
    def facts(self) -> Callable[..., None]:
        """Writes the facts of all lanes."""
        return self._compiled("facts")

    @functools.cached_property
    def events(self) -> Callable[..., None]:
        """Writes what happened between two states of all lanes."""
        return self._compiled("events")

    @functools.cached_property
    def state(self) -> Callable[..., None]:
        """Writes the numbers that say the whole state of all lanes."""
        return self._compiled("state")

    def _compiled(self, name: str) -> Any:
        loop = getattr(self._loops, name)
        return _compile(loop, self._rulebook, self._digest, _SIGNATURES[name])


@functools.cache
def compile_rulebook(rulebook: ModuleType) -> Kernels:
    """Return the kernels of a rulebook, from the disk cache when its sources have not changed."""
    return Kernels(rulebook)


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

"""Arrays by their addresses, in compiled code and in Python: see `memory_envs.stepping.kernels.Table`."""

import ctypes
from typing import Any

import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray


def integers_at(address: int, shape: int) -> NDArray[np.int64]:
    """Return the int64 array of a shape that lies at an address, which somebody else keeps alive."""
    return _at(address, shape, np.int64)


def floats_at(address: int, shape: int) -> NDArray[np.float64]:
    """Return the float64 array of a shape that lies at an address, which somebody else keeps alive."""
    return _at(address, shape, np.float64)


def bytes_at(address: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the uint8 array of a shape that lies at an address, which somebody else keeps alive."""
    return _at(address, shape, np.uint8)


def _at(address: int, shape: Any, kind: Any) -> NDArray[Any]:
    """As compiled code does it, where compilation is switched off."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    memory = (ctypes.c_char * max(size, 1)).from_address(int(address))
    return np.ndarray(shape, kind, buffer=memory)


@intrinsic
def _to_pointer(typing: Any, address: Any) -> Any:
    """An integer as a pointer to anything."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


_pointer: Any = _to_pointer  # the first argument is the compiler's


@overload(integers_at, strict=False)
def _integers_at(address: Any, shape: Any) -> Any:
    return lambda address, shape: carray(_pointer(address), shape, np.int64)


@overload(floats_at, strict=False)
def _floats_at(address: Any, shape: Any) -> Any:
    return lambda address, shape: carray(_pointer(address), shape, np.float64)


@overload(bytes_at, strict=False)
def _bytes_at(address: Any, shape: Any) -> Any:
    return lambda address, shape: carray(_pointer(address), shape, np.uint8)

"""Memory tasks for reinforcement learning. Importing the package registers them with Gymnasium."""

from typing import TYPE_CHECKING, Any

from memory_envs.registry.startup import quiet_interrupts

quiet_interrupts()  # before the imports that take long

from memory_envs.registry.former_names import answer_former_names  # noqa: E402
from memory_envs.version import __version__  # noqa: E402

if TYPE_CHECKING:
    from memory_envs.certificate import certify, normalized_score, reference

__all__ = ["__version__", "certify", "normalized_score", "reference"]

answer_former_names()
try:
    from memory_envs.registry.envs import register_envs
except ModuleNotFoundError as missing:
    if missing.name != "gymnasium":
        raise  # an exported actor runs without Gymnasium; whoever makes an environment is told by Python
else:
    register_envs()


def __getattr__(name: str) -> Any:
    """Import the certificates only when they are asked for."""
    if name in __all__:
        from memory_envs import certificate

        return getattr(certificate, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names of the module, those imported when asked for among them."""
    return sorted({*globals(), *__all__})

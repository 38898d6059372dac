"""Recurrent actors as ONNX or C files: written, checked, run without torch, timed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.export.exporter import Export, export_actor, export_c

__all__ = ["Export", "export_actor", "export_c"]


def __getattr__(name: str) -> Any:
    """Import the exporter only when asked for: running an exported actor needs no torch."""
    if name in __all__:
        from agents.export import exporter

        return getattr(exporter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

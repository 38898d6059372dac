"""Lets autodoc read our docstrings, which are reStructuredText but for two habits taken from Markdown."""

import re
from typing import Any


def without_sections(lines: list[str]) -> list[str]:
    """Return a docstring up to its first Markdown heading: those sections are a page of their own."""
    headings = [place for place, line in enumerate(lines) if line.startswith("## ")]
    if not headings:
        return lines
    return [*lines[: headings[0]], "Its sections are on the page of the environment.", ""]


def with_literal_blocks(lines: list[str]) -> list[str]:
    """Return a docstring in which each paragraph indented by four or more is marked as code or a picture."""
    marked: list[str] = []
    for place, line in enumerate(lines):
        begins = re.match(r" {4,}\S", line) and (place == 0 or not lines[place - 1].strip())
        if begins and not _inside_block(marked):
            marked += ["::", ""]
        marked.append(line)
    return marked


def with_short_arrays(annotation: str | None) -> str | None:
    """Return annotations in which arrays are written as in the code: NDArray[uint8]."""
    if annotation is None:
        return None
    array = r"~?numpy\.ndarray\[tuple\[~?typing\.Any, \.\.\.\], ~?numpy\.dtype\[([^\]]+)\]\]"
    return re.sub(array, r"~numpy.typing.NDArray[\1]", annotation)


def is_tuple_field(member: Any) -> bool:
    """Return whether a member is a field of a NamedTuple, which its class describes under "Attributes"."""
    return (getattr(member, "__doc__", None) or "").startswith("Alias for field number")


def _inside_block(lines: list[str]) -> bool:
    written = [line for line in lines if line.strip()]
    return bool(written) and (written[-1].startswith("    ") or written[-1].rstrip().endswith("::"))


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx, ahead of napoleon, which reads what this leaves."""

    def on_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
        lines[:] = with_literal_blocks(without_sections(lines))

    def on_signature(
        app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str | None
    ) -> tuple[str | None, str | None]:
        return with_short_arrays(signature), with_short_arrays(returned)

    def on_member(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
        return True if is_tuple_field(obj) else None

    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-skip-member", on_member)
    app.connect("autodoc-process-signature", on_signature)
    app.connect("autodoc-process-docstring", on_docstring, priority=400)
    return {"parallel_read_safe": True}

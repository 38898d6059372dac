"""Text: a scene becomes lines of characters. Nothing but Python is needed."""

from memory_envs.rendering.palette import PALETTE
from memory_envs.rendering.scene import FLOOR, Look, Scene
from memory_envs.rendering.views import ALL, Style

_HEADINGS = ">v<^"
_MARKS = {"done": "({})", "next": "[{}]", "": "{}"}


def text(scene: Scene, style: Style = ALL, colour: bool = False) -> str:
    """Return the scene as lines of characters.

    The agent is one of ^>v<, floor that it does not see a blank. Its own view is turned as it is; where it
    stands, a tile that is not floor is shown instead of it.

    Args:
        scene: What to show.
        style: What of it.
        colour: Whether to colour the characters for a terminal (SGR escapes).
    """
    blocks = []
    if style.view != "agent":
        blocks.append(_room_lines(scene, colour))
    if style.view != "room":
        blocks.append(_view_lines(scene, colour))
    lines = _beside(blocks)
    if style.panel:
        lines += [_facts_line(scene), legend(scene)]
    return "\n".join(lines) + "\n"


def legend(scene: Scene) -> str:
    """Return a line that explains the characters of `text`."""
    looks = [scene.looks[code] for code in sorted({*scene.things, *scene.tiles.flat})]
    return "legend: " + ", ".join(["^>v< agent", *(f"{look.symbol} {look.name}" for look in looks)])


def _room_lines(scene: Scene, colour: bool) -> list[str]:
    lines = []
    for row, codes in enumerate(scene.tiles.tolist()):
        symbols = []
        for column, code in enumerate(codes):
            seen = bool(scene.visible[row, column])
            if (row, column) == (scene.row, scene.column):
                symbols.append(_coloured(_HEADINGS[scene.heading], "good", True, colour))
            elif scene.looks[code] == FLOOR and not seen:
                symbols.append(" ")
            else:
                symbols.append(_symbol(scene.looks[code], seen, colour))
        lines.append("".join(symbols))
    return lines


def _view_lines(scene: Scene, colour: bool) -> list[str]:
    grid = [[_symbol(scene.looks[code], True, colour) for code in codes] for codes in scene.view.tolist()]
    own = len(scene.view) // 2
    if scene.looks[scene.view[-1, own]] == FLOOR:
        grid[-1][own] = _coloured("^", "good", True, colour)
    return ["".join(symbols) for symbols in grid] + [
        f"{name}: {'yes' if on else 'no'}" for name, on in scene.notes.items()
    ]


def _symbol(look: Look, seen: bool, colour: bool) -> str:
    return _coloured(look.symbol, look.colour or "faint", seen, colour)


def _coloured(symbol: str, name: str, bright: bool, colour: bool) -> str:
    if not colour:
        return symbol
    red, green, blue = PALETTE[name]
    return f"\x1b[{'1' if bright else '2'};38;2;{red};{green};{blue}m{symbol}\x1b[0m"


def _beside(blocks: list[list[str]]) -> list[str]:
    """Return one block of lines, or two next to each other; the first has lines of one width."""
    if len(blocks) == 1:
        return blocks[0]
    first, second = blocks
    lines = []
    for place in range(max(len(first), len(second))):
        left = first[place] if place < len(first) else ""
        lines.append(left + ("    " + second[place] if place < len(second) else ""))
    return lines


def _facts_line(scene: Scene) -> str:
    told = {"step": f"{scene.steps}/{scene.max_steps}"}
    for fact in scene.facts:
        icons = " ".join(_MARKS[icon.mark].format(scene.looks[icon.tile].symbol) for icon in fact.icons)
        told[fact.name] = icons + fact.text
    return "  ".join(f"{name}: {value}" for name, value in told.items())

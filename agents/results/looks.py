"""How experiments are shown beside each other: each like its agent, values of one setting on a scale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agents.figures.curves import Dashes, line_styles, ordinal_colours
from agents.learning.memory_targets import HINDSIGHT
from agents.results.runs import Group
from memory_envs.registry.ablations import ABLATIONS, Ablation
from memory_envs.registry.looks import LOOKS, VARIANTS, Look, find_look
from memory_envs.registry.presets import PRESETS


@dataclass(frozen=True)
class Shown:
    """An experiment and how it looks among others.

    Attributes:
        group: The experiment.
        title: What it is called there.
        colour: Of its lines and points.
        dashes: Of its lines.
    """

    group: Group
    title: str
    colour: str
    dashes: Dashes


@dataclass(frozen=True)
class Family:
    """Experiments that are shown in one panel.

    Attributes:
        scale: What the numbers count that are their titles; empty where these are names.
        members: As they are shown one after the other; of a scale by its numbers, the default in its place.
    """

    scale: str
    members: tuple[Shown, ...]


def looks(groups: Sequence[Group]) -> tuple[Shown, ...]:
    """Return every experiment of a task like its agent; those of one agent differ by dashes and title."""
    found = [find_look(group.name, group.runs[0].settings.get("policy")) for group in groups]
    taken = {(look.colour, look.dashes) for _, look in filter(None, found)}
    free = (style for style in line_styles(len(groups) + len(taken)) if style not in taken)
    names = [known and known[0] for known in found]
    taught = [_taught(group) for group in groups]
    kinds = list(zip(names, taught, strict=True))
    shown = []
    for place, (group, known) in enumerate(zip(groups, found, strict=True)):
        if known is None:
            shown.append(Shown(group, group.name, *next(free)))
            continue
        name, look = known
        before = names[:place].count(name)
        dashes = look.dashes if not before else VARIANTS[(before - 1) % len(VARIANTS)]
        title = look.title if kinds.count(kinds[place]) == 1 else _title(group, name, look)
        shown.append(Shown(group, f"{title}{taught[place]}", look.colour, dashes))
    return tuple(shown)


def families(groups: Sequence[Group]) -> tuple[Family, ...]:
    """Return experiments as they are drawn: a panel of all, or one for each scale of their ablations."""
    scaled = [(group, ablation) for group in groups if (ablation := _ablation(group)) and ablation.scale]
    if not scaled:
        return (Family("", tuple(sorted(looks(groups), key=_in_order))),)
    rest = [group for group in groups if not any(group is each for each, _ in scaled)]
    found = []
    for scale in dict.fromkeys(ablation.scale for _, ablation in scaled):
        of_scale = [(group, ablation) for group, ablation in scaled if ablation.scale == scale]
        found.append(_family(scale, of_scale, rest))
    placed = [member.group for family in found for member in family.members]
    left = [group for group in rest if not any(group is each for each in placed)]
    return (*((Family("", looks(left)),) if left else ()), *found)


def titles(groups: Sequence[Group]) -> dict[str, str]:
    """Return what the experiments of a task are called in tables, by their names."""
    return {each.group.name: each.title for each in looks(groups)}


def _in_order(shown: Shown) -> int:
    """As agents stand in the table of looks, others last."""
    known = find_look(shown.group.name, shown.group.runs[0].settings.get("policy"))
    return [*LOOKS].index(known[0]) if known else len(LOOKS)


def _ablation(group: Group) -> Ablation | None:
    """What a preset changes of another."""
    preset = PRESETS.get(group.name)
    if preset is None or preset.ablation_of is None:
        return None
    return ABLATIONS[preset.name.removeprefix(f"{preset.ablation_of}-")]


def _family(scale: str, members: Sequence[tuple[Group, Ablation]], rest: Sequence[Group]) -> Family:
    """Ablations by their numbers, what they are ablations of among them."""
    [setting] = members[0][1].overrides
    base = PRESETS[members[0][0].name].ablation_of
    valued = [(ablation.overrides[setting], group, ablation.title) for group, ablation in members]
    for group in rest:
        if group.name == base and (value := group.runs[0].config.get(setting)) is not None:
            valued.append((value, group, f"{value} (default)"))
    valued.sort(key=lambda each: each[0])
    colours = ordinal_colours(len(valued))
    return Family(
        scale,
        tuple(
            Shown(group, title, colour, "-")
            for (_, group, title), colour in zip(valued, colours, strict=True)
        ),
    )


def _taught(group: Group) -> str:
    """What goes behind the title of an agent whose memory was taught: of which kind its targets are."""
    targets = group.runs[0].config.get("memory_targets") or ()
    in_hindsight = [each.startswith(HINDSIGHT) for each in targets]
    kinds = [*(["told"] if not all(in_hindsight) else []), *(["hindsight"] if any(in_hindsight) else [])]
    return "".join(f", {kind}" for kind in kinds)


def _title(group: Group, name: str, look: Look) -> str:
    """Of one among several experiments with an agent."""
    ablation = _ablation(group)
    if ablation is not None:
        return f"{ablation.scale}: {ablation.title}" if ablation.scale else ablation.title
    further = group.name.rpartition("/")[2].removeprefix(name).replace("-", " ").strip()
    further = re.sub(r"total_timesteps=(\d+)", lambda found: f"{int(found[1]) / 1e6:g} M frames", further)
    return f"{look.title} {further}".strip()

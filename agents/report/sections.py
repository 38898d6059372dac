"""What the page says of a task: curves, numbers, comparison and settings, ready for its template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup
from matplotlib.figure import Figure

from agents.figures.curves import Dashes, Panel, draw_panel
from agents.figures.files import svg
from agents.figures.style import own_style
from agents.figures.table import NONE, Row, Table
from agents.report.about import about_agent, about_task
from agents.results.acting import StepTimes
from agents.results.comparison import compare, find_subject
from agents.results.curves import panel
from agents.results.looks import families, titles
from agents.results.milestones import LEVELS, final, milestone
from agents.results.runs import Clock, Group
from agents.results.scores import certificate_of, measure_of
from agents.results.settings import DIFFERS, sessions_table, settings_table
from agents.results.statistics import FEWEST_SEEDS
from agents.results.tables import (
    comparison_table,
    finals_table,
    milestones_table,
    place,
    seeds_table,
    values_table,
)
from agents.runs.curve import METRICS, UNIT_LABELS, UNITS, published_points
from agents.runs.yardsticks import yardsticks

# In inches of 72 points, which a page shows as so many pixels where it is as narrow as a telephone.
_SIZE = (4.8, 3.1)
# matplotlib's dashes as SVG's.
_NAMED_DASHES = {"-": "none", "--": "6 3", ":": "2 3", "-.": "6 2 2 2"}
# Experiments whose final numbers stand at the top.
_MOST_FACTS = 6


class Fact(NamedTuple):
    """A number at the top: its text, what it is, and the colour of the agent that has it, if one has."""

    value: str
    name: str
    colour: str = ""


def section(
    name: str, groups: Sequence[Group], acting: StepTimes, clock: Clock, number: int
) -> dict[str, Any]:
    """Return what the template shows of a task.

    Args:
        name: Of the task.
        groups: Its experiments.
        acting: The time that a step of each policy takes.
        clock: That counted the minutes of these runs, see `Run.timed_by`.
        number: Of the task on its page, which tells its figures from those of others.
    """
    first = groups[0].runs[0]
    published = published_points(first.env_id, first.env_kwargs)
    shown = [(metric, family, unit) for metric in METRICS for family in families(groups) for unit in UNITS]
    panels = [panel(family.members, metric, unit, clock, what=family.scale) for metric, family, unit in shown]
    with_paper = [
        panel(family.members, metric, unit, clock, published, family.scale)
        for metric, family, unit in shown
        if published and metric == "success"
    ]
    settings, sessions = settings_table(groups), sessions_table(groups)
    return {
        "name": name,
        "about": [about_task(first), *about_agent((find_subject(groups) or groups[0]).runs[0])],
        "measure": measure_of(first),
        "facts": _facts(groups),
        "legend": _legend(panels),
        "charts": [_chart(each, f"figure-{number}-{k}") for k, each in enumerate(panels)],
        "read_off": {metric: values_table(groups, metric) for metric in METRICS},
        "paper": {
            "legend": [each for each in _legend(with_paper) if each not in _legend(panels)],
            "charts": [_chart(each, f"figure-{number}-paper-{k}") for k, each in enumerate(with_paper)],
            "read_off": values_table(groups, "success", published),
        }
        if published
        else None,
        "milestones": milestones_table(groups, published, clock),
        "finals": finals_table(groups),
        "seeds": seeds_table(groups, clock) if any(len(group.runs) > 1 for group in groups) else None,
        "comparison": comparison_table(compare(groups, acting), find_subject(groups), titles(groups))
        if len(groups) > 1
        else None,
        "differing": settings._replace(rows=[row for row in settings.rows if row.kind == DIFFERS]),
        "common": _in_one_column(settings),
        "sessions": sessions if any(row.kind for row in sessions.rows) else _in_one_column(sessions),
    }


@own_style()
def _chart(chart: Panel, name: str) -> Markup:
    figure = Figure(figsize=_SIZE, layout="constrained")
    draw_panel(figure.subplots(), chart)
    return Markup(svg(figure, name, chart.title))


def _legend(panels: Sequence[Panel]) -> list[dict[str, str]]:
    """Each name once, with its colour and SVG's dashes: curves, and what these are compared with."""
    curves = {each.name: each for one in panels for each in one.curves if each.name}
    marks = {each.name: each for one in panels for each in one.marks}
    named = [*((name, each.colour, each.dashes) for name, each in curves.items())]
    named += [(name, "currentColor", each.dashes) for name, each in marks.items()]
    return [{"name": name, "colour": colour, "dashes": _dashes(dashes)} for name, colour, dashes in named]


def _dashes(dashes: Dashes) -> str:
    """Matplotlib's dashes as SVG's, for a line three wide."""
    return _NAMED_DASHES[dashes] if isinstance(dashes, str) else " ".join(str(2 * each) for each in dashes[1])


def _facts(groups: Sequence[Group]) -> list[Fact]:
    """How well the agents do in the end, beside what the task is worth, and how soon the only one learned."""
    runs = [run for group in groups for run in group.runs]
    measure, form = ("success", ".1%") if measure_of(runs[0]) == "success" else ("mean_return", ".3g")
    agents = [
        each for family in families(groups) for each in family.members if each.group.runs[0].agent != "random"
    ]
    facts = [
        Fact(" / ".join(_short(number, form) for number in numbers), each.title, each.colour)
        for each in agents[:_MOST_FACTS]
        if (numbers := _final(each.group, measure))
    ]
    marks = yardsticks(certificate_of(runs[0]), measure_of(runs[0]))
    facts += [Fact(_short(mark.value, form), mark.name) for mark in marks]
    for unit in UNITS if len(groups) == 1 else ():
        if (median := milestone(runs, LEVELS[-1], unit).median) is not None:
            facts.append(Fact(place(median, unit), f"{UNIT_LABELS[unit]} to {LEVELS[-1]:.0%}"))
    return [*facts, Fact(str(len(runs)), "run" if len(runs) == 1 else "runs")]


def _final(group: Group, measure: str) -> list[float]:
    """What came out of few runs one by one, of more in the middle."""
    parts = [group] if len(group.runs) >= FEWEST_SEEDS else [Group(group.name, (run,)) for run in group.runs]
    return [found.mean for each in parts if (found := final(each, measure, "sampled")) is not None]


def _short(value: float, form: str) -> str:
    return f"{value:{form}}".replace(".0%", "%")


def _in_one_column(table: Table) -> Table:
    """The rows in which all columns that have the setting agree."""
    rows = [row for row in table.rows if row.kind != DIFFERS]
    values = [next((cell for cell in row.cells if cell != NONE), NONE) for row in rows]
    return Table(
        ["setting", "value"], [Row(row.name, [value]) for row, value in zip(rows, values, strict=True)]
    )

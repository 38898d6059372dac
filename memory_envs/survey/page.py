"""The page of the table, from the records and the tables in code alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from memory_envs.certificate import Bounds, Certificate
from memory_envs.files import replacing
from memory_envs.survey.records import Record
from memory_envs.survey.tasks import EFFORT, TASKS

_NONE = "—"
_HEAD = (
    "task",
    "of",
    "score",
    "chance",
    "no memory, deterministic",
    "no memory, stochastic",
    "imitation of the optimum",
    "perfect memory",
    "share that is memory's",
    "memory states",
    "memory required",
)

_TOP = """<!-- Written by `python -m memory_envs.survey --page`: change what it reads, not this. -->

# How much of a score is memory?

Tasks by which memory is judged, and what can be had in them without any. A result on one of them says
something about memory only above the score of the best policy that has none, and seldom is that score known.
Here it is computed, from all states of the task; where it could not be, the page says so. The numbers are
those of [certificates](certificate.md)."""

_COLUMNS = """## The columns

- **score**: what is valued. *success* is the probability that an episode ends well, *return* the expected sum
  of rewards. MiniGrid pays less for a later success; here a success counts 1 whenever it comes.
- **chance**: every action with equal probability.
- **no memory**: the best policy that is a function of the observation alone; *deterministic* if it always
  does the same at the same sight, *stochastic* if it draws its action. The second is never worth less.
- **imitation of the optimum**: a student that remembers as much, and does what the best policy that sees the
  state would do on average, given the student's history. *At most* stands behind it where choosing among such
  actions is worth more than drawing: no student is worth more that only does what the optimum might.
- **perfect memory**: the best policy that remembers every observation and action.
- **share that is memory's**: of what perfect memory gains over chance, what the best policy without memory,
  stochastic or not, leaves. At 0 memory is worth nothing, at 1 there is nothing but chance without it.
- **memory states**: the fewest with which a deterministic policy, a function from observation and memory to
  action and next memory, gains nine tenths of what perfect memory gains over chance. One state is no memory,
  two are one bit; the controllers that were found are valued exactly, and fewer are excluded by proof.
- **memory required**: whether the best policy without memory leaves a tenth of that gain or more. *Yes,
  proved* holds for all policies, *yes, as far as searched* for the best that was found.

A number is exact unless it is an interval. *0.5 to 1* means: a policy worth 0.5 was found, and none is worth
more than 1. The lower end is the exact value of a policy, the upper end a proof; only where the certificate
of a Meta-Fetch says so are its ends those of samples."""

_NOTES = """## What the table says

- **A stochastic policy without memory succeeds in most episodes of MiniGrid's smaller Memory tasks.** At a
  place of the junction all three objects are in view at once when one looks back. A policy that always does
  the same there cannot both look back and walk on; one that draws its action can, and needs no memory. It is
  what an agent evaluated with sampled actions should be compared with. A deterministic one gets half. From
  S11 on the first object is too far from the junction to be seen together with the others. Played in MiniGrid
  itself, a policy found for S7, worth 0.9764, succeeded in 976 of 1,000 episodes.
- **Nothing of the kind works where the choice looks the same for all cues**: in the T-maze, in bsuite's
  memory chain and in I-Maze, that no policy without memory does better than guess is proved or exact.
- **In POPGym's RepeatFirst the card in view says next to nothing about the first.** Without memory the best
  is hardly above chance, with few decks or many.
- **Who imitates one who sees all has to guess where the cue lies off the way**: in I-Maze from 9x9 on, and
  nearly so in MiniGrid from S11 on. Where the cue is shown at once, as in the T-maze, the chain and
  RepeatFirst, nothing is lost.
- FrozenLake, CliffWalking and Taxi stand here as a check: their states are in view, and memory is worth
  nothing, or next to nothing where it counts the steps that are left."""

_HOW = """## Running it, and on your own task

```
python -m memory_envs.survey --json docs/survey.json --page docs/survey.md
python -m memory_envs.survey --tasks "T-maze, length 10" --json mine.json
```

The first line measures what the JSON file does not hold yet, and writes this page; MiniGrid's tasks need
`pip install minigrid`, those of POPGym that are refused `pip install popgym`, and are left out without. Any
Gymnasium environment with finitely many states can be asked in the same way:

```
python -m memory_envs.certificate FrozenLake-v1
python -m memory_envs.certificate minigrid:MiniGrid-MemoryS7-v0 --env-kwargs '{"max_episode_steps": 245}' \\
    --clock step_count --score success
```

```python
import gymnasium
from memory_envs import certify
from memory_envs.certificate import minimal_memory
from memory_envs.finite import FiniteGym

task = FiniteGym(gymnasium.make("FrozenLake-v1", is_slippery=False), ignored="lastaction")
print(certify(task).memoryless.success, minimal_memory(task))
```

```text
1 1
```

Nothing of the rules is written down for it: the environment's own code is run from copies of its state, and
its random generator is replaced by one that branches on every draw. See [what memory is
worth](certificate.md)."""


def save_page(records: Mapping[str, Record], path: Path) -> None:
    """Write the page."""
    with replacing(path) as file:
        file.write_bytes(page(records).encode())


def page(records: Mapping[str, Record]) -> str:
    """Return the page as Markdown."""
    return (
        "\n\n".join([_TOP, "## The table", "\n".join(_table(records)), _COLUMNS, _NOTES, *_rest(records)])
        + "\n"
    )


def share(certificate: Certificate) -> Bounds | None:
    """Return what share of what perfect memory gains over chance is left by the best policy without memory.

    None where perfect memory gains nothing.
    """
    chance, without, perfect = (
        getattr(certificate, level).by(certificate.metric)
        for level in ("random", "memoryless", "perfect_memory")
    )
    if perfect.lower - chance.upper <= 1e-9:
        return None
    ends = [(perfect.lower, without.upper, chance.lower), (perfect.upper, without.lower, chance.upper)]
    low, high = ((most - least) / (most - start) for most, least, start in ends)
    return Bounds.between(max(low, 0.0), max(high, 0.0), "from the ends of the others")


def _table(records: Mapping[str, Record]) -> Iterator[str]:
    yield f"| {' | '.join(_HEAD)} |"
    yield "|---|---|---|" + "---:|" * 7 + "---|"
    for name, task in TASKS.items():
        record = records.get(name)
        if record is not None and record.certificate is not None:
            cells = [name, task.source, *_cells(record.certificate, record.memory_states)]
            yield f"| {' | '.join(cells)} |"


def _cells(certificate: Certificate, states: str | None) -> Iterator[str]:
    metric = certificate.metric
    yield metric
    yield str(certificate.random.by(metric))
    fixed = certificate.deterministic
    yield _NONE if fixed is None else str(fixed.by(metric))
    yield str(certificate.memoryless.by(metric))
    yield _imitation(certificate)
    yield str(certificate.perfect_memory.by(metric))
    left = share(certificate)
    yield _NONE if left is None else str(left)
    yield states or _NONE
    yield certificate.verdict


def _imitation(certificate: Certificate) -> str:
    if certificate.imitation is None or certificate.imitation_at_most is None:
        return _NONE
    drawn, most = (
        str(each.by(certificate.metric)) for each in (certificate.imitation, certificate.imitation_at_most)
    )
    return drawn if drawn == most else f"{drawn}, at most {most}"


def _rest(records: Mapping[str, Record]) -> Iterator[str]:
    refused = [
        f"- **{name}** ({TASKS[name].source}): {record.refused}."
        for name, record in records.items()
        if record.refused and name in TASKS
    ]
    missing = [name for name in TASKS if name not in records]
    if refused or missing:
        yield "## What could not be computed"
    if refused:
        yield "These were given to the same adapter, which refused them with what it met:"
        yield "\n".join(refused)
    if missing:
        yield f"Not measured yet: {', '.join(missing)}."
    yield (
        f"The searches looked at {EFFORT.node_limit} partial deterministic policies, and climbed from "
        f"{EFFORT.restarts} random stochastic policies and the best deterministic one in "
        f"{EFFORT.iterations} steps each; the certificates of memory-envs are those that ship."
    )
    yield _HOW

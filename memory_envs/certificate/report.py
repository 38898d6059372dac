"""The certificate itself: numbers, what kind of numbers they are, and the verdict."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from textwrap import wrap
from typing import Any

from memory_envs.certificate.bounds import EXACT, Bounds, Level
from memory_envs.registry.json_text import build, shown
from memory_envs.solvers.questions import QuestionLeak

FORMAT = "memory-envs certificate 1"

_LEAKS_SHOWN = 3
_WIDTH = 79

_LEGEND = (
    "memoryless: acts on the present sight alone; guessing: knows all but the answer",
    "perfect memory: acts on all it saw and did; optimum: acts on the whole state",
    "imitation: draws what the optimum might do by all it saw; at most: chooses it",
)


@dataclass(frozen=True)
class Certificate:
    """What memory is worth in one task.

    Attributes:
        id: Name of the task.
        settings: What it was made with.
        method: How the numbers were come by.
        horizon: Steps after which an episode is truncated.
        states: Reachable states, clock not counted; None when they were not enumerated.
        observations: Different observations made in them; None when they were not enumerated.
        random: Random actions: every one with equal probability, whatever is observed.
        guessing: All is seen but the question, whose answer has to be guessed; None when the task names no
            question.
        deterministic: The best policy that is a function of the observation alone; None when it was not
            searched for.
        memoryless: The best policy that draws its action by the observation alone; the lower ends are values
            of policies that were found.
        perfect_memory: The best policy that remembers every observation and action.
        optimum: The best policy that sees the state.
        metric: What the verdict compares and the twins are given in: "success", or "return" where no end of
            an episode is a success.
        twins: By the name of each twin, what its best policy without memory is worth; where it was computed,
            the best deterministic one.
        bottleneck: The place that every success passes and behind which nobody can tell the questions apart;
            None when there is none or it was not looked for.
        question_bits: Entropy of the question, in bits.
        actions_at_equal_sight: The most different actions that optimal plays take at one observation.
        held_shortest: Steps from the last sight of the question to the last choice by it in the plays of the
            best policy with perfect memory, for the start that needs fewest.
        held_longest: The same for the start that needs most.
        leaks: Observations that show the question where it should have to be remembered.
        memory_required: Whether perfect memory was shown to do better than the best policy without memory
            *that was found*, by as much as `memory_envs.certificate.verdict` asks for, and no observation
            gives the question away. Unless it is `proved`, nothing excludes that a policy without memory
            does as well. False says that this was not shown, which is also so where bounds are too wide.
        proved: Whether `memory_required` holds for all policies without memory, stochastic ones included, and
            not only for the best that was found.
        reasons: Why, in words.
        question: What the bits are of, in words, where more than that has to be remembered; else None.
        reward_observed: Whether perfect memory was given its rewards to remember.
        imitation: A student that remembers as perfect memory does and draws its actions as the optimum would,
            averaged over the states that its history leaves: what imitating one who sees all converges to
            (`memory_envs.solvers.imitation`). None when it was not computed.
        imitation_at_most: The best student that takes no action to which that average gives no chance.
    """

    id: str
    settings: dict[str, Any]
    method: str
    horizon: int
    states: int | None
    observations: int | None
    random: Level
    guessing: Level | None
    deterministic: Level | None
    memoryless: Level
    perfect_memory: Level
    optimum: Level
    metric: str
    twins: dict[str, Bounds]
    bottleneck: str | None
    question_bits: float | None
    actions_at_equal_sight: int | None
    held_shortest: int | None
    held_longest: int | None
    leaks: tuple[QuestionLeak, ...]
    memory_required: bool
    proved: bool
    reasons: tuple[str, ...]
    question: str | None
    reward_observed: bool = False
    imitation: Level | None = None
    imitation_at_most: Level | None = None

    @property
    def verdict(self) -> str:
        """Whether memory is required: "yes, proved", "yes, as far as searched" or "no".

        "As far as searched": the best policy without memory that was found does not do as well, others may.
        "No": it was not shown; the reasons say whether for a policy without memory that does well, for a
        question that shows, or for bounds that are too wide.
        """
        if not self.memory_required:
            return "no"
        return "yes, proved" if self.proved else "yes, as far as searched"

    @property
    def imitation_gap(self) -> Bounds | None:
        """What a student of the optimum loses of what perfect memory has, by the metric; None if unknown."""
        if self.imitation is None:
            return None
        student, memory = (each.by(self.metric) for each in (self.imitation, self.perfect_memory))
        return Bounds.between(
            memory.lower - student.upper, memory.upper - student.lower, "from the ends of the others"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the certificate as what JSON can hold."""
        content = asdict(self)
        for name in ("leaks", "reasons"):
            content[name] = list(content[name])
        for name in ("reward_observed", "imitation", "imitation_at_most"):
            if not content[
                name
            ]:  # so that certificates are written as they were before there was such a field
                del content[name]
        return {"format": FORMAT} | content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Certificate":
        """Return the certificate that `to_json` was called on.

        Raises:
            ValueError: The content is something else.
        """
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f"content must be a certificate of the format {FORMAT!r}, got {shown(content)}")
        fields = {name: value for name, value in content.items() if name != "format"}
        if "guessing" not in fields and "chance" in fields:  # as it was called before
            fields["guessing"] = fields.pop("chance")
        return build(cls, fields, "certificate")

    def __str__(self) -> str:
        lines = (wrap(each, _WIDTH, subsequent_indent="    ") or [""] for each in _lines(self))
        return "\n".join(chain.from_iterable(lines))


def _lines(certificate: Certificate) -> Iterator[str]:
    settings = f" {json.dumps(certificate.settings)}" if certificate.settings else ""
    yield f"{certificate.id}{settings}"
    yield f"{certificate.method}; at most {certificate.horizon} steps" + _extent(certificate)
    yield f"{'':26}{'return':>20}{'success':>20}{'steps':>9}"
    for name, level in _levels(certificate):
        steps = "" if level.steps is None else f"{level.steps:.1f}"
        yield f"{name:26}{level.episode_return!s:>20}{level.success!s:>20}{steps:>9}"
    yield from _LEGEND
    if certificate.imitation is None:
        yield "imitation of the optimum: not certified, which needs every history to be enumerated"
    if certificate.reward_observed:
        yield "perfect memory: remembers rewards too"
    yield from _kinds(certificate)
    for name, bounds in certificate.twins.items():
        yield f"without memory on the twin {name!r}: {certificate.metric} {bounds}"
    yield from _demands(certificate)
    yield from _leak_lines(certificate)
    yield f"memory required: {certificate.verdict}"
    for reason in certificate.reasons:
        yield f"  - {reason}"


def _levels(certificate: Certificate) -> Iterator[tuple[str, Level]]:
    yield "random actions", certificate.random
    if certificate.guessing is not None:
        yield "guessing", certificate.guessing
    if certificate.deterministic is not None:
        yield "memoryless, deterministic", certificate.deterministic
    yield "memoryless", certificate.memoryless
    if certificate.imitation is not None and certificate.imitation_at_most is not None:
        yield "imitation of the optimum", certificate.imitation
        yield "imitation, at most", certificate.imitation_at_most
    yield "perfect memory", certificate.perfect_memory
    yield "optimum", certificate.optimum


def _extent(certificate: Certificate) -> str:
    if certificate.states is None:
        return ""
    return f", {certificate.states} states, {certificate.observations} observations"


def _kinds(certificate: Certificate) -> Iterator[str]:
    given = [(name, (level.episode_return, level.success)) for name, level in _levels(certificate)]
    given += [(f"twin {name!r}", (bounds, bounds)) for name, bounds in certificate.twins.items()]
    for name, numbers in given:
        for how in dict.fromkeys(each.how for each in numbers if each.how != EXACT):
            yield f"{name}: {how}"


def _demands(certificate: Certificate) -> Iterator[str]:
    if certificate.bottleneck is not None:
        yield f"bottleneck: {certificate.bottleneck}"
    if certificate.question_bits is not None:
        part = "" if certificate.question is None else f" ({certificate.question})"
        yield f"to remember: {_bits(certificate.question_bits)}{part}" + _span(certificate)
    if certificate.actions_at_equal_sight is not None:
        yield f"different optimal actions at one observation: up to {certificate.actions_at_equal_sight}"


def _span(certificate: Certificate) -> str:
    if certificate.held_shortest is None:
        return ""
    ends = dict.fromkeys((certificate.held_shortest, certificate.held_longest))
    return f" for {' to '.join(map(str, ends))} steps, in the best play with perfect memory"


def _leak_lines(certificate: Certificate) -> Iterator[str]:
    for leak in certificate.leaks[:_LEAKS_SHOWN]:
        yield f"leak: {leak.place} shows question {leak.question}"
        yield from (f"    {line}" for line in leak.picture.splitlines())
    if len(certificate.leaks) > _LEAKS_SHOWN:
        yield f"and {len(certificate.leaks) - _LEAKS_SHOWN} leaks more"


def _bits(number: float) -> str:
    return f"{number:.4g} bit" + ("" if number == 1 else "s")

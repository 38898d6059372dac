"""The verdict: whether a task needs memory, whether that is proved, and why."""

from collections.abc import Mapping
from typing import NamedTuple

from memory_envs.certificate.bounds import Bounds, Level
from memory_envs.solvers.questions import QuestionLeak

LEFT_TO_MEMORY = 0.1
"""Share of what perfect memory gains over random actions that must need memory."""

_ROUNDING = 1e-9


class Verdict(NamedTuple):
    """Whether memory is required, whether that is proved, and the reasons in words."""

    required: bool
    proved: bool
    reasons: tuple[str, ...]


def judged(
    levels: Mapping[str, Level],
    leaks: tuple[QuestionLeak, ...],
    *,
    metric: str,
    searched: bool = True,
) -> Verdict:
    """Return the verdict on a task.

    Memory is required, as far as searched, when no observation gives the question away, perfect memory gains
    something over random actions, and the best policy without memory that was found leaves at least a tenth
    of that gain. It is proved when this holds for every policy without memory, found or not. The margin is
    relative to what there is to gain, and the same whatever a task says about itself: neither the unit of the
    rewards nor a question that is named changes the verdict.

    Args:
        levels: "random", "memoryless" and "perfect_memory".
        leaks: Where the question shows.
        metric: What is compared, "success" or "return".
        searched: Whether policies without memory were searched or trained for this task. If all that was
            played is a rule, its value says too little for a verdict.
    """
    random, memoryless, perfect = (
        levels[name].by(metric) for name in ("random", "memoryless", "perfect_memory")
    )
    gain = perfect.lower - random.upper
    useful = gain > _ROUNDING * max(abs(perfect.lower), abs(random.upper))
    limit = perfect.lower - LEFT_TO_MEMORY * gain
    name = f"{limit:.4g}, which leaves {LEFT_TO_MEMORY:.0%} of what perfect memory gains"
    near = memoryless.lower <= limit
    required = useful and near and searched and not leaks
    proved = required and memoryless.upper <= limit
    reasons = [
        f"{metric} with perfect memory is {perfect}, {'above' if useful else 'not shown to be above'} {name}",
        f"the best {metric} found without memory is {memoryless.lower:.4g}, "
        + ("not above that" if near else "above that"),
    ]
    if leaks:
        reasons.append(f"the question shows in {len(leaks)} observations where it must be remembered")
    if not searched:
        reasons.append("no policy without memory was trained in these settings, and a rule shows too little")
    if required:
        reasons.append(_proof(metric, memoryless, proved))
    return Verdict(required, proved, tuple(reasons))


def _proof(metric: str, memoryless: Bounds, proved: bool) -> str:
    if proved:
        return f"no policy without memory, stochastic or not, has a {metric} above {memoryless.upper:.4g}"
    return f"not proved: {metric} without memory is known to be at most {memoryless.upper:.4g} only"

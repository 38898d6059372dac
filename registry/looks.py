"""How agents are shown: the name, colour and dashes of each, the same in every figure, table and page.

The colours are those of Okabe and Ito, which the colour-blind can tell apart, and a grey, without black and
yellow, which are not seen on a dark and on a light page. Dashes tell apart what shares a colour. `PAPER` is
the dash of what was published of an agent, in that agent's colour.
"""

from dataclasses import dataclass

PAPER = "--"
"""As matplotlib writes dashes."""

VARIANTS = ("-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
"""Dashes of further experiments with one agent."""


@dataclass(frozen=True)
class Look:
    """How one agent is shown.

    Attributes:
        title: What figures, tables and pages call it.
        colour: Of its lines and points, on light and on dark pages.
        dashes: Of its lines, as matplotlib writes them.
    """

    title: str
    colour: str
    dashes: str = "-"


LOOKS: dict[str, Look] = {
    "ald": Look("ALD", "#0072b2"),
    "vmpo-gtrxl": Look("GTrXL", "#d55e00"),
    "vmpo-lstm": Look("LSTM", "#56b4e9"),
    "vtrace-lstm": Look("LSTM, V-trace", "#56b4e9", "-."),
    "asymmetric": Look("Asymmetric AC", "#cc79a7"),
    "vmpo": Look("V-MPO", "#cc79a7", "-."),
    "recurrent-ppo": Look("RecurrentPPO", "#009e73"),
    "ppo": Look("PPO", "#e69f00"),
    "ppo-stack": Look("PPO, 4 frames", "#e69f00", "-."),
    "mimic": Look("Mimic", "#0072b2", ":"),
    "random": Look("Random", "#686e74", ":"),
}
"""By the end of a preset's name, or the agent's."""

ORDINAL = ("#4169c8", "#738c7a", "#e6a81c")
"""Stops of the scale on which one setting's values are shown, from small to large."""

_BY_POLICY = {"GTrXLPolicy": "vmpo-gtrxl", "LstmPolicy": "vmpo-lstm", "AsymmetricPolicy": "asymmetric"}


def find_look(experiment: str, policy: str | None = None) -> tuple[str, Look] | None:
    """Return how an experiment is shown, and by which name that is known.

    Args:
        experiment: Name of a preset, or of what else was run, which ends with its agent.
        policy: Name of the policy that acts, which tells the kinds of V-MPO apart.

    Returns:
        None for an agent of which nothing is known.
    """
    end = experiment.rpartition("/")[2]
    # "ald-distillation-steps-2" and "ald (total_timesteps=...)" are ALD, and "vmpo-lstm" is no V-MPO.
    known = [name for name in LOOKS if end == name or end.startswith((f"{name}-", f"{name} "))]
    if not known:
        return None
    name = max(known, key=len)
    if name == "vmpo":
        name = _BY_POLICY.get(policy or "", name)
    return name, LOOKS[name]

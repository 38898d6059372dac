"""What is taken away from Actor-Learner Distillation, one thing at a time, as in the ablations of the paper.

Steps of distillation count per unroll. The paper counts them per step of RL, of which it has one per batch of
unrolls; with `learner_replays` further updates of the learner per unroll, there are as many fewer per update
(`distillation/steps_per_learner_update` in the log).
"""

from typing import Any, NamedTuple


class Ablation(NamedTuple):
    """One thing that is changed."""

    overrides: dict[str, Any]
    """Settings of the agent."""
    what: str
    """As it goes on after the name of the preset that is changed."""
    title: str
    """What figures and tables call it."""
    scale: str = ""
    """What the numbers of the one setting it changes count, where these are on a scale."""


_STEPS, _UNITS, _LAYERS = "distillation steps per unroll", "units of the acting LSTM", "layers of the learner"


def _steps(number: int) -> Ablation:
    return Ablation(
        {"distillation_steps": number}, f"with {number} distillation steps per unroll", str(number), _STEPS
    )


def _actor(units: int) -> Ablation:
    return Ablation({"actor_hidden_size": units}, f"with an acting LSTM of {units} units", str(units), _UNITS)


def _layers(number: int) -> Ablation:
    return Ablation({"learner_layers": number}, f"with a learner of {number} layers", str(number), _LAYERS)


# By what follows the name of the changed preset. 32 units and 2 layers are no change, so they are not here.
ABLATIONS: dict[str, Ablation] = {
    "no-value-distillation": Ablation(
        {"distilled_value_coef": 0.0}, "without value distillation", "no value distillation"
    ),
    "no-learner-regularisation": Ablation(
        {"learner_regularisation": 0.0},
        "whose learner is not pulled towards the actor",
        "no pull to the actor",
    ),
    **{f"distillation-steps-{number}": _steps(number) for number in (1, 2, 4, 8, 16)},
    **{f"actor-{units}": _actor(units) for units in (16, 64, 128)},
    **{f"learner-layers-{number}": _layers(number) for number in (1, 4)},
}

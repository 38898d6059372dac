"""Which networks of a model are watched while it plays, by the part that they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from torch import Tensor

from agents.learning.unroll import observation_to_tensors
from agents.report.policy_tracing import PolicyTracer, RecurrentPolicyTracer
from agents.report.tracing import Trace, Tracer
from agents.sb3.algorithm import UnrollAlgorithm
from agents.sb3.base import ConfiguredAlgorithm
from agents.sb3.parts import acting_names, acting_part


class Watched(Protocol):
    """What runs along an episode and writes down what happens."""

    def step(self, observation: Any, action: int = 0, reward: float = 0.0) -> Tensor:
        """Take the next observation, and what led to it, and return [A] logits."""

    def trace(self) -> Trace:
        """Return what was written down."""


def tracers(model: ConfiguredAlgorithm) -> Mapping[str, Watched]:
    """Return a tracer for each network of a model by its role, the one that acts first.

    The roles are "actor" and "learner" where one teaches the other, and "agent" where one does both.
    """
    if not isinstance(model, UnrollAlgorithm):
        if isinstance(model.policy, RecurrentActorCriticPolicy):
            return {"agent": RecurrentPolicyTracer(model.policy)}
        return {"agent": PolicyTracer(model.policy)}

    seen, hidden = model.observation_space, getattr(model.config, "learner_only", ())

    def to_batch(observation: Any) -> Any:
        own, _ = model.policy.obs_to_tensor(acting_part(observation, seen, hidden))
        if not isinstance(observation, Mapping) or not hidden:
            return own
        named = own if isinstance(own, dict) else {acting_names(seen, hidden)[0]: own}
        others = {name: observation[name][None] for name in hidden if name in observation}
        return named | observation_to_tensors(others, model.device)  # type: ignore[operator]

    if not hasattr(model, "learner"):  # a student, whose teachers are none and say nothing of values
        return {"agent": Tracer(model.actor.network, to_batch=to_batch, has_values=False)}
    in_units = model.learner.popart.denormalize  # the actor is taught normalised values, too
    learner = Tracer(model.learner.network, in_units, model.config.shows_previous_step, to_batch)
    if model.distiller is None:
        return {"agent": learner}
    return {"actor": Tracer(model.distiller.network, in_units, to_batch=to_batch), "learner": learner}

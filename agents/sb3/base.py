"""What every agent of the registry has: SB3's interface, and settings that a program can ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv

from registry.lookup import did_you_mean

# What Stable-Baselines3 calls what is closest to some of our settings, for those who try its names first.
SB3_NAMES = {
    "n_steps": ("unroll_length",),
    "n_epochs": ("learner_replays",),
    "batch_size": ("replay_lanes",),
    "learning_rate": ("learner_learning_rate", "actor_learning_rate"),
    "gae_lambda": ("policy_trace_decay", "value_trace_decay"),
    "ent_coef": ("entropy_coef",),
    "vf_coef": ("value_coef",),
}


class AgentConfig(Protocol):
    """The settings of an agent: a frozen dataclass.

    The metadata of its fields say what they are ("help") and where their defaults come from ("origin").
    """

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def unroll_length(self) -> int:
        """Steps of each lane between two updates."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""


class ConfiguredAlgorithm(BaseAlgorithm):
    """An SB3 algorithm that keeps its settings in one object.

    Its `save` knows the parts "replay" and "environment", and `load(..., force_reset=False)` goes on inside
    the saved episodes.

    Attributes:
        config: All settings.
    """

    config_class: ClassVar[Any]
    """A class of `AgentConfig`."""
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]]
    config: Any
    engines: ClassVar[tuple[str, ...]] = ("serial",)
    """What may turn its loop: "serial", everything in one process, and perhaps "ray"."""

    if TYPE_CHECKING:  # the constructor that every subclass has, other than SB3's

        def __init__(
            self,
            policy: str | type[BasePolicy],
            env: GymEnv | str | None = None,
            config: Any = None,
            **arguments: Any,
        ) -> None: ...

    def _get_policy_from_name(self, policy_name: str) -> type[BasePolicy]:
        if policy_name not in self.policy_aliases:
            raise ValueError(f"policy must be one of {', '.join(self.policy_aliases)}, got {policy_name!r}")
        return self.policy_aliases[policy_name]

    @classmethod
    def _configured(cls, config: Any, settings: Mapping[str, Any]) -> Any:
        """`config` with single settings changed."""
        names = [field.name for field in dataclasses.fields(config)]
        for name in settings:
            if name not in names:
                meant = [ours for ours in SB3_NAMES.get(name, ()) if ours in names]
                hint = did_you_mean(name, names, synonyms=meant)
                raise TypeError(
                    f"{cls.__name__} has no setting {name!r}{hint} (there are {', '.join(names)})"
                )
        return dataclasses.replace(config, **settings)

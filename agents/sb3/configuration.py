"""The settings of an agent in one object, single ones on top; hints for those who try SB3's names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from memory_envs.registry.lookup import did_you_mean

# What Stable-Baselines3 and others call what is closest to some of our settings.
SB3_NAMES = {
    "n_steps": ("unroll_length",),
    "n_epochs": ("learner_replays",),
    "batch_size": ("replay_lanes",),
    "learning_rate": ("actor_learning_rate", "learner_learning_rate", "learning_rate"),
    "gae_lambda": ("policy_trace_decay", "value_trace_decay"),
    "ent_coef": ("entropy_coef",),
    "vf_coef": ("value_coef",),
    "buffer_size": ("replay_size",),
    "hidden_size": ("actor_hidden_size", "lstm_hidden_size"),
    **dict.fromkeys(("d_model", "embed_dim", "width"), ("learner_width",)),
    **dict.fromkeys(("heads", "nhead"), ("learner_heads",)),
}


def configured(agent: str, wanted: type[Any], config: Any, settings: Mapping[str, Any]) -> Any:
    """Return a configuration with single settings changed.

    Args:
        agent: Name of the agent's class, for errors.
        wanted: Class of its configurations.
        config: One of them; the defaults when None.
        settings: By name.

    Raises:
        TypeError: `config` is of another kind, or there is no such setting.
    """
    config = wanted() if config is None else config
    names = [field.name for field in dataclasses.fields(wanted)]
    if not isinstance(config, wanted):
        shown = type(config).__name__ if dataclasses.is_dataclass(type(config)) else f"{config!r:.60}"
        steps = [f"{each}=" for each in SB3_NAMES["learning_rate"] if each in names]
        hint = f"; step sizes are settings of their own, {' and '.join(steps)}" if steps else ""
        raise TypeError(f"config must be a {wanted.__name__}, got {shown}{hint}")
    for name in settings:
        if name not in names:
            hint = did_you_mean(name, names, synonyms=SB3_NAMES)
            raise TypeError(f"{agent} has no setting {name!r}{hint} (there are {', '.join(names)})")
    return dataclasses.replace(config, **settings)

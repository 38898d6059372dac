"""Who takes part: agents of the registry with the defaults that their users meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memory_envs.registry.looks import LOOKS
from memory_envs.registry.lookup import look_up

NUM_ENVS = 16

# SB3's PPO takes 2,048 steps per rollout of the one environment that its documentation begins with. With 16
# lanes its n_steps=2048 would leave it 4 to 7 updates in all; 128 steps of 16 lanes are as long a rollout.
_PPO: dict[str, Any] = {"n_steps": 2048 // NUM_ENVS, "batch_size": 64}


@dataclass(frozen=True)
class Contestant:
    """One agent as it takes part.

    Attributes:
        name: What cells and records call it.
        agent: Name in `memory_envs.registry.agents`.
        policy: Of the agent.
        settings: What its settings are, for the page.
        speed: Frames per second of one core, as measured on CartPole and Acrobot, for the estimate.
        stack: Observations shown together.
        overrides: Settings that differ from the defaults of its configuration.
        frames: Of training, whatever the task; those of the task when None.
    """

    name: str
    agent: str
    policy: str
    settings: str
    speed: int
    stack: int = 1
    overrides: dict[str, Any] = field(default_factory=dict)
    frames: int | None = None

    @property
    def title(self) -> str:
        """What the page calls it, as all figures and pages do."""
        return LOOKS[self.name].title

    @property
    def env_kwargs(self) -> dict[str, Any]:
        """Settings of the environment."""
        return {} if self.stack == 1 else {"stack": self.stack}

    def plays(self, agent: str, env_kwargs: Mapping[str, Any]) -> bool:
        """Return whether a run of this agent with these settings of the environment is its own."""
        return agent == self.agent and env_kwargs == self.env_kwargs


CONTESTANTS: dict[str, Contestant] = {
    row.name: row
    for row in (
        Contestant("ald", "ald", "LstmPolicy", "the defaults of `ALDConfig`, the same for every task", 4800),
        Contestant(
            "recurrent-ppo",
            "recurrent-ppo",
            "MlpLstmPolicy",
            "the defaults of sb3-contrib's `RecurrentPPO`; run by this project's `FastRecurrentPPO`, which "
            "collects the same rollouts under the same seed and learns the same up to the rounding of "
            "floats, see [its page](recurrent_ppo.md). It is four to five times as fast, so its CPU minutes "
            "are not those of sb3-contrib's class",
            1200,
        ),
        Contestant(
            "ppo-stack",
            "ppo",
            "MlpPolicy",
            "as PPO, and shown the latest four observations, zeros before the first; choices among a few are "
            "written one-hot",
            4500,
            stack=4,
            overrides=_PPO,
        ),
        Contestant(
            "ppo",
            "ppo",
            "MlpPolicy",
            "the defaults of Stable-Baselines3's `PPO` but for `n_steps=128`: its 2,048 are meant for a "
            "single environment, and 128 steps of 16 are a rollout of the same 2,048 frames; with 2,048 "
            "steps of each it would be updated 4 to 7 times in all",
            4800,
            overrides=_PPO,
        ),
        Contestant(
            "random",
            "random",
            "RandomPolicy",
            "every action with the same probability, over as many episodes as the others are evaluated in",
            10_000,
            frames=128 * NUM_ENVS,
        ),
    )
}

SUBJECT, RIVAL, CHANCE = "ald", "recurrent-ppo", "random"


def get_contestant(name: str) -> Contestant:
    """Return a contestant.

    Raises:
        ValueError: There is no such one; says which is nearest.
    """
    return look_up(CONTESTANTS, "agent", name)

"""sb3-contrib's RecurrentPPO, several times as fast; see docs/recurrent_ppo.md."""

from agents.baselines.recurrent_ppo.algorithm import FastRecurrentPPO

__all__ = ["FastRecurrentPPO"]

"""RecurrentPPO of sb3-contrib, several times as fast."""

from agents.baselines.recurrent_ppo.algorithm import FastRecurrentPPO

__all__ = ["FastRecurrentPPO"]

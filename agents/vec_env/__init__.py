"""Environments as Stable-Baselines3 takes them."""

from agents.vec_env.gymnasium import GymnasiumVecEnv

__all__ = ["GymnasiumVecEnv"]

"""Environments as vectorized environments of Stable-Baselines3."""

from agents.vec_env.gymnasium import GymnasiumVecEnv

__all__ = ["GymnasiumVecEnv"]

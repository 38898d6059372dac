"""Memory tasks for reinforcement learning. Importing this package registers its environments with Gymnasium."""

from registry.envs import register_envs

__version__ = "0.1.0"

register_envs()

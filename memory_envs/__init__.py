"""Memory tasks for reinforcement learning. Importing the package registers them with Gymnasium."""

from registry.envs import register_envs

__version__ = "0.1.0"

register_envs()

"""Datasets of episodes in Minari's format, of which each can be played again: for learning offline.

`python -m memory_envs.dataset` records, builds those that are described here, and verifies.
"""

from memory_envs.dataset.episodes import RecordedEpisode, play
from memory_envs.dataset.recipes import RECIPES, Recipe, build
from memory_envs.dataset.storage import record, replays, verify

__all__ = ["RECIPES", "RecordedEpisode", "Recipe", "build", "play", "record", "replays", "verify"]

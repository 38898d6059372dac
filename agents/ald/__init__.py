"""Actor-Learner Distillation (ALD)."""

from agents.ald.algorithm import ALD
from agents.learning.config import ALDConfig

__all__ = ["ALD", "ALDConfig"]

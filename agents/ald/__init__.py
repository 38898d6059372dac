"""Actor-Learner Distillation."""

from agents.ald.algorithm import ALD
from agents.ald.config import ALDConfig

__all__ = ["ALD", "ALDConfig"]

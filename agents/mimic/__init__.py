"""Actor-Mimic: an LSTM taught by policies that are no learners."""

from agents.mimic.algorithm import Mimic
from agents.mimic.config import MimicConfig

__all__ = ["Mimic", "MimicConfig"]

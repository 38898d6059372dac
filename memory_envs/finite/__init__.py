"""Finite tasks: the protocol, and rulebooks in its form."""

from memory_envs.finite.protocol import FiniteEnv, Outcome, QuestionEnv
from memory_envs.finite.rulebook import FiniteRules

__all__ = ["FiniteEnv", "FiniteRules", "Outcome", "QuestionEnv"]

"""Finite tasks: the protocol, and rulebooks in its form."""

from memory_envs.finite.protocol import DescribedEnv, FiniteEnv, Outcome, QuestionEnv
from memory_envs.finite.rulebook import FiniteRules

__all__ = ["DescribedEnv", "FiniteEnv", "FiniteRules", "Outcome", "QuestionEnv"]

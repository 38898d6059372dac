"""Finite tasks: the protocol, and our tasks in its form."""

from memory_envs.finite.protocol import FiniteEnv, Outcome, QuestionEnv

__all__ = ["FiniteEnv", "Outcome", "QuestionEnv"]

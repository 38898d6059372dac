"""Finite tasks: the protocol, rulebooks in its form, and other people's environments in it."""

from memory_envs.finite.chance import Chance
from memory_envs.finite.copied import FiniteGym
from memory_envs.finite.errors import NotFinite, TooLarge
from memory_envs.finite.protocol import DescribedEnv, FiniteEnv, Outcome, QuestionEnv
from memory_envs.finite.rulebook import FiniteRules
from memory_envs.finite.tabular import FiniteTable, finite_form, from_table

__all__ = [
    "Chance",
    "DescribedEnv",
    "FiniteEnv",
    "FiniteGym",
    "FiniteRules",
    "FiniteTable",
    "NotFinite",
    "Outcome",
    "QuestionEnv",
    "TooLarge",
    "finite_form",
    "from_table",
]

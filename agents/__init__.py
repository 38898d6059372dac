"""Agents that remember: Actor-Learner Distillation (ALD) and its parts."""

from memory_envs.registry.former_names import answer_former_names

answer_former_names()

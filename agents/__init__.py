"""Agents that remember: Actor-Learner Distillation (ALD) and its parts."""

from memory_envs.registry.former_names import answer_former_names
from memory_envs.registry.startup import quiet_interrupts

quiet_interrupts(__name__)
answer_former_names()

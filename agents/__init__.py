"""Agents that remember: Actor-Learner Distillation (ALD) and its parts."""

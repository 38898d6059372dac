"""What Actor-Learner Distillation is compared with."""

from agents.baselines.vmpo import VMPO

__all__ = ["VMPO"]

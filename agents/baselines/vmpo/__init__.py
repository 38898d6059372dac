"""V-MPO whose learner acts for itself."""

from agents.baselines.vmpo.algorithm import VMPO

__all__ = ["VMPO"]

"""Reference policies, and what they are made of."""

from memory_envs.policies.lanes import REFERENCES, ReferenceLanes
from memory_envs.policies.reference import (
    MemorylessPolicy,
    OptimalPolicy,
    PerfectMemoryPolicy,
    Policy,
    RandomPolicy,
    ReferencePolicy,
    reference_policy,
)

__all__ = [
    "REFERENCES",
    "MemorylessPolicy",
    "OptimalPolicy",
    "PerfectMemoryPolicy",
    "Policy",
    "RandomPolicy",
    "ReferenceLanes",
    "ReferencePolicy",
    "reference_policy",
]

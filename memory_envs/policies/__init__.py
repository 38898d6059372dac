"""Reference policies, and what they are made of."""

from memory_envs.policies.reference import (
    MemorylessPolicy,
    OptimalPolicy,
    PerfectMemoryPolicy,
    Policy,
    RandomPolicy,
    reference_policy,
)

__all__ = [
    "MemorylessPolicy",
    "OptimalPolicy",
    "PerfectMemoryPolicy",
    "Policy",
    "RandomPolicy",
    "reference_policy",
]

"""What memory is worth in a task: computed, not assumed."""

from memory_envs.certificate.bounds import Bounds, Level
from memory_envs.certificate.effort import Effort
from memory_envs.certificate.minimal import minimal_memory
from memory_envs.certificate.report import Certificate
from memory_envs.certificate.shipped import normalized_score, reference
from memory_envs.certificate.targets import certify

__all__ = [
    "Bounds",
    "Certificate",
    "Effort",
    "Level",
    "certify",
    "minimal_memory",
    "normalized_score",
    "reference",
]

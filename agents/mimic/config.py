"""Settings of a student and of its teachers."""

from __future__ import annotations

from dataclasses import dataclass

from agents.learning.memory_targets import MemoryTargetSettings
from agents.learning.networks.cores import ACTOR_CORES
from agents.learning.settings import setting
from agents.learning.tasks import TaskSettings


@dataclass(frozen=True)
class MimicConfig(TaskSettings, MemoryTargetSettings):
    """Settings of a student and of its teachers."""

    # Teachers
    teachers: tuple[str, ...] = setting(
        ("perfect_memory",),
        "who teaches, one for all tasks or one for each: a reference policy (random, memoryless, "
        "perfect_memory, optimal), an actor that ships, or the path of a run or of a model file",
        "ours; Parisotto et al. 2015: one trained DQN per game",
    )
    temperature: float = setting(
        1.0,
        "what the teachers' logits are divided by; the student's are not",
        "ours: 1; Parisotto et al. 2015 divide Q-values",
    )
    # Acting
    unroll_length: int = setting(40, "steps T in one unroll", "as ALD's")
    actor_core: str = setting(
        "lstm", "recurrent core that acts: lstm, gru, or lru (a linear recurrent unit)", "as ALD's"
    )
    actor_hidden_size: int = setting(32, "units of the core that acts", "as ALD's")
    # Learning
    actor_learning_rate: float = setting(
        3e-3, "Adam step size", "as ALD's actor's", falls_by="final_learning_rates"
    )
    final_learning_rates: float = setting(
        1.0, "share of the step size that is left at the end, approached linearly", "ours"
    )
    max_grad_norm: float | None = setting(0.3, "clip the gradient's norm", "as ALD's")
    distillation_steps: int = setting(8, "steps of gradient per unroll", "tuned")
    distillation_window: int = setting(8, "latest unrolls that they are taken on", "as ALD's")

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is out of range; names the setting, the value and what it must be.
        """
        super().__post_init__()
        self._require_choice("actor_core", ACTOR_CORES)
        self._require_each("unroll_length actor_hidden_size distillation_steps distillation_window", 1)
        for name in ("temperature", "actor_learning_rate", "max_grad_norm"):
            self._require(name, (value := getattr(self, name)) is None or value > 0, "greater than 0")
        self._require_shares("final_learning_rates")
        self._require("teachers", bool(self.teachers), "one name, or one for each task")

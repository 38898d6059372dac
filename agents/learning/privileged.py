"""Settings of a learner that may know more than its actor."""

from __future__ import annotations

from dataclasses import dataclass

from agents.learning.settings import Settings, setting

LEARNER_SEES = ("critic", "policy")


@dataclass(frozen=True)
class PrivilegedSettings(Settings):
    """Which parts of a Dict observation are for the learner alone, and what of it sees them."""

    learner_only: tuple[str, ...] = setting(
        (),
        "keys of a Dict observation that the learner alone is shown; acting never needs them",
        "ours; paper: none",
        absent=(),
    )
    learner_sees: str = setting(
        "critic",
        "what of the learner is shown them: critic (the values behind its advantages; Baisero & Amato 2021), "
        "or policy (all of it)",
        "ours",
        absent="critic",
    )
    backtrack_target_kl: float = setting(
        0.0,
        "let the learner's pull to its actor adapt, times or divided by 1.2 per unroll, so that their KL "
        "stays near this; 0 leaves the pull as it is",
        "Li et al. 2025: 0.01; ours: 0",
        absent=0.0,
    )
    actor_rl_coef: float = setting(
        0.0,
        "weight of the actor's own policy gradient, by the learner's advantages, beside its distillation",
        "Li et al. 2025; paper: none",
        absent=0.0,
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is out of range; names the setting, the value and what it must be.
        """
        super().__post_init__()
        self._require("learner_only", len({*self.learner_only}) == len(self.learner_only), "keys, each once")
        self._require_choice("learner_sees", LEARNER_SEES)
        self._require(
            "learner_sees",
            self.learner_sees == "critic" or bool(self.learner_only),
            "critic without learner_only, which names what is shown",
        )
        self._require_each("backtrack_target_kl actor_rl_coef", 0)

    @property
    def privileged_critic(self) -> bool:
        """Whether the learner's values alone see more than its actor."""
        return bool(self.learner_only) and self.learner_sees == "critic"

    @property
    def privileged_policy(self) -> bool:
        """Whether all of the learner sees more than its actor."""
        return bool(self.learner_only) and self.learner_sees == "policy"

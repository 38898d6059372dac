"""Settings of a student: what cannot work is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from agents.mimic import MimicConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "temperature must be greater than 0, got 0.0"),
        ({"actor_learning_rate": -1.0}, "actor_learning_rate must be greater than 0"),
        ({"max_grad_norm": 0.0}, "max_grad_norm must be greater than 0"),
        ({"distillation_steps": 0}, "distillation_steps must be at least 1"),
        ({"actor_core": "gtrxl"}, "actor_core must be one of lstm, gru, lru, got 'gtrxl'"),
        ({"teachers": ()}, "teachers must be one name, or one for each task, got"),
        ({"tasks": ("MemoryEnvs/IMaze-v0",) * 2}, "environments, each once"),
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MimicConfig(**settings)


def test_one_teacher_may_be_named_by_itself() -> None:
    assert MimicConfig(teachers="optimal").teachers == ("optimal",)  # type: ignore[arg-type]

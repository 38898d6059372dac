"""How settings name tasks."""

from __future__ import annotations

import pytest

from agents.learning.tasks import TaskSettings, parsed


def test_a_task_is_an_id_with_or_without_settings() -> None:
    assert parsed("MemoryEnvs/IMaze-9x9-v0") == ("MemoryEnvs/IMaze-v0", {})
    assert parsed('CartPole-v1 {"size": 11, "a": {"b": 1}}') == ("CartPole-v1", {"size": 11, "a": {"b": 1}})


@pytest.mark.parametrize("task", ['{"size": 11}', "", 'A-v0 {"size": }', 'A-v0 {"size": 1} B'])
def test_what_names_no_task_is_refused(task: str) -> None:
    with pytest.raises(ValueError, match="tasks must be ids, or ids with settings"):
        TaskSettings(tasks=(task,))


def test_a_task_is_named_once_whatever_it_is_called() -> None:
    with pytest.raises(ValueError, match="tasks must be environments, each once"):
        TaskSettings(tasks=("MemoryEnvs/IMaze-v0", "MemoryEnvs/IMaze-9x9-v0 {}"))

"""The registered ids, and what to compute of them no more than once."""

from __future__ import annotations

import functools

import pytest

import memory_envs
from memory_envs.certificate import Certificate
from memory_envs.registry.envs import ENVS

IDS = [row.id for row in ENVS]
# One id of each task; the others differ in numbers only.
TASKS = list({row.entry_point: row.id for row in reversed(ENVS)}.values())
# All ids, for what depends on the task and hardly on its numbers: the slow tests meet the others.
TASKS_OR_SLOW = [pytest.param(each, marks=[] if each in TASKS else pytest.mark.slow) for each in IDS]


@functools.cache
def certified(env_id: str) -> Certificate:
    """Return the certificate of an id, computed anew."""
    return memory_envs.certify(env_id)

"""The loops over lanes do what the rules say, compiled or not."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_envs.imaze import TASK, IMazeEnv
from memory_envs.rules import imaze
from memory_envs.stepping.kernels import make_loops, pack
from memory_envs.stepping.lanes import Lanes
from tests.support import ROOT
from tests.support.env_oracles import one_hot, play_in_python

CONFIGS = [
    {},
    {"size": 15, "view_size": 5, "start": "center", "delay": 9, "step_penalty": 0.01},
    {"size": 5, "view_size": 1, "max_episode_steps": 7},
]


FIRST_RESET = """
import json, time, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    start = time.perf_counter()
    from memory_envs.imaze import TASK, IMazeEnv
    env = IMazeEnv()
    observation, _ = env.reset(seed=0)
print(json.dumps({
    "seconds": time.perf_counter() - start,
    "warnings": [str(each.message) for each in caught],
    "observation": observation.tolist(),
}))
"""


# Two fifths of the time of compiling go into making the code fast, which is of no use to one reset.
QUICKLY = {"NUMBA_OPT": "0"}


def first_reset(folder: Path, **variables: str | Path) -> dict:
    """Reset an environment of the packages in `folder` in a process of its own, with more variables."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))
    }
    environment |= {name: str(value) for name, value in (variables | {"PYTHONPATH": folder}).items()}
    command = [sys.executable, "-c", FIRST_RESET]
    finished = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=True, timeout=200
    )
    return json.loads(finished.stdout)


def copy_packages(to: Path) -> Path:
    for package in ("memory_envs", "registry"):
        shutil.copytree(ROOT / package, to / package, ignore=shutil.ignore_patterns("__pycache__"))
    return to


@pytest.fixture(scope="module")
def uncached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Future[dict]]]:
    """A copy that can be written to nowhere, and its first reset, which goes on beside the tests.

    There are files where the cache folders would be: that stops a superuser too, whom permissions do not.
    """
    folder = copy_packages(tmp_path_factory.mktemp("uncached"))
    for name in ("memory_envs/stepping/__pycache__", "memory_envs/rules/__pycache__", "home"):
        (folder / name).write_text("")
    home = folder / "home"
    with ThreadPoolExecutor(1) as beside:
        yield folder, beside.submit(first_reset, folder, HOME=home, XDG_CACHE_HOME=home, **QUICKLY)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, uncached: object) -> tuple[Path, dict]:
    """A third, and its first reset, in which it was compiled; tests leave it as it was, but for its cache."""
    folder = copy_packages(tmp_path_factory.mktemp("compiled"))
    first = first_reset(folder, NUMBA_CACHE_DIR=folder / "cache")
    assert len(compiled_files(folder)) == 3
    return folder, first


def compiled_files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.nbc")}


@pytest.mark.parametrize("settings", CONFIGS)
@settings(deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_compiled_lane_equals_the_uncompiled_rules(settings, seed):
    env = IMazeEnv(**settings)
    actions = np.random.default_rng(seed).choice(3, size=400, p=[0.15, 0.25, 0.6]).tolist()
    observation, info = env.reset(seed=seed)
    expected = play_in_python(env.config, env.stream, env.episode, actions)
    state, window, *_ = next(expected)
    assert (observation == one_hot(window)).all()
    for action, (state, window, *outcome) in zip(actions, expected, strict=False):
        observation, *played, info = env.step(action)
        assert (observation == one_hot(window)).all()
        assert played == outcome
        assert info == {"is_success": state.outcome == 1}
        assert {name: env.get_state()[name] for name in state._fields} == state._asdict()


@pytest.mark.parametrize("autoreset", range(3))
@pytest.mark.parametrize("observation", ["onehot", "tiles"])
def test_compiled_loops_equal_the_same_loops_in_python(autoreset, observation):
    config = imaze.configure(max_episode_steps=30, delay=2)
    compiled, plain = (Lanes(TASK, config, 3, observation, autoreset) for _ in range(2))
    plain._kernels = make_loops(imaze)
    generator = np.random.default_rng(0)
    compiled.rows[:, 0] = plain.rows[:, 0] = [11, 22, 33]
    everyone = np.ones(3, dtype=bool)
    assert (compiled.begin(everyone) == plain.begin(everyone)).all()
    for _ in range(200):
        actions = generator.choice(3, size=3, p=[0.15, 0.25, 0.6])
        one, other = compiled.step(actions), plain.step(actions)
        over = one.flags[:2].any(axis=0)
        assert all((a == b).all() for a, b in zip(one[:1] + one[2:], other[:1] + other[2:], strict=True))
        if autoreset == 1:
            assert (one.final_observations[over] == other.final_observations[over]).all()
        if autoreset == 2 and over.any():
            assert (compiled.begin(over) == plain.begin(over)).all()
        assert (compiled.rows == plain.rows).all()
    assert compiled.rows[:, 1].sum() > 3 or autoreset == 2


def test_a_config_with_fields_out_of_order_is_refused():
    class Config(NamedTuple):
        weight: float
        size: int

    with pytest.raises(TypeError, match="Config must have int fields, then float fields"):
        pack(Config(0.5, 3))

"""The suite as a user installs it: from a wheel, with nothing but what the wheel asks for.

Run by `.ci/run` in an environment of its own, outside the repository.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import gymnasium as gym
import numpy as np
from gymnasium import error

import memory_envs
from memory_envs.policies.reference import reference_policy
from memory_envs.registry.envs import ENVS
from memory_envs.replay import Replay, record

ABSENT = ("torch", "stable_baselines3", "pygame", "PIL", "imageio_ffmpeg", "matplotlib", "rich", "tyro")


def main() -> None:
    """Check everything, loudest fault first."""
    here = Path(memory_envs.__file__)
    assert "site-packages" in here.parts, f"memory_envs comes from {here}, not from the wheel"
    present = [name for name in ABSENT if importlib.util.find_spec(name) is not None]
    assert not present, f"{present} are installed, so nothing is shown about doing without them"
    for row in ENVS:
        play(row.id)
    refuse_pixels()
    replay()
    beside_files_of_any_name()
    for command in ("certificate", "benchmark", "play", "replay", "testing"):
        subprocess.run(
            [sys.executable, "-m", f"memory_envs.{command}", "--help"], check=True, capture_output=True
        )
    print(f"the suite works alone: {len(ENVS)} ids, from {here.parent}")


def play(env_id: str) -> None:
    """Some steps in every form of observation, alone and in lanes, and the certificate."""
    for observation in ("onehot", "tiles", "rgb"):
        env = gym.make(env_id, observation=observation, render_mode="ansi")
        seen, _ = env.reset(seed=0)
        lanes = gym.make_vec(env_id, num_envs=3, observation=observation)
        assert np.array_equal(lanes.reset(seed=0)[0][0], seen)
        for action in (2, 1, 2, 0, 2):
            seen, *_ = env.step(action)
            assert np.array_equal(lanes.step(np.full(3, action))[0][0], seen)
        assert isinstance(env.render(), str)
    assert memory_envs.reference(env_id).memory_required


def refuse_pixels() -> None:
    """Pictures need the extra, and say so."""
    env = gym.make("MemoryEnvs/IMaze-v0", render_mode="rgb_array")
    env.reset(seed=0)
    try:
        env.render()
    except error.DependencyNotInstalled as missing:
        assert "memory-envs[render]" in str(missing), missing
    else:
        raise AssertionError("a frame was painted although the render extra is missing")


def beside_files_of_any_name() -> None:
    """A user's own registry.py, agents.py and tests.py are theirs."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("registry", "agents", "tests"):
            (Path(folder) / f"{name}.py").write_text("NAME = 'mine'\n")
        script = Path(folder) / "script.py"
        script.write_text(
            "import gymnasium, memory_envs, registry, agents, tests\n"
            f"gymnasium.make({ENVS[0].id!r}).reset(seed=0)\n"
            "assert registry.NAME == agents.NAME == tests.NAME == 'mine'\n"
        )
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
        subprocess.run([sys.executable, script], check=True, cwd=folder, env=environment)


def replay() -> None:
    """An episode goes through its file and verifies."""
    env = gym.make("MemoryEnvs/IMaze-v0")
    played = record(env, reference_policy("optimal", env), seed=0)
    with tempfile.TemporaryDirectory() as folder:
        played.save(Path(folder) / "replay.json")
        assert json.loads((Path(folder) / "replay.json").read_text())["env_id"] == "MemoryEnvs/IMaze-v0"
        assert Replay.load(Path(folder) / "replay.json") == played


main()

"""Keys of a Dict observation that are moved to the infos, in the suite's own terms and in training."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

from memory_envs.wrappers import KeysToInfo

SPACE = spaces.Dict(
    {
        "shown": spaces.Box(-1, 1, (2,), np.float32),
        "cue": spaces.Discrete(3),
        "place": spaces.Box(-np.inf, np.inf, (2,), np.float64),
    }
)


class Cues(gymnasium.Env[Any, Any]):
    """Shows the cue at first and hides it afterwards, but for two keys that tell it throughout."""

    observation_space, action_space = SPACE, spaces.Discrete(2)
    memory_target_spaces = {"own": spaces.Discrete(2)}

    def __init__(self, told: str = "own") -> None:
        self.buffer, self.told = np.zeros(2), told

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        super().reset(seed=seed)
        self.cue, self.steps = int(self.np_random.integers(2)), 0
        return self.observed(), {self.told: 1}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return self.observed(), 0.0, self.steps == 4, False, {self.told: 0}

    def observed(self) -> dict[str, Any]:
        self.buffer[:] = 1000 * self.cue, self.steps
        shown = np.float32([2 * self.cue - 1, 1] if self.steps == 0 else [0, 0])
        return {"shown": shown, "cue": np.int64(1 + self.cue), "place": self.buffer}


def test_the_keys_are_in_the_infos_and_nowhere_else() -> None:
    env, plain = KeysToInfo(Cues(), ["cue", "place"]), Cues()
    assert list(env.observation_space) == ["shown"]
    moved = {"cue": SPACE["cue"], "place": SPACE["place"]}
    assert env.memory_target_spaces == {"own": spaces.Discrete(2), **moved}
    (observation, info), (whole, own) = env.reset(seed=3), plain.reset(seed=3)
    infos = []
    for _ in range(4):
        assert list(observation) == ["shown"] and (observation["shown"] == whole["shown"]).all()
        assert info["own"] == own["own"] and info["cue"] == whole["cue"]
        np.testing.assert_array_equal(info["place"], whole["place"])
        infos.append(info)
        observation, *ended, info = env.step(0)
        whole, *as_ended, own = plain.step(0)
        assert ended == as_ended
    # Though the environment writes over its array.
    assert [each["place"][1] for each in infos] == [0, 1, 2, 3]


def test_it_is_an_environment_like_any_other() -> None:
    gymnasium.register("Cues-v0", Cues)
    env = gymnasium.make("Cues-v0", disable_env_checker=True)
    wrapped = KeysToInfo(env, "cue")
    check_env(KeysToInfo(Cues(), "place"), skip_render_check=True)
    again = gymnasium.make(wrapped.spec)
    assert list(again.observation_space) == ["place", "shown"]
    assert pickle.loads(pickle.dumps(again)).get_wrapper_attr("keys") == ("cue",)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("cu", "keys must be among cue, place, shown, got 'cu', did you mean 'cue'"),
        ([], "each once and not all, got \\[\\]"),
        (["cue", "cue"], "each once and not all, got"),
        (["cue", "place", "shown"], "each once and not all, got"),
    ],
)
def test_other_keys_are_refused(keys: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KeysToInfo(Cues(), keys)


def test_what_would_hide_something_is_refused() -> None:
    with pytest.raises(ValueError, match="whose observations are a Dict, got Box"):
        KeysToInfo(gymnasium.make("CartPole-v1"), "cue")
    with pytest.raises(ValueError, match="not be told as memory targets by the environment, got cue"):
        KeysToInfo(KeysToInfo(Renamed(), "shown"), "cue")
    with pytest.raises(ValueError, match="not be told by the environment's infos, got cue"):
        KeysToInfo(Cues(told="cue"), "cue").reset()


class Renamed(Cues):
    """Tells a target of the name of a key."""

    memory_target_spaces = {"cue": spaces.Discrete(2)}

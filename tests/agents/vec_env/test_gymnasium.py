"""The bridge shows SB3 what its own DummyVecEnv would show, lane by lane."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecFrameStack, VecMonitor, VecNormalize

import memory_envs  # noqa: F401  registers the environments
from agents.vec_env.gymnasium import GymnasiumVecEnv
from memory_envs.imaze import IMazeEnv, IMazeVectorEnv

LANES = 6
MAZE = {"start": "center", "max_episode_steps": 40}  # short, so that both ends occur often


class Talkative(gymnasium.Env):
    """Says all kinds of things in its infos; ends both ways, at times in both at once."""

    observation_space = spaces.Dict(pixels=spaces.Box(0, 255, (2, 2), np.uint8), count=spaces.Discrete(1000))
    action_space = spaces.Discrete(4)
    metadata = {"render_modes": ["rgb_array", "ansi"], "render_fps": 7}
    shade = 1

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.count = 0

    def _observe(self) -> dict[str, Any]:
        return {"pixels": self.np_random.integers(0, 255, (2, 2), dtype=np.uint8), "count": self.count}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.count = 0
        return self._observe(), {"options": options, "first": int(self.np_random.integers(100))}

    def step(self, action: Any) -> Any:
        self.count += 1
        draw = float(self.np_random.random())
        terminated, truncated = draw < 0.1, draw < 0.05 or draw > 0.9
        info = {
            "number": self.count,
            "real": draw,
            "flag": draw > 0.5,
            "text": f"action {action}",
            "nothing": None,
            "array": np.full((2, 3), self.count),
            "_private": self.count,
            "nested": {"deep": {"count": self.count}, "vector": np.arange(3) + self.count},
        }
        if draw > 0.3:
            info["sometimes"] = self.count
        if truncated:
            info["at_the_end"] = "out of time"
        return self._observe(), draw, terminated, truncated, info

    def render(self) -> Any:
        shade = np.uint8(self.count * self.shade)
        return np.full((4, 5, 3), shade) if self.render_mode == "rgb_array" else f"count {self.count}"

    def scaled(self, factor: int, offset: int = 0) -> int:
        return self.count * factor + offset


def sync(make: Callable[[], gymnasium.Env], lanes: int = LANES, **options: Any) -> SyncVectorEnv:
    return SyncVectorEnv([make] * lanes, autoreset_mode=AutoresetMode.SAME_STEP, **options)


def native(lanes: int = LANES, **arguments: Any) -> IMazeVectorEnv:
    return IMazeVectorEnv(lanes, autoreset_mode=AutoresetMode.SAME_STEP, **{**MAZE, **arguments})


def maze(**arguments: Any) -> IMazeEnv:
    return IMazeEnv(**{**MAZE, **arguments})


PAIRS = {
    "native": (native, maze),
    "native tiles": (partial(native, observation="tiles"), partial(maze, observation="tiles")),
    "sync maze": (lambda: sync(maze), maze),
    "sync dict": (lambda: sync(Talkative), Talkative),
    "async dict": (
        lambda: AsyncVectorEnv([Talkative] * LANES, autoreset_mode=AutoresetMode.SAME_STEP),
        Talkative,
    ),
    "sync time limit": (
        lambda: sync(partial(gymnasium.make, "CartPole-v1", max_episode_steps=15)),
        partial(gymnasium.make, "CartPole-v1", max_episode_steps=15),
    ),
}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[VecEnv, VecEnv]]:
    make_vector, make_single = PAIRS[request.param]
    bridge, dummy = GymnasiumVecEnv(make_vector()), DummyVecEnv([make_single] * LANES)
    yield bridge, dummy
    bridge.close()
    dummy.close()


def assert_same(ours: Any, theirs: Any, place: str) -> None:
    if isinstance(theirs, dict):
        assert sorted(ours) == sorted(theirs), place
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{place}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), place
        for index, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(our, their, f"{place}[{index}]")
    elif isinstance(theirs, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), place
        np.testing.assert_array_equal(ours, theirs, err_msg=place)
    else:
        assert ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool), (
            f"{place}: {ours!r}, {theirs!r}"
        )


def test_everything_equals_what_dummy_vec_env_shows(pair):
    bridge, dummy = pair
    for env in pair:
        env.seed(7)
    assert_same(bridge.reset(), dummy.reset(), "first observation")
    assert_same(bridge.reset_infos, dummy.reset_infos, "reset_infos")
    generator = np.random.default_rng(0)
    ends = set()
    for time in range(400):
        actions = generator.integers(bridge.action_space.n, size=LANES)
        ours, theirs = bridge.step(actions), dummy.step(actions)
        names = ("observation", "rewards", "dones", "infos")
        for name, our, their in zip(names, ours, theirs, strict=True):
            assert_same(our, their, f"{name} at {time}")
        assert_same(bridge.reset_infos, dummy.reset_infos, f"reset_infos at {time}")
        ends |= {info["TimeLimit.truncated"] for done, info in zip(*theirs[2:], strict=True) if done}
    assert ends == {True, False}


def test_spaces_are_those_of_one_lane(pair):
    bridge, dummy = pair
    assert (bridge.num_envs, bridge.observation_space, bridge.action_space) == (
        dummy.num_envs,
        dummy.observation_space,
        dummy.action_space,
    )


def test_seeds_are_used_once(pair):
    bridge, dummy = pair
    for env in pair:
        assert list(env.seed(3)) == list(range(3, 3 + LANES))
        env.reset()
    assert_same(bridge.reset(), dummy.reset(), "second episodes of the same seeds")
    bridge.seed(3)
    again = bridge.reset()
    bridge.seed(3)
    assert_same(bridge.reset(), again, "the same seeds again")


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_other_ways_to_reset_are_refused(mode):
    with pytest.raises(ValueError, match=f"autoreset_mode=AutoresetMode.SAME_STEP, got {mode}"):
        GymnasiumVecEnv(IMazeVectorEnv(2, autoreset_mode=mode))
    with pytest.raises(ValueError, match=f"got {mode}"):
        GymnasiumVecEnv(SyncVectorEnv([Talkative], autoreset_mode=mode))


def test_what_is_no_vector_environment_is_refused():
    with pytest.raises(TypeError, match="must be a gymnasium.vector.VectorEnv, got IMazeEnv"):
        GymnasiumVecEnv(maze())


def test_an_environment_that_overwrites_its_observations_is_refused():
    with pytest.raises(ValueError, match="copy=True, got False"):
        GymnasiumVecEnv(sync(Talkative, copy=False))


def test_what_was_returned_does_not_change_later(pair):
    bridge, _ = pair
    bridge.seed(0)
    kept = [bridge.reset()]
    actions = np.zeros(LANES, dtype=np.int64)
    for _ in range(60):
        kept.append(bridge.step(actions))
    frozen = repr(kept)
    for _ in range(60):
        bridge.step(actions)
    assert repr(kept) == frozen


def test_infos_belong_to_one_lane_and_one_step():
    bridge = GymnasiumVecEnv(native())
    bridge.reset()
    seen = [bridge.step(np.zeros(LANES, dtype=np.int64))[3] for _ in range(50)]
    for infos in seen:
        for info in infos:
            assert "mine" not in info
            info["mine"] = True


# Options ------------------------------------------------------------------------


def test_options_reach_every_lane_once():
    bridge = GymnasiumVecEnv(sync(Talkative))
    bridge.set_options({"level": 3})
    bridge.reset()
    assert [info["options"] for info in bridge.reset_infos] == [{"level": 3}] * LANES
    bridge.reset()
    assert [info["options"] for info in bridge.reset_infos] == [None] * LANES


def test_options_that_differ_between_lanes_are_refused():
    bridge = GymnasiumVecEnv(sync(Talkative, lanes=2))
    bridge.set_options([{"level": 3}, {"level": 4}])
    with pytest.raises(ValueError, match="give all lanes of a vector env the same"):
        bridge.reset()


# Attributes, methods, pictures --------------------------------------------------


def test_attributes_and_methods_of_a_sync_vector_env_are_those_of_its_lanes():
    bridge, dummy = GymnasiumVecEnv(sync(Talkative)), DummyVecEnv([Talkative] * LANES)
    for env in (bridge, dummy):
        env.seed(0)
        env.reset()
        env.step(np.zeros(LANES, dtype=np.int64))
        env.set_attr("shade", 5, indices=[1, 3])
        env.set_attr("count", 1)
        env.set_attr("count", 20, indices=2)
        assert env.get_attr("shade") == [1, 5, 1, 5, 1, 1]
        assert env.get_attr("shade", indices=[3, 0]) == [5, 1]
        assert env.env_method("scaled", 2, offset=1, indices=range(1, 4)) == [3, 41, 3]
        assert env.has_attr("shade") and not env.has_attr("colour")
        env.env_method("reset", indices=[2])
        assert env.get_attr("count") == [1, 1, 0, 1, 1, 1]


def test_setting_an_attribute_reaches_the_environment_under_its_wrappers():
    bridge = GymnasiumVecEnv(sync(lambda: Monitor(Talkative())))
    bridge.set_attr("shade", 9)
    assert [env.unwrapped.shade for env in bridge.env.envs] == [9] * LANES


def test_attributes_and_methods_of_an_async_vector_env_are_those_of_its_lanes():
    bridge = GymnasiumVecEnv(AsyncVectorEnv([Talkative] * 2, autoreset_mode=AutoresetMode.SAME_STEP))
    try:
        bridge.reset()
        bridge.set_attr("count", 4)
        assert bridge.get_attr("count", indices=[1]) == [4]
        assert bridge.env_method("scaled", 2, offset=1) == [9, 9]
        with pytest.raises(ValueError, match="reaches all 2 lanes or none, got indices=1"):
            bridge.set_attr("count", 5, indices=1)
    finally:
        bridge.close()


@pytest.fixture
def in_processes():
    """Lanes in processes of their own, which differ in how they are wrapped."""
    makers = [Talkative, lambda: Monitor(Talkative())]
    bridge = GymnasiumVecEnv(AsyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP))
    yield bridge
    bridge.close()


def test_questions_for_what_is_not_there_leave_the_lanes_of_an_async_vector_env_alone(in_processes):
    in_processes.reset()
    assert not in_processes.has_attr("nope") and in_processes.has_attr("shade")
    with pytest.raises(AttributeError, match="lanes 0, 1 have no attribute 'nope'"):
        in_processes.get_attr("nope", indices=[0])
    with pytest.raises(AttributeError, match="lanes 0, 1 have no attribute 'nope'"):
        in_processes.env_method("nope", 1)
    with pytest.raises(AttributeError, match="lanes 0 have no attribute 'get_total_steps'"):
        in_processes.env_method("get_total_steps", indices=[1])  # of Monitor
    for method in ("reset", "step", "close"):
        with pytest.raises(ValueError, match=f"{method} is for all lanes"):
            in_processes.env_method(method)
    in_processes.step(np.zeros(2, dtype=np.int64))
    assert in_processes.reset().keys() == in_processes.observation_space.keys()


def test_a_method_is_not_called_to_find_out_whether_it_is_there(in_processes):
    in_processes.reset()
    in_processes.step(np.zeros(2, dtype=np.int64))
    counts = in_processes.get_attr("count")
    assert in_processes.has_attr("scaled") and in_processes.has_attr(
        "close"
    )  # would need arguments, would end
    assert in_processes.get_attr("count") == counts


def test_wrappers_in_the_lanes_of_an_async_vector_env_are_found(in_processes):
    assert in_processes.env_is_wrapped(Monitor) == [False, True]
    assert in_processes.env_is_wrapped(Monitor, indices=[1]) == [True]
    assert in_processes.env_is_wrapped(gymnasium.Wrapper) == [False, True]  # subclasses count, as in SB3
    assert in_processes.env_is_wrapped(gymnasium.wrappers.TimeLimit) == [False, False]
    bridge = GymnasiumVecEnv(
        gymnasium.make_vec(
            "CartPole-v1",
            2,
            vectorization_mode="async",
            vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        )
    )
    assert bridge.env_is_wrapped(gymnasium.wrappers.TimeLimit) == [True, True]
    bridge.close()


def test_lanes_that_ended_by_an_error_are_named(in_processes):
    in_processes.reset()
    with pytest.raises(TypeError):  # the lane's own
        in_processes.env_method("scaled")
    attempts = (
        in_processes.reset,
        lambda: in_processes.step(np.zeros(2, dtype=np.int64)),
        lambda: in_processes.get_attr("count"),
        lambda: in_processes.has_attr("count"),
        lambda: in_processes.set_attr("count", 3),
        lambda: in_processes.env_method("scaled", 2),
    )
    for attempt in attempts:
        with pytest.raises(RuntimeError, match="lanes 0, 1 of the AsyncVectorEnv have ended by an error"):
            attempt()


def test_attributes_of_a_native_vector_env_stand_for_all_lanes():
    bridge = GymnasiumVecEnv(native())
    assert bridge.get_attr("config", indices=[0, 1]) == [bridge.env.config] * 2
    assert bridge.get_attr("autoreset_mode") == [AutoresetMode.SAME_STEP] * LANES
    bridge.set_attr("note", "new")
    assert bridge.env.note == "new" and bridge.get_attr("note", indices=2) == ["new"]
    with pytest.raises(ValueError, match="note"):
        bridge.set_attr("note", "newer", indices=[0, 1])
    assert bridge.env.note == "new" and not bridge.has_attr("colour")


def test_methods_of_a_native_vector_env_are_called_once():
    bridge = GymnasiumVecEnv(native())
    bridge.seed(0)
    bridge.reset()
    assert bridge.env_method("stream", 2, indices=[2]) == [bridge.env.stream(2)]
    states = bridge.env_method("get_state")
    assert len(states) == LANES and states[0] is states[-1]


def test_a_wrapped_vector_env_still_shows_its_own_attributes():
    env = native()
    bridge = GymnasiumVecEnv(VectorWrapper(env))
    assert bridge.get_attr("config") == [env.config] * LANES
    bridge.set_attr("config", env.config)
    bridge.reset()
    assert bridge.env_method("episode", 0, indices=0) == [0]
    assert not bridge.has_attr("colour")


def test_monitors_in_the_lanes_are_found():
    bridge = GymnasiumVecEnv(sync(lambda: Monitor(Talkative())))
    assert bridge.env_is_wrapped(Monitor) == [True] * LANES
    assert bridge.env_is_wrapped(gymnasium.wrappers.TimeLimit, indices=[0]) == [False]
    assert GymnasiumVecEnv(native()).env_is_wrapped(Monitor, indices=[0, 1]) == [False] * 2


def test_pictures_are_those_of_dummy_vec_env():
    envs = [
        GymnasiumVecEnv(sync(partial(Talkative, "rgb_array"))),
        DummyVecEnv([partial(Talkative, "rgb_array")] * LANES),
    ]
    for env in envs:
        env.seed(1)
        env.reset()
        env.step(np.zeros(LANES, dtype=np.int64))
        assert env.render_mode == "rgb_array" and env.metadata["render_fps"] == 7
    ours, theirs = (env.render() for env in envs)
    np.testing.assert_array_equal(ours, theirs)
    assert len(envs[0].get_images()) == LANES


def test_the_native_vector_env_paints_every_lane():
    pytest.importorskip("pygame")
    envs = [
        GymnasiumVecEnv(native(4, render_mode="rgb_array")),
        DummyVecEnv([partial(maze, render_mode="rgb_array")] * 4),
    ]
    for env in envs:
        env.seed(1)
        env.reset()
    np.testing.assert_array_equal(envs[0].render(), envs[1].render())


class Mosaic(VectorWrapper):
    """Paints all its lanes into one picture."""

    def render(self) -> Any:
        return np.full((3, 3, 3), 8, np.uint8)


def test_a_single_picture_of_all_lanes_is_shown_as_it_is():
    bridge = GymnasiumVecEnv(Mosaic(sync(partial(Talkative, "rgb_array"))))
    np.testing.assert_array_equal(bridge.render(), np.full((3, 3, 3), 8, np.uint8))


def test_without_a_render_mode_there_are_no_pictures():
    bridge = GymnasiumVecEnv(native())
    assert bridge.render_mode is None and bridge.get_images() == [None] * LANES


# Under SB3's wrappers and algorithms --------------------------------------------


def made(lanes: int = LANES) -> GymnasiumVecEnv:
    return GymnasiumVecEnv(
        gymnasium.make_vec("MemoryEnvs/IMaze-v0", num_envs=lanes, autoreset_mode=AutoresetMode.SAME_STEP)
    )


def run(env: VecEnv, steps: int) -> list[Any]:
    env.seed(2)
    generator = np.random.default_rng(1)
    history = [env.reset()]
    for _ in range(steps):
        history.append(env.step(generator.integers(3, size=env.num_envs)))
    return history


def without_clock(history: list[Any]) -> list[Any]:
    for *_, infos in history[1:]:
        for info in infos:
            info.get("episode", {}).pop("t", None)
    return history


@pytest.mark.parametrize(
    "wrap",
    [
        VecMonitor,
        lambda env: VecFrameStack(env, 3),
        lambda env: VecMonitor(VecNormalize(env, norm_obs=False)),
    ],
    ids=["VecMonitor", "VecFrameStack", "VecNormalize"],
)
def test_wrappers_of_sb3_show_the_same_as_over_dummy_vec_env(wrap):
    ours, theirs = (
        without_clock(run(wrap(env), 200)) for env in (GymnasiumVecEnv(native()), DummyVecEnv([maze] * LANES))
    )
    assert_same(ours, theirs, "history")
    assert any("terminal_observation" in info for *_, infos in ours[1:] for info in infos)


def test_the_monitor_file_names_the_environment(tmp_path):
    env = VecMonitor(made(), str(tmp_path / "log"), info_keywords=("is_success",))
    run(env, 160)
    env.close()
    header, columns, *rows = (tmp_path / "log.monitor.csv").read_text().splitlines()
    assert "MemoryEnvs/IMaze-v0" in header and columns == "r,l,t,is_success" and rows


def test_statistics_of_gymnasium_are_about_the_episode_that_ended():
    bridge, dummy = (
        GymnasiumVecEnv(RecordEpisodeStatistics(native())),
        VecMonitor(DummyVecEnv([maze] * LANES)),
    )
    ours, theirs = (without_clock(run(env, 200)) for env in (bridge, dummy))
    assert_same([step[3] for step in ours[1:]], [step[3] for step in theirs[1:]], "infos")
    assert all("episode" not in info for info in bridge.reset_infos)


def test_evaluate_policy_finds_what_it_finds_over_dummy_vec_env():
    model = PPO("MlpPolicy", made(2), n_steps=8, batch_size=16, seed=0, device="cpu")
    results = []
    for env in (GymnasiumVecEnv(native()), DummyVecEnv([maze] * LANES)):
        env = VecMonitor(env)
        env.seed(4)
        model.set_random_seed(0)
        results.append(
            evaluate_policy(model, env, n_eval_episodes=20, deterministic=False, return_episode_rewards=True)
        )
    assert results[0] == results[1]
    assert len(results[0][0]) == 20 and len(set(results[0][1])) > 1


@pytest.mark.parametrize(
    ("algorithm", "policy", "make"),
    [
        (PPO, "MlpPolicy", made),
        (RecurrentPPO, "MlpLstmPolicy", made),
        (PPO, "MultiInputPolicy", lambda: GymnasiumVecEnv(sync(Talkative))),
    ],
    ids=["PPO", "RecurrentPPO", "PPO on dictionaries"],
)
def test_algorithms_of_sb3_learn(algorithm, policy, make):
    model = algorithm(policy, VecMonitor(make()), n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu")
    before = [parameter.clone() for parameter in model.policy.parameters()]
    model.learn(3 * 64 * LANES)
    assert model.num_timesteps == 3 * 64 * LANES and len(model.ep_info_buffer) > 0
    assert any((old != new).any() for old, new in zip(before, model.policy.parameters(), strict=True))


def test_an_algorithm_learns_the_same_as_over_dummy_vec_env():
    def trained(env: VecEnv) -> list[Any]:
        model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu")
        model.learn(2 * 64 * LANES)
        return [parameter.detach().numpy() for parameter in model.policy.parameters()]

    assert_same(trained(GymnasiumVecEnv(native())), trained(DummyVecEnv([maze] * LANES)), "parameters")


def test_close_closes_the_environment_and_may_be_repeated():
    env: VectorEnv = sync(Talkative)
    bridge = GymnasiumVecEnv(env)
    bridge.close()
    bridge.close()
    assert env.closed

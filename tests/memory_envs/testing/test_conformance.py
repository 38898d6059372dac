"""Every registered environment keeps every promise of the conformance kit."""

import copy
from itertools import product

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode

from memory_envs.finite.protocol import Outcome
from memory_envs.registry.envs import ENVS
from memory_envs.rules import imaze, meta_fetch
from memory_envs.stepping.env import MemoryEnv
from memory_envs.testing import (
    ConformanceError,
    check_api,
    check_buffers,
    check_copies,
    check_determinism,
    check_leaks,
    check_leaks_in_play,
    check_rendering,
    check_reward_loops,
    check_state,
    check_vector,
    find_leaks,
    find_reward_loop,
)
from tests.support.registered import IDS, TASKS, TASKS_OR_SLOW

MODES = list(AutoresetMode)
OBSERVATIONS = ["onehot", "tiles", "rgb"]
OBSERVABILITY = ["partial", "full", "perfect_memory"]
PAIRS = list(product(OBSERVATIONS, OBSERVABILITY))
# Each id meets each pair, each autoreset mode each setting; the slow tests meet all of them together.
SQUARE = [
    (env_id, MODES[(place + first + second) % len(MODES)], observation, observability)
    for place, env_id in enumerate(IDS)
    for first, observation in enumerate(OBSERVATIONS)
    for second, observability in enumerate(OBSERVABILITY)
]
SIZES = [row.kwargs.get("size", 9) for row in ENVS if "IMaze" in row.id]

slow = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    """Windows are opened on SDL's display without a screen, and do not wait for eyes to follow."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setitem(MemoryEnv.metadata, "render_fps", 100_000)


def limited(env_id: str, steps: int) -> EnvSpec:
    """The spec with another time limit. As an argument of `gymnasium.make` it would become a wrapper's."""
    spec = copy.deepcopy(gymnasium.spec(env_id))
    spec.kwargs["max_episode_steps"] = steps
    return spec


@pytest.mark.parametrize("env_id", IDS)
def test_gymnasiums_interface_is_kept(env_id):
    check_api(env_id, steps=60, kwargs={"analysis": True})


@pytest.mark.parametrize("observation, observability", PAIRS)
@pytest.mark.parametrize("env_id", TASKS_OR_SLOW)
def test_gymnasiums_interface_is_kept_in_every_observation_mode(env_id, observation, observability):
    check_api(env_id, steps=30, kwargs={"observation": observation, "observability": observability})


@pytest.mark.parametrize("env_id", IDS)
def test_running_episodes_can_be_copied_and_pickled(env_id):
    check_copies(limited(env_id, 47), steps=60)


@pytest.mark.parametrize("env_id", IDS)
def test_a_seed_and_the_actions_decide_everything(env_id):
    kwargs = {"analysis": True}
    check_determinism(limited(env_id, 47), steps=200, kwargs=kwargs, fresh_process=env_id in TASKS)


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("env_id", TASKS_OR_SLOW)
def test_what_was_returned_is_not_written_again(env_id, observation):
    spec, kwargs = limited(env_id, 17), {"observation": observation, "analysis": True}
    check_buffers(spec, steps=60, kwargs=kwargs)
    for mode in MODES:
        check_buffers(spec, num_envs=4, autoreset_mode=mode, steps=40, kwargs=kwargs)


@pytest.mark.parametrize("env_id", TASKS)
def test_frames_are_what_their_mode_says_and_leave_no_trace(env_id):
    check_rendering(limited(env_id, 5), steps=8)


@pytest.mark.parametrize("env_id", TASKS_OR_SLOW)
def test_a_saved_state_goes_on_bit_for_bit(env_id):
    spec, kwargs = limited(env_id, 17), {"analysis": True}
    check_state(spec, kwargs=kwargs, moments=5, steps=40)
    for mode in MODES:
        check_state(spec, num_envs=3, autoreset_mode=mode, kwargs=kwargs, moments=4, steps=40)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", TASKS_OR_SLOW)
def test_lanes_are_single_environments(env_id, mode):
    met = check_vector(limited(env_id, 61), 32, mode, steps=300, kinds=["native"])
    assert met.truncated > 50


@pytest.mark.parametrize("env_id, mode, observation, observability", SQUARE)
def test_lanes_are_single_environments_in_every_observation_mode(env_id, mode, observation, observability):
    kwargs = {"observation": observation, "observability": observability, "analysis": True}
    check_vector(limited(env_id, 19), 6, mode, steps=50, kwargs=kwargs, kinds=["native"])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", TASKS)
def test_lanes_are_environments_in_other_processes(env_id, mode):
    met = check_vector(limited(env_id, 31), 3, mode, steps=200, kwargs={"analysis": True})
    assert met.truncated > 6


@slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", IDS)
def test_lanes_are_single_environments_for_100_000_steps(env_id, mode):
    # With DISABLED, many of the calls are masked resets.
    calls = 3_200 if mode == AutoresetMode.DISABLED else 1_600
    # All lanes are reset after half of the calls, before the 1,372 steps of 31x31 are over.
    spec = limited(env_id, 450) if "31x31" in env_id else env_id
    met = check_vector(spec, 64, mode, steps=calls, kinds=["native"])
    assert met.steps > 100_000 and met.truncated > 0
    # Meta-Fetch never terminates; random play gets to a goal of all mazes but the widest.
    assert met.terminated > 0 or "MetaFetch" in env_id or "31x31" in env_id


@slow
@pytest.mark.parametrize("observation, observability", PAIRS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", IDS)
def test_lanes_are_single_environments_for_long_in_every_observation_mode(
    env_id, mode, observation, observability
):
    kwargs = {"observation": observation, "observability": observability, "analysis": True}
    check_vector(limited(env_id, 61), 16, mode, steps=800, kwargs=kwargs, kinds=["native"])


@slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", IDS)
def test_lanes_are_environments_in_other_processes_for_100_000_steps(env_id, mode):
    met = check_vector(env_id, 4, mode, steps=27_000)
    assert met.steps > 100_000 and met.truncated > 0


class Rulebook:
    """A rulebook as a finite environment: its own functions, on states without a clock."""

    def __init__(self, rules, config, keys: int) -> None:
        self.rules, self.config, self.keys = rules, config, keys
        self.num_actions, self.horizon = rules.NUM_ACTIONS, config.max_steps

    def starts(self):
        return [(1 / self.keys, self.rules.begin(self.config, key)) for key in range(self.keys)]

    def step(self, state, action):
        following, reward, terminated, _ = self.rules.transition(self.config, state, action)
        return [Outcome(1.0, self.timeless(following), reward, terminated)]

    def timeless(self, state):
        clocks = {"steps": 0, "seen_at": min(getattr(state, "seen_at", 0), 0)}
        clocks["completed"] = min(getattr(state, "completed", 0), 1)
        return state._replace(**{name: value for name, value in clocks.items() if name in state._fields})

    def observe(self, state):
        view = np.empty((self.config.view_size, self.config.view_size), dtype=np.uint8)
        notes = np.empty(self.rules.NUM_NOTES, dtype=np.uint8)
        self.rules.observe(self.config, state, view)
        self.rules.write_notes(self.config, state, notes)
        return view.tobytes() + notes.tobytes()


def must_remember(config):
    """In the lower half of the stem and behind it, whoever sees the cue need not have looked for it."""
    return lambda state: state.row >= config.size // 2


@pytest.mark.parametrize("start", imaze.STARTS)
@pytest.mark.parametrize("size", SIZES)
def test_no_observation_tells_the_cue_where_it_must_be_remembered(size, start):
    config = imaze.configure(size=size, start=start, delay=2)
    check_leaks(Rulebook(imaze, config, keys=32), lambda state: state.cue, must_remember(config))


@pytest.mark.parametrize("observability", [1, 2])
def test_the_twins_tell_the_cue(observability):
    config = imaze.configure()._replace(observability=observability)
    assert find_leaks(Rulebook(imaze, config, keys=32), lambda state: state.cue, must_remember(config))


def test_play_shows_no_cue_where_it_must_be_remembered_but_in_the_twin():
    def cue(env):
        return env.get_state()["cue"]

    def lower_half(env):
        return env.get_state()["row"] >= env.config.size // 2

    kwargs = {"start": "center", "observation": "tiles"}
    check_leaks_in_play(limited("MemoryEnvs/IMaze-v0", 60), cue, lower_half, episodes=200, kwargs=kwargs)
    with pytest.raises(ConformanceError, match="observations tell what must be remembered: .* always with"):
        twin = kwargs | {"observability": "full"}
        check_leaks_in_play(limited("MemoryEnvs/IMaze-v0", 60), cue, lower_half, episodes=200, kwargs=twin)


def test_a_window_too_wide_for_its_maze_is_found():
    config = imaze.configure()._replace(view_size=9)
    with pytest.raises(ConformanceError, match="observations tell what must be remembered: in state State"):
        check_leaks(Rulebook(imaze, config, keys=32), lambda state: state.cue, must_remember(config))


@pytest.mark.parametrize("size", SIZES)
def test_no_maze_pays_without_end(size):
    check_reward_loops(Rulebook(imaze, imaze.configure(size=size, delay=1), keys=32))


def completes(config):
    """Fetching the last object pays for a whole sequence: this progress may pay again and again."""
    last = config.num_objects - 1
    return lambda state, action, outcome: (
        state.progress == last and outcome.state.progress == 0 < outcome.reward
    )


@pytest.mark.parametrize("num_objects", [2, 3])
def test_no_room_pays_without_end_but_for_completed_sequences(num_objects):
    config = meta_fetch.configure(size=5, num_objects=num_objects)
    room = Rulebook(meta_fetch, config, keys=2)
    check_reward_loops(room, allowed=completes(config))
    assert find_reward_loop(room) is not None, "sequences do pay again and again"


def test_a_room_that_pays_for_fetching_the_first_object_again_is_found():
    class Forgetful(Rulebook):
        def timeless(self, state):
            return super().timeless(state)._replace(paid=0)

    config = meta_fetch.configure(size=5, num_objects=3)
    with pytest.raises(ConformanceError, match="can be earned over and over: in State"):
        check_reward_loops(Forgetful(meta_fetch, config, keys=1), allowed=completes(config))

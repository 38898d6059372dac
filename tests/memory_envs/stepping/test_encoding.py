"""The forms of an observation say the same: one-hot, codes and pictures of one window, and its notes."""

import copy

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import memory_envs  # noqa: F401
from memory_envs import imaze, meta_fetch
from memory_envs.registry.envs import ENVS
from memory_envs.stepping.encoding import LEAST_IMAGE, OBSERVATIONS, cell_pixels, observed_sprites

TASKS = {
    "MemoryEnvs/IMaze-v0": imaze.TASK,
    "MemoryEnvs/IMaze-Cues4-v0": imaze.TASK,
    "MemoryEnvs/MetaFetch-v0": meta_fetch.TASK,
}
STEPS = 250


def played(env_id: str, seed: int = 0, **settings):
    """Observations of some episodes of random actions, reset included."""
    env = gymnasium.make(env_id, **settings)
    env.action_space.seed(seed)
    observation, _ = env.reset(seed=seed)
    yield env, observation
    for _ in range(STEPS):
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            observation, _ = env.reset()
        yield env, observation


@pytest.mark.parametrize("view_size", [1, 3, 5])
@pytest.mark.parametrize("env_id", TASKS)
def test_one_hot_codes_and_pictures_show_the_same_window(env_id, view_size):
    task, cell = TASKS[env_id], cell_pixels(view_size)
    config = gymnasium.make(env_id, view_size=view_size).unwrapped.config
    sprites, side = observed_sprites(task, config), view_size * cell
    forms = [played(env_id, view_size=view_size, observation=form) for form in ("tiles", "onehot", "rgb")]
    for (_, codes), (_, onehot), (_, image) in zip(*forms, strict=True):
        window = codes[: view_size**2].reshape(view_size, view_size)
        notes = codes[view_size**2 :]
        lit = np.eye(task.num_tiles(config))[window.ravel()].ravel()
        assert (onehot == np.concatenate([lit, notes])).all()
        expected = sprites[window].transpose(0, 2, 1, 3, 4).reshape(side, side, 3)
        assert (image[:side] == expected).all()
        assert image.shape[0] == side + (cell // 2 if len(notes) else 0)
        for note in notes:  # there is one at most
            assert (image[side:] == 255 * note).all()


def test_the_note_of_meta_fetch_is_the_last_reward():
    env = gymnasium.make("MemoryEnvs/MetaFetch-v0", size=5, num_objects=2, observation="tiles")
    observation, _ = env.reset(seed=0)
    env.action_space.seed(0)
    assert observation[-1] == 0
    rewards = []
    for _ in range(env.unwrapped.config.max_steps):
        observation, reward, *_ = env.step(env.action_space.sample())
        assert observation[-1] == reward
        rewards.append(reward)
    assert 0 < sum(rewards) < len(rewards)


@pytest.mark.parametrize("row", ENVS, ids=lambda row: row.id)
def test_twins_have_equal_spaces_and_equal_episodes(row):
    twins = {
        name: list(played(row.id, observability=name, observation="tiles"))
        for name in ("partial", "full", "perfect_memory")
    }
    spaces = {str(steps[0][0].observation_space) for steps in twins.values()}
    assert len(spaces) == 1
    states = [steps[-1][0].unwrapped.get_state() for steps in twins.values()]
    assert states[0] == states[1] == states[2]
    view_size = twins["partial"][0][0].unwrapped.config.view_size
    own_cell = (view_size - 1) * view_size + view_size // 2
    for name in ("full", "perfect_memory"):
        pairs = zip(twins["partial"], twins[name], strict=True)
        differing = [np.flatnonzero(partial != other).tolist() for (_, partial), (_, other) in pairs]
        assert {place for places in differing for place in places} <= {own_cell}
    assert any((twins["full"][k][1] != twins["partial"][k][1]).any() for k in range(STEPS))


@pytest.mark.parametrize("view_size", range(1, 17, 2))
def test_pictures_are_large_enough_for_a_convolutional_network(view_size):
    assert view_size * cell_pixels(view_size) >= LEAST_IMAGE


def test_an_unknown_form_is_named_with_the_choices():
    with pytest.raises(ValueError, match="observation must be one of 'onehot', 'tiles', 'rgb', got 'pixels'"):
        gymnasium.make("MemoryEnvs/IMaze-v0", observation="pixels")
    assert list(OBSERVATIONS) == ["onehot", "tiles", "rgb"]


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("env_id", TASKS)
def test_infos_for_analysis_are_those_of_single_environments(env_id, mode):
    settings = {"analysis": True, "max_episode_steps": 40}
    vector = gymnasium.make_vec(env_id, num_envs=3, autoreset_mode=mode, **settings)
    kind = type(gymnasium.make(env_id, analysis=True).unwrapped)
    of_id = gymnasium.spec(env_id).kwargs
    single = SyncVectorEnv([lambda: kind(**of_id, **settings)] * 3, autoreset_mode=mode)
    vector.action_space.seed(0)
    (_, infos), (_, expected) = vector.reset(seed=5), single.reset(seed=5)
    assert_same(infos, expected)
    assert "optimal_steps_remaining" in infos
    for _ in range(150):
        actions = vector.action_space.sample()
        *_, terminated, truncated, infos = vector.step(actions)
        *_, expected = single.step(actions)
        assert_same(infos, expected)
        over = terminated | truncated
        if mode == AutoresetMode.DISABLED and over.any():
            options = {"reset_mask": over}
            assert_same(vector.reset(options=options)[1], single.reset(options=options)[1])


def assert_same(infos: dict, expected: dict) -> None:
    assert infos.keys() == expected.keys()
    for name, value in infos.items():
        if isinstance(value, dict):
            assert_same(value, expected[name])
        elif value.dtype == object:
            assert all((a is b is None) or (a == b).all() for a, b in zip(value, expected[name], strict=True))
        else:
            assert value.dtype == expected[name].dtype, name
            assert (value == expected[name]).all(), name


@pytest.mark.parametrize("env_id", TASKS)
def test_without_analysis_infos_tell_success_alone(env_id):
    env = gymnasium.make(env_id)
    assert set(env.reset(seed=0)[1]) == set(env.step(0)[4]) == {"is_success"}
    with pytest.raises(TypeError, match="analysis must be True, False or a list of names, got 'yes'"):
        gymnasium.make(env_id, analysis="yes")
    with pytest.raises(ValueError, match=r"analysis may name .*, got \['avoidabel'\], did you mean 'av"):
        gymnasium.make(env_id, analysis=["avoidabel"])


@pytest.mark.parametrize("env_id", TASKS)
def test_infos_tell_what_is_named_alone(env_id):
    names = [TASKS[env_id].rules.FACTS[-1], "avoidable"]
    env, whole = gymnasium.make(env_id, analysis=names), gymnasium.make(env_id, analysis=True)
    vector = gymnasium.make_vec(env_id, num_envs=2, analysis=names, autoreset_mode="SameStep")
    env.action_space.seed(0)
    for made in (env, whole, vector):
        made.reset(seed=0)
    assert set(vector.reset()[1]) == {each for name in ["is_success", *names] for each in (name, f"_{name}")}
    for _ in range(100):
        action = env.action_space.sample()
        *_, over, info = env.step(action)
        told = whole.step(action)[4]
        assert info == {name: told[name] for name in ["is_success", *names]}
        if over:
            break


@pytest.mark.parametrize("env_id", TASKS)
def test_memory_targets_are_facts_and_events_within_their_values(env_id):
    env = gymnasium.make(env_id, analysis=True)
    spaces, rules = env.unwrapped.memory_target_spaces, TASKS[env_id].rules
    assert set(spaces) <= {*rules.FACTS, *rules.EVENTS} and len(spaces) >= 2
    env.action_space.seed(0)
    info = env.reset(seed=0)[1]
    for _ in range(300):
        assert all(info[name] in space for name, space in spaces.items())
        *_, terminated, truncated, info = env.step(env.action_space.sample())
        info = env.reset()[1] if terminated or truncated else info


@pytest.mark.parametrize("env_id", TASKS)
def test_infos_for_analysis_have_the_same_keys_from_reset_and_step(env_id):
    env = gymnasium.make(env_id, analysis=True)
    rules = TASKS[env_id].rules
    names = {*rules.FACTS, *rules.EVENTS, "is_success", "optimal_steps_remaining"}
    assert set(env.reset(seed=0)[1]) == set(env.step(0)[4]) == names


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("env_id", ["MemoryEnvs/IMaze-v0", "MemoryEnvs/MetaFetch-v0"])
def test_a_float_observation_holds_the_same_numbers(env_id, observation):
    settings = {"observation": observation, "max_episode_steps": 3}
    plain, env = (gymnasium.make(env_id, **settings, dtype=dtype) for dtype in ("uint8", "float32"))
    lanes = {"num_envs": 2, "autoreset_mode": "SameStep", **settings, "dtype": "float32"}
    envs = gymnasium.make_vec(env_id, **lanes)
    assert env.observation_space.dtype == envs.single_observation_space.dtype == np.float32
    assert (env.observation_space.high == plain.observation_space.high).all()
    (seen, _), (found, _), (many, _) = (each.reset(seed=0) for each in (plain, env, envs))
    for step in range(4):
        assert found.dtype == many.dtype == np.float32 and found in env.observation_space
        assert many in envs.observation_space
        assert (found == seen).all() and (many[0] == seen).all()
        if step < 3:
            (seen, *_), (found, *_), (many, *_, infos) = plain.step(0), env.step(0), envs.step([0, 0])
            if step == 2:
                assert infos["final_obs"][0].dtype == np.float32 and (infos["final_obs"][0] == seen).all()
                many = np.stack(infos["final_obs"])
    assert copy.deepcopy(envs).observe().dtype == np.float32


def test_an_unknown_number_type_is_named():
    with pytest.raises(ValueError, match="dtype must be one of 'uint8', 'float32', got 'float16'"):
        gymnasium.make("MemoryEnvs/IMaze-v0", dtype="float16")


def test_values_of_memory_targets_have_names():
    maze, room = (gymnasium.make(f"MemoryEnvs/{name}-v0").unwrapped for name in ("IMaze", "MetaFetch"))
    cue = maze.memory_target_meanings["known_cue"]
    assert cue == (("nothing yet", None), ("cue A", 2), ("cue B", 3))
    assert [each.name for each in room.memory_target_meanings["known_next"]] == [
        *("nothing yet", "disc", "square", "triangle")
    ]
    ahead = [each.name for each in room.memory_target_meanings["next_ahead"]]
    assert ahead == ["nothing yet", *(str(cells) for cells in range(-6, 7))]
    spaces = room.memory_target_spaces
    assert {name: len(each) for name, each in room.memory_target_meanings.items()} == {
        name: space.n for name, space in spaces.items()
    }

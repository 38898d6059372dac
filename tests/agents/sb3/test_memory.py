"""Memory targets in every agent that has a memory: what is predicted, kept, resumed and left out."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from agents.ald import ALD
from agents.baselines import VMPO, RecurrentPPOAgent
from agents.export.exporter import export_actor
from agents.sb3 import checkpoint
from agents.sb3.checkpoint import CheckpointError
from agents.vec_env.make import make_lanes
from memory_envs.stepping.base import TaskEnv
from memory_envs.wrappers import KeysToInfo
from tests.support.tiny import SETTINGS, VMPO_SETTINGS, CueEnv, Rows, differences

pytestmark = pytest.mark.usefixtures("one_thread")

TARGETS = ("known_cue", "hindsight:reached")
LANES = 3
PPO = {"n_steps": 12, "batch_size": 18, "n_epochs": 2, "lstm_hidden_size": 8}
KINDS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "ald": (ALD, "LstmPolicy", SETTINGS),
    "lstm": (VMPO, "LstmPolicy", VMPO_SETTINGS),
    "gtrxl": (VMPO, "GTrXLPolicy", VMPO_SETTINGS),
    "asymmetric": (VMPO, "AsymmetricPolicy", VMPO_SETTINGS),
    "recurrent-ppo": (RecurrentPPOAgent, "MlpLstmPolicy", PPO),
    "recurrent-ppo-shared": (
        RecurrentPPOAgent,
        "MlpLstmPolicy",
        {**PPO, "enable_critic_lstm": False, "shared_lstm": True},
    ),
    "recurrent-ppo-actor-only": (RecurrentPPOAgent, "MlpLstmPolicy", {**PPO, "enable_critic_lstm": False}),
}


class Told(CueEnv):
    """CueEnv whose infos tell the cue, and afterwards which choice was right."""

    memory_target_spaces = {"cue": spaces.Discrete(3), "right": spaces.Discrete(3)}

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        observation, _ = super().reset(**arguments)
        return observation, {"cue": 1 + self.cue, "right": 0}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = super().step(action)
        told = {"cue": 1 + self.cue, "right": (1 + self.cue) * int(reward)}
        return observation, reward, terminated, truncated, info | told


def cue_lanes(env: type[gymnasium.Env[Any, Any]] = Told) -> VecEnv:
    return DummyVecEnv([lambda: Monitor(env())] * LANES)


def mazes() -> VecEnv:
    return make_lanes(
        "MemoryEnvs/IMaze-7x7-v0", LANES, {"analysis": ["known_cue", "reached"], "max_episode_steps": 30}
    )


def made(kind: str, env: VecEnv | None, **settings: Any) -> Any:
    algorithm, policy, sizes = KINDS[kind]
    return algorithm(policy, env, seed=0, device="cpu", **{**sizes, **settings})


def frames(kind: str, rollouts: int) -> int:
    return rollouts * LANES * int(KINDS[kind][2].get("n_steps") or KINDS[kind][2]["unroll_length"])


@pytest.fixture
def cue_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """I-Maze says that the cue it tells is a real number."""
    told = {"known_cue": spaces.Box(-np.inf, np.inf, ()), "reached": spaces.Discrete(3)}
    monkeypatch.setattr(TaskEnv, "memory_target_spaces", property(lambda self: told))


@pytest.mark.usefixtures("cue_is_a_number")
@pytest.mark.parametrize("kind", ["ald", "gtrxl", "recurrent-ppo"])
def test_with_numbers_training_goes_on_bit_for_bit_after_saving(kind: str, tmp_path: Path) -> None:
    model = goes_on_bit_for_bit(kind, tmp_path)
    assert model.policy.memory_target_sizes == ({"numbers": 1}, 3)
    moments = [each for name, each in model.policy.state_dict().items() if name.endswith("units.mean")]
    assert len(moments) == 1 and moments[0].any()


EVENTS = ("hindsight:reward", "known_cue")


@pytest.mark.parametrize("kind", KINDS)
def test_with_events_training_goes_on_bit_for_bit_after_saving(kind: str, tmp_path: Path) -> None:
    model = goes_on_bit_for_bit(kind, tmp_path, EVENTS)
    assert model.policy.memory_target_sizes == ({"events": 32}, 3)


def test_with_a_teacher_training_goes_on_bit_for_bit_after_saving(tmp_path: Path) -> None:
    model = goes_on_bit_for_bit("ald", tmp_path, memory_distillation=0.5)
    assert model.replay.unrolls[0].learner.memory.shape[-1] == 6


@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_bit_for_bit_after_saving(kind: str, tmp_path: Path) -> None:
    assert goes_on_bit_for_bit(kind, tmp_path).policy.memory_target_sizes == (3, 3)


def goes_on_bit_for_bit(
    kind: str, tmp_path: Path, targets: tuple[str, ...] = TARGETS, **settings: Any
) -> Any:
    model = made(kind, mazes(), memory_targets=targets, **settings)
    begun = {name: each.clone() for name, each in model.policy.state_dict().items()}
    model.learn(frames(kind, 3)).save(tmp_path / "model.zip")
    moved = [name for name, each in model.policy.state_dict().items() if not torch.equal(each, begun[name])]
    assert any("memory" in name for name in moved)
    model.learn(frames(kind, 3), reset_num_timesteps=False)  # before the file sets global generators
    resumed = type(model).load(tmp_path / "model.zip", env=mazes(), device="cpu", force_reset=False)
    resumed.learn(frames(kind, 3), reset_num_timesteps=False)
    assert differences(resumed.policy.state_dict(), model.policy.state_dict()) == []
    return resumed


def cues(observation: np.ndarray, is_first: np.ndarray) -> np.ndarray:
    """[T, B] labels of the cue, by what each episode showed at its beginning."""
    labels, last = np.zeros(is_first.shape, dtype=np.int64), np.zeros(is_first.shape[1], dtype=np.int64)
    for time, first in enumerate(is_first):
        last = np.where(first, 2 + observation[time].argmax(axis=-1), last)
        labels[time] = last
    return labels


def test_labels_are_of_the_episode_that_the_observation_belongs_to() -> None:
    model = made("ald", cue_lanes(), memory_targets=("cue", "hindsight:right"))
    model.learn(frames("ald", 4))
    unroll = model.replay.unrolls[0]  # which begins an episode in every lane
    expected = cues(unroll.observation.numpy(), unroll.is_first[:-1].numpy())
    assert len({*expected.flatten()}) == 2
    label, reward, done = unroll.memory_label.numpy(), unroll.reward.numpy(), unroll.done.numpy()
    assert (label[..., 0] == expected).all()
    for time, lane in np.ndindex(*done.shape):
        end = time + int(done[time:, lane].argmax())
        is_right = done[end, lane] and reward[end, lane] == 1.0
        assert label[time, lane, 1] == (expected[time, lane] if is_right else 0)


def test_labels_of_a_rollout_are_those_of_an_unroll() -> None:
    model = made("recurrent-ppo", cue_lanes(), memory_targets=("cue", "hindsight:right"))
    model.learn(frames("recurrent-ppo", 1))
    buffer = model.rollout_buffer
    expected = cues(buffer.observations, buffer.episode_starts.astype(bool))
    assert (buffer.memory_labels[..., 0] == expected).all()
    rights = buffer.memory_labels[..., 1]
    assert ((rights == expected) | (rights == 0)).all() and rights.any() and not rights.all()
    buffer.plan(PPO["batch_size"], 1)
    buffer.full = True  # as before the plan
    rows = [samples.memory_labels for samples in buffer.get(PPO["batch_size"])]
    flat = torch.cat(rows).sort(dim=0).values
    assert torch.equal(flat, torch.as_tensor(buffer.memory_labels).flatten(0, 1).sort(dim=0).values)


SLOW = {kind: pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS}
GTRXL = SLOW["gtrxl"]  # which acts slowly; as a learner ALD has it


def learn_until(model: Any, kind: str, accurate: list[str]) -> dict[str, Any]:
    """Train for 120 rollouts at most, and no longer than until memory names well what it is told.

    Returns:
        The last row of the log.
    """
    rows = Rows()
    model.set_logger(Logger(None, [rows]))
    for _ in range(10):
        model.learn(frames(kind, 12), log_interval=12, reset_num_timesteps=False)
        if all(rows.rows[-1][f"{name}/memory_accuracy"] > 0.95 for name in accurate):
            break
    return rows.rows[-1]


@pytest.mark.parametrize("kind", ["ald", SLOW["lstm"], GTRXL, "recurrent-ppo"])
def test_what_is_told_is_learnt(kind: str) -> None:
    """A cue that is over after one step is named ever after, though nothing is ever earned by it."""

    class Worthless(Told):
        def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
            observation, _, *ended, info = super().step(action)
            return observation, 0.0, *ended, info  # type: ignore[return-value]

    rates = {"learning_rate": 1e-2} if "ppo" in kind else {"learner_learning_rate": 1e-2}
    model = made(kind, cue_lanes(Worthless), memory_targets="cue", **rates)
    names = {"ald": ["learner", "actor"], "recurrent-ppo": ["train"]}.get(kind, ["learner"])
    last = learn_until(model, kind, names)
    for name in names:
        assert last[f"{name}/memory_accuracy"] > 0.95, last


@pytest.mark.parametrize("kind", ["ald", "gtrxl", "recurrent-ppo"])
def test_a_model_with_targets_acts_without_an_environment_that_tells_them(kind: str, tmp_path: Path) -> None:
    model = made(kind, mazes(), memory_targets=TARGETS).learn(frames(kind, 1))
    model.save(tmp_path / "model.zip")
    loaded = type(model).load(tmp_path / "model.zip", device="cpu")
    observation = mazes().reset()
    actions, state = model.predict(observation, deterministic=True)
    again, memory = loaded.predict(observation, deterministic=True)
    assert (actions == again).all() and differences(list(state), list(memory)) == []
    silent = make_lanes("MemoryEnvs/IMaze-7x7-v0", LANES)
    with pytest.raises(ValueError, match=r"do not tell 'known_cue'.*analysis=\['known_cue'\]"):
        type(model).load(tmp_path / "model.zip", env=silent, device="cpu").learn(frames(kind, 1))


@pytest.mark.parametrize("kind", ["ald", "gtrxl", "recurrent-ppo"])
@pytest.mark.parametrize(
    ("env", "targets", "message"),
    [
        (mazes, "known_cu", "memory_targets must be among the environment's, .*'known_cu', did you mean"),
        (lambda: cue_lanes(CueEnv), "cue", "got an environment without the attribute memory_target_spaces"),
    ],
)
def test_what_cannot_be_told_is_refused_before_training(
    kind: str, env: Any, targets: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        made(kind, env(), memory_targets=targets)


@pytest.mark.parametrize("kind", ["ald", "gtrxl", "recurrent-ppo"])
def test_policy_kwargs_of_the_user_stay_the_users(kind: str) -> None:
    own: dict[str, Any] = {}
    made(kind, cue_lanes(), memory_targets="cue", policy_kwargs=own)
    assert own == {}
    with pytest.raises(ValueError, match="memory_target_sizes without memory_targets"):
        made(kind, cue_lanes(), policy_kwargs={"memory_target_sizes": [3]})


@pytest.mark.parametrize("kind", ["ald", "recurrent-ppo"])
def test_a_saved_model_refuses_targets_of_other_values(kind: str, tmp_path: Path) -> None:
    class Wider(Told):
        memory_target_spaces = {"cue": spaces.Discrete(4)}

    made(kind, cue_lanes(), memory_targets="cue").learn(frames(kind, 1)).save(tmp_path / "model.zip")
    with pytest.raises(ValueError, match=r"memory_targets of the model have \[3\] values, .* with \[4\]"):
        KINDS[kind][0].load(tmp_path / "model.zip", env=cue_lanes(Wider), device="cpu")


@pytest.mark.parametrize("column", [0, 1])
def test_a_file_with_labels_beyond_their_values_is_refused(column: int, tmp_path: Path) -> None:
    class Both(Told):
        memory_target_spaces = {"cue": spaces.Discrete(3), "right": spaces.Discrete(5)}

    model = made("ald", cue_lanes(Both), memory_targets=("cue", "hindsight:right"))
    model.learn(frames("ald", 2)).save(tmp_path / "model.zip")
    tree = checkpoint.load(tmp_path / "model.zip")
    for label, is_refused in (([3, 5][column], False), ([4, 6][column], True)):
        tree["replay"]["unrolls"][0]["memory_label"][0, 0, column] = label
        checkpoint.save(tmp_path / "changed.zip", tree)
        with pytest.raises(CheckpointError, match="0/memory_label") if is_refused else nullcontext():
            ALD.load(tmp_path / "changed.zip", device="cpu")


def test_an_exported_actor_has_nothing_of_the_targets(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    names = []
    for number, targets in enumerate(((), TARGETS, EVENTS)):
        model = made("ald", mazes(), memory_targets=targets).learn(frames("ald", 1))
        path = tmp_path / f"{number}.onnx"
        export_actor(model, path)
        names.append(sorted(str(list(each.dims)) for each in onnx.load(path).graph.initializer))
    assert names[0] == names[1] == names[2]


class Moving(CueEnv):
    """CueEnv whose infos tell the cue, two numbers of any size that it decides, and flags."""

    memory_target_spaces = {
        "cue": spaces.Discrete(3),
        "place": spaces.Box(-np.inf, np.inf, (2,)),
        "flags": spaces.MultiBinary(2),
        "pair": spaces.MultiDiscrete([2, 3]),
    }

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        observation, _ = super().reset(**arguments)
        return observation, self.told()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        observation, _, *ended, info = super().step(action)
        return observation, 0.0, *ended, info | self.told()  # type: ignore[return-value]

    def told(self) -> dict[str, Any]:
        place = np.float32([1e6 * self.cue, 5.0 - self.cue])
        return {"cue": 1 + self.cue, "place": place, "flags": [self.cue, 1], "pair": (self.cue, 2 - self.cue)}


EVERY_KIND = ("place", "cue", "flags", "pair")


@pytest.mark.parametrize("kind", ["ald", GTRXL, SLOW["recurrent-ppo"]])
def test_numbers_that_are_told_are_learnt_beside_values(kind: str) -> None:
    rows = Rows()
    rates = {"learning_rate": 1e-2} if "ppo" in kind else {"learner_learning_rate": 1e-2}
    model = made(kind, cue_lanes(Moving), memory_targets=EVERY_KIND, **rates)
    assert model.policy.memory_target_sizes == ({"numbers": 2}, 3, [2, 2], [2, 3])
    model.set_logger(Logger(None, [rows]))
    model.learn(frames(kind, 150), log_interval=25)
    last = rows.rows[-1]
    for name in {"ald": ["learner", "actor"], "recurrent-ppo": ["train"]}.get(kind, ["learner"]):
        assert last[f"{name}/memory_accuracy"] > 0.95, last
        assert last[f"{name}/memory_explained_variance"] > 0.8, last


@pytest.mark.parametrize("kind", ["ald", "gtrxl", "recurrent-ppo"])
@pytest.mark.parametrize(
    ("space", "target", "message"),
    [
        (spaces.Text(3), "told", "Discrete or MultiDiscrete space that starts at 0, a MultiBinary.*Text"),
        (spaces.Discrete(3, start=1), "told", "space that starts at 0, .*got Discrete"),
        (spaces.MultiDiscrete([2, 2], start=[0, 1]), "told", "space that starts at 0, .*got MultiDiscrete"),
        (spaces.Box(0, 1, (0,)), "told", "or a Box, got Box"),
        (spaces.Box(0, 1, (2,)), "hindsight:told", "target hindsight:told must be of a Discrete space"),
        (spaces.MultiBinary(2), "hindsight:told", "target hindsight:told must be of a Discrete space"),
    ],
)
def test_spaces_that_are_no_targets_are_refused(
    kind: str, space: spaces.Space[Any], target: str, message: str
) -> None:
    class Odd(CueEnv):
        memory_target_spaces = {"told": space}

    with pytest.raises(ValueError, match=message):
        made(kind, cue_lanes(Odd), memory_targets=target)


class Shown(Moving):
    """Moving, whose observations tell all that."""

    observation_space = spaces.Dict({"seen": CueEnv.observation_space, **Moving.memory_target_spaces})
    memory_target_spaces: dict[str, spaces.Space[Any]] = {}

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = super().reset(**arguments)
        return {"seen": observation, **info}, {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, reward, *ended, info = super().step(action)
        told = {name: info.pop(name) for name in EVERY_KIND}
        return {"seen": observation, **told}, reward, *ended, info  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ["ald", "gtrxl", "recurrent-ppo"])
def test_keys_of_observations_are_learnt_and_never_read(kind: str) -> None:
    lanes = DummyVecEnv([lambda: Monitor(KeysToInfo(Shown(), EVERY_KIND))] * LANES)
    policy = "MultiInputLstmPolicy" if kind in ("ald", "recurrent-ppo") else KINDS[kind][1]
    algorithm, _, sizes = KINDS[kind]
    settings = {**sizes, "memory_targets": EVERY_KIND, "seed": 0, "device": "cpu"}
    model = algorithm(policy, lanes, **settings)
    assert list(model.observation_space) == ["seen"]
    model.learn(frames(kind, 2))
    other = DummyVecEnv([lambda: Monitor(Told())] * LANES)
    with pytest.raises(ValueError, match="memory_targets must be among the environment's, cue, right"):
        algorithm(KINDS[kind][1], other, **settings)


class Rewarded(Told):
    """Told, cut by a time limit as often as it ends, and with a penalty for every step."""

    episodes = 0

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = super().step(action)
        self.episodes += terminated
        is_cut = terminated and self.episodes % 2 == 0
        return observation, reward - 0.25, terminated and not is_cut, truncated or is_cut, info


@pytest.mark.parametrize("kind", ["ald", "lstm", "recurrent-ppo"])
def test_events_are_the_rewards_that_are_not_the_commonest(kind: str) -> None:
    env = cue_lanes(Rewarded)
    model = made(kind, env, memory_targets=("hindsight:reward", "hindsight:right"))
    model.learn(frames(kind, 2))
    if kind == "recurrent-ppo":
        labels, cut = model.rollout_buffer.memory_labels, model.rollout_buffer.rewards
        assert not np.isin(cut, [-0.25, 0.75]).all()  # where SB3 has added what lies beyond a time limit
    else:
        labels = model.replay.unrolls[-1].memory_label.numpy()
        unusual = model.replay.unrolls[-1].reward.numpy() == 0.75
        assert (labels[..., 0] == unusual).all()
    # A right choice, which ends an episode, is what is told and what is rewarded.
    assert labels[..., 0].any() and not labels[..., 0].all()
    last = labels[..., 0] == 1
    assert (labels[last, 1] > 0).all() and ((labels[..., 1] > 0).sum() <= 2 * last.sum() + LANES)


@pytest.mark.parametrize("kind", ["ald", "asymmetric", "recurrent-ppo"])
def test_events_need_no_environment_that_tells_anything(kind: str, tmp_path: Path) -> None:
    rows = Rows()
    model = made(kind, cue_lanes(CueEnv), memory_targets="hindsight:reward")
    model.set_logger(Logger(None, [rows]))
    model.learn(frames(kind, 10), log_interval=5).save(tmp_path / "model.zip")
    names = {"ald": ["learner", "actor"], "recurrent-ppo": ["train"]}.get(kind, ["learner"])
    assert all(0 <= rows.rows[-1][f"{name}/memory_event_accuracy"] <= 1 for name in names)
    assert not any(name.endswith("memory_accuracy") for name in rows.rows[-1])
    again = KINDS[kind][0].load(tmp_path / "model.zip", env=cue_lanes(CueEnv), device="cpu")
    again.learn(frames(kind, 1))


def test_an_event_of_the_environments_own_goes_before_the_reward() -> None:
    class Own(Told):
        memory_target_spaces = {"reward": spaces.Discrete(4)}

    assert made("ald", cue_lanes(Own), memory_targets="hindsight:reward").policy.memory_target_sizes == (4,)


@pytest.mark.parametrize("kind", ["ald", "recurrent-ppo"])
def test_a_reward_is_no_target_that_is_told(kind: str) -> None:
    with pytest.raises(ValueError, match="among the environment's, cue, right, got 'reward'"):
        made(kind, cue_lanes(), memory_targets="reward")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"memory_distillation": 0.5}, "memory_distillation must be 0 without memory_targets .*got 0.5"),
        (
            {"memory_distillation": 0.5, "memory_targets": "hindsight:reward"},
            "0 without memory_targets other than hindsight:reward, got 0.5",
        ),
        ({"memory_distillation": 1.5, "memory_targets": "cue"}, "memory_distillation must be"),
    ],
)
def test_a_teacher_needs_something_to_teach(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made("ald", cue_lanes(), **settings)


def test_the_actor_is_taught_what_the_learners_head_says() -> None:
    """By the teacher alone, without a label, the actor comes to name what the learner was told."""
    model = made(
        "ald", cue_lanes(), memory_targets="cue", memory_distillation=1.0, learner_learning_rate=1e-2
    )
    last = learn_until(model, "ald", ["actor"])
    unroll = model.replay.unrolls[-1]
    assert unroll.learner.memory.shape == (*unroll.action.shape, 3)
    assert last["actor/memory_accuracy"] > 0.95
    own = made("ald", cue_lanes(), memory_targets="cue").learn(frames("ald", 1)).replay.unrolls[-1]
    assert own.learner.memory.shape[-1] == 0

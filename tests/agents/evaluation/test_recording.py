"""A recorded replay is of the first success, or of the last attempt."""

import numpy as np

from agents import pretrained
from agents.evaluation import recording
from agents.evaluation.recording import record_success

MAZE = {"max_episode_steps": 30}


class Stands:
    """Turns forever."""

    def __init__(self):
        self.episodes = 0

    def predict(self, observation, state, episode_start, deterministic):
        self.episodes += int(episode_start[0])
        return 0, None


def test_a_success_is_recorded(one_thread):
    replay, success = record_success(pretrained.load("imaze/ald"), "MemoryEnvs/IMaze-v0", {})
    assert success
    replay.verify()


def test_the_last_of_all_attempts_is_recorded_where_none_succeeds(monkeypatch):
    monkeypatch.setattr(recording, "ATTEMPTS", 3)
    model = Stands()
    replay, success = record_success(model, "MemoryEnvs/IMaze-v0", MAZE)
    assert not success and model.episodes == 3
    assert np.array_equal(replay.actions, np.zeros(30))
    replay.verify()


def test_a_seed_repeats_the_episode(one_thread):
    actor = pretrained.load("imaze/ald")
    first, again, other = (record_success(actor, "MemoryEnvs/IMaze-v0", {}, seed)[0] for seed in (0, 0, 1))
    assert first == again != other

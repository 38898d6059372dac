"""Rollouts keep what minibatches begin with, and no more."""

from __future__ import annotations

import pytest

from agents.baselines.recurrent_ppo.algorithm import FastRecurrentPPO
from tests.support.erratic import envs, trained

pytestmark = pytest.mark.usefixtures("one_thread")


def test_core_states_are_kept_only_where_minibatches_begin():
    model = trained(FastRecurrentPPO, envs(2), n_steps=64, batch_size=32, n_epochs=3)
    kept = model.rollout_buffer.hidden_states_pi
    assert kept.shape[1:] == (1, 16)
    assert 2 < len(kept) <= 2 + 3 * 4 < 2 * 64


@pytest.mark.parametrize(
    "change, complaint",
    [({"n_epochs": 4}, "more often"), ({"batch_size": 20}, "another batch")],
)
def test_training_otherwise_than_planned_is_refused(change, complaint):
    model = FastRecurrentPPO("MlpLstmPolicy", envs(2, ends=0.0, cut=0.0), n_steps=32, n_epochs=2, seed=0)
    train = model.train

    def changed_train():
        vars(model).update(change)
        train()

    model.train = changed_train
    with pytest.raises(RuntimeError, match=complaint):
        model.learn(64)

"""What tells that a network dies: the rank of its features, and who drives them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import Logger

from agents.learning.health import Collapsed, CollapseWatch, feature_health, gradient_norms
from tests.support.learners import learner, unroll
from tests.support.tiny import Rows, cue_lanes, maze_model, tiny_model

pytestmark = pytest.mark.usefixtures("one_thread")


def test_features_that_do_not_differ_have_no_rank() -> None:
    health = feature_health(torch.tensor([0.3, -7.0, 1.0]).expand(4, 5, 3))
    assert float(health["feature_rank"]) == 0.0 and float(health["feature_spread"]) < 1e-6


def test_features_along_one_line_have_rank_one() -> None:
    line = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None] * torch.tensor([1.0, 2.0, -3.0, 0.5]) + 4.0
    assert float(feature_health(line)["feature_rank"]) == pytest.approx(1.0, abs=1e-6)


def test_independent_features_of_equal_spread_have_full_rank() -> None:
    corners = torch.cartesian_prod(*[torch.tensor([-2.0, 2.0])] * 3)
    health = feature_health(corners.unflatten(0, (2, 4)))
    assert float(health["feature_rank"]) == pytest.approx(3.0)
    assert float(health["feature_spread"]) == pytest.approx(2.0)


def test_rank_worked_by_hand() -> None:
    # Deviations +-3 along one axis and +-1 along another: singular values 3 : 1, so shares 3/4 and 1/4.
    features = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    expected = (4 / 3) ** 0.75 * 4**0.25
    assert float(feature_health(features)["feature_rank"]) == pytest.approx(expected)


def test_rank_does_not_depend_on_the_scale() -> None:
    features = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    small, large = (float(feature_health(unit * features)["feature_rank"]) for unit in (1e-12, 1e12))
    assert small == pytest.approx(large)


def test_saturated_features_are_counted() -> None:
    features = torch.tensor([[0.99, -0.98, 0.5, 0.0], [1.0, 0.2, 0.96, -0.9]])
    assert float(feature_health(features)["feature_saturation"]) == 3 / 8


def test_gradient_norms_are_those_of_each_term() -> None:
    features = torch.tensor([3.0, 4.0], requires_grad=True)
    terms = {
        "square": 0.5 * features.square().sum(),  # its gradient is the features
        "elsewhere": torch.ones((), requires_grad=True) * 2,
        "constant": torch.tensor(1.0),
    }
    norms = gradient_norms(terms, features)
    assert {name: float(norm) for name, norm in norms.items()} == {"square": 5.0, "elsewhere": 0.0}
    terms["square"].backward()  # its graph is still there
    assert features.grad is not None


def test_every_loss_of_the_learner_has_its_norm() -> None:
    made = learner(reward_prediction_coef=1.0)
    metrics = made.evaluate(unroll()).metrics
    names = ("policy", "trust_region", "value", "pull_to_actor", "entropy", "reward_prediction")
    norms = {name: float(metrics[f"gradient/{name}"]) for name in names}
    assert norms.pop("reward_prediction") == 0.0  # its head is zero at first
    assert {name for name, norm in norms.items() if norm == 0} == set()


def test_learner_and_actor_are_logged() -> None:
    model, rows = maze_model(), Rows()
    model.set_logger(Logger(folder=None, output_formats=[rows]))
    model.learn(4 * model.config.unroll_length * model.n_envs, log_interval=1)
    for whose in ("learner", "actor"):
        assert 1.0 < rows.rows[-1][f"{whose}/feature_rank"] <= 8.0
        assert rows.rows[-1][f"{whose}/feature_spread"] > 0.0
        assert 0.0 <= rows.rows[-1][f"{whose}/feature_saturation"] <= 1.0


def test_a_collapse_is_told_once_with_what_to_try() -> None:
    watch = CollapseWatch("learner", "try less")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(99):
            watch.see({"learner/feature_rank": 1.2})
        watch.see({"learner/feature_rank": 1.6})  # it lives
        for _ in range(99):
            watch.see({"learner/feature_rank": torch.tensor(0.9)})
        watch.see({})
    with pytest.warns(Collapsed, match=r"learner's features.*rank of about 1\.1.*100 unrolls.*try less"):
        watch.see({"learner/feature_rank": 1.1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(200):
            watch.see({"learner/feature_rank": 1.0})


def test_training_tells_of_a_collapse() -> None:
    model = tiny_model(cue_lanes(), learner_replays=0, distillation_steps=1)
    for network in (model.learner.network, model.distiller.network):
        network.core.forward = constant(network.core.forward)  # type: ignore[method-assign]
    with pytest.warns(Collapsed, match=r"learner's.*learner_learning_rate"):
        model.learn(101 * model.config.unroll_length * model.n_envs)


def constant(forward):  # type: ignore[no-untyped-def]
    """A core's `forward` with features that do not differ."""

    def changed(*arguments, **further):  # type: ignore[no-untyped-def]
        features, state = forward(*arguments, **further)
        return 0.0 * features + 1.0, state

    return changed


def test_correlation_is_that_of_numpy_and_has_no_scale() -> None:
    features = torch.randn(40, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64).cumsum(-1)
    pairs = np.abs(np.corrcoef(features.numpy().T))[~np.eye(5, dtype=bool)]
    for unit in (1e-12, 1.0, 1e12):
        assert float(feature_health(unit * features)["feature_correlation"]) == pytest.approx(pairs.mean())

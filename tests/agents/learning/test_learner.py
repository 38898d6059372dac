"""The learner against a slow version that takes every episode by itself; the distiller beside it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from agents.learning.config import ALDConfig
from agents.learning.distiller import Distiller
from agents.learning.learner import SMALLEST_MULTIPLIER, Learner
from agents.learning.losses import distillation, vmpo
from agents.learning.networks.actor_critic import ActorCritic, Outputs
from agents.learning.networks.gtrxl import GTrXLCore
from agents.learning.networks.lstm import LSTMCore
from agents.learning.unroll import CoreState, LearnerOutputs, Unroll, select_lanes
from tests.support import oracles
from tests.support.oracles import GOES_ON, TERMINATED, TRUNCATED
from tests.support.tiny import differences

pytestmark = pytest.mark.usefixtures("one_thread")

INPUT, ACTIONS, STEPS, LANES = 3, 3, 7, 4
GAMMA = 0.875  # exact in single precision
CONFIG: dict[str, Any] = {
    "gamma": GAMMA,
    "value_trace_decay": 0.75,
    "policy_trace_decay": 1.0,
    "popart_step_size": 0.0,
    "target_period": 1000,
    "entropy_coef": 0.125,
    "value_coef": 1.5,
    "learner_regularisation": 0.75,
    "alpha_init": 0.5,
}
# By step and lane: nothing, a truncation inside, a termination inside, several ends of both kinds.
ENDING = np.zeros((STEPS, LANES), dtype=np.int64)
ENDING[2, 1] = TRUNCATED
ENDING[3, 2] = TERMINATED
ENDING[[1, 4, 6], 3] = TRUNCATED, TERMINATED, TRUNCATED


def gtrxl(memory: int = 5, seed: int = 0) -> ActorCritic:
    """In double precision, every parameter random."""
    torch.manual_seed(seed)
    core = GTrXLCore(INPUT, 8, layers=2, heads=2, hidden=8, memory=memory)
    network = ActorCritic(nn.Identity(), core, nn.Linear(8, ACTIONS), nn.Linear(8, 1)).double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.4)
    return network


def learner(**settings: Any) -> Learner:
    """With a target that differs from the network and plain gradient descent of step 1."""
    made = Learner(gtrxl(), ALDConfig(**{**CONFIG, **settings}), torch.device("cpu"))
    made.target.load_state_dict(gtrxl(seed=1).state_dict())
    made.optimizer = torch.optim.SGD(made.network.parameters(), lr=1.0)  # type: ignore[assignment]
    return made


def unroll(ending: np.ndarray = ENDING, seed: int = 2) -> Unroll:
    """Random but for how its steps end."""
    torch.manual_seed(seed)
    steps, lanes = ending.shape
    is_first = torch.zeros(steps + 1, lanes, dtype=torch.bool)
    is_first[1:] = torch.as_tensor(ending != GOES_ON)
    final_time, final_lane = np.nonzero(ending == TRUNCATED)
    return Unroll(
        observation=torch.randn(steps + 1, lanes, INPUT, dtype=torch.float64),
        is_first=is_first,
        action=torch.randint(ACTIONS, (steps, lanes)),
        reward=torch.randn(steps, lanes, dtype=torch.float64),
        terminated=torch.as_tensor(ending == TERMINATED),
        truncated=torch.as_tensor(ending == TRUNCATED),
        behaviour_logits=torch.randn(steps, lanes, ACTIONS, dtype=torch.float64),
        actor_state=(torch.zeros(lanes, 4), torch.zeros(lanes, 4)),
        final_time=torch.as_tensor(final_time),
        final_lane=torch.as_tensor(final_lane),
        final_observation=torch.randn(len(final_time), INPUT, dtype=torch.float64),
    )


def warmed(network: ActorCritic) -> CoreState:
    """The memory of episodes in progress."""
    torch.manual_seed(3)
    inputs = torch.randn(9, LANES, INPUT, dtype=torch.float64)
    state = network.initial_state(LANES)
    with torch.no_grad():
        return network(inputs, state, torch.zeros(9, LANES, dtype=torch.bool))[1]


# --- The slow version -----------------------------------------------------------------------------


class Slow:
    """What the learner should compute, one piece of an episode after another.

    Every piece is a window of its own for the network: from the state before the unroll if it began earlier,
    from empty memory if it did not. What follows a truncation is valued by one more step in that window.
    """

    def __init__(self, fast: Learner, state: CoreState) -> None:
        self.network, self.target = copy.deepcopy(fast.network), fast.target
        self.config, self.state = fast.config, state

    def loss(self, data: Unroll) -> Tensor:
        """All but what eta and alpha alone learn from."""
        config, (logits, value, target_logits, trace) = self.config, self.outputs(data)
        log_prob, advantage = picked(logits, data.action).flatten(), trace["advantage"].flatten()
        valid, eta = torch.ones_like(advantage, dtype=torch.bool), torch.tensor(config.eta_init)
        policy = vmpo.policy_loss(log_prob, advantage, valid, eta, config.eps_eta).policy
        log_pi, pull = logits.log_softmax(-1), config.policy_coef * config.learner_regularisation
        return (
            policy.sum()
            + config.alpha_init * divergence(target_logits, logits).mean()
            + config.value_coef * (0.5 * (trace["target"] - value) ** 2).mean()
            + pull * divergence(data.behaviour_logits, logits).mean()
            + config.entropy_coef * (log_pi.exp() * log_pi).sum(-1).mean()
        )

    def outputs(self, data: Unroll) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """[T, B, ...] logits, values, the target's logits, and targets and advantages by V-trace."""
        steps, lanes = data.action.shape
        rows: list[list[Any]] = [[None] * lanes for _ in range(steps)]
        for lane in range(lanes):
            for first, last, how in oracles.pieces(endings(data, lane)):
                piece = self._piece(data, lane, first, last, how)
                for t in range(first, last):
                    rows[t][lane] = [part[t - first] for part in piece]
        logits, value, target_logits, target, advantage = (
            torch.stack([torch.stack([cell[k] for cell in row]) for row in rows]) for k in range(5)
        )
        return logits, value, target_logits, {"target": target, "advantage": advantage}

    def _piece(self, data: Unroll, lane: int, first: int, last: int, how: int) -> tuple[Tensor, ...]:
        assert isinstance(data.observation, Tensor)
        window = data.observation[first:last, lane]
        outputs = self._run(self.network, window, data, lane, first)
        with torch.no_grad():
            target_logits = self._run(self.target, window, data, lane, first).logits
            beyond = self._beyond(data, lane, first, last, how)
        action, mu = data.action[first:last, lane], data.behaviour_logits[first:last, lane]
        values = np.append(outputs.value.detach().numpy(), beyond)
        ratios = (picked(target_logits, action) - picked(mu, action)).exp().numpy()
        rewards = data.reward[first:last, lane].numpy()
        of_value, of_policy = (
            torch.tensor(oracles.vtrace_episode(rewards, values, ratios, GAMMA, trace_decay=decay))
            for decay in (self.config.value_trace_decay, self.config.policy_trace_decay)
        )
        return outputs.logits, outputs.value, target_logits, of_value[0], of_policy[1]

    def _beyond(self, data: Unroll, lane: int, first: int, last: int, how: int) -> float:
        """The value of what followed the last step of a piece, in that episode."""
        if how == TERMINATED or (how == TRUNCATED and self.config.timeout_is_terminal):
            return 0.0
        assert isinstance(data.observation, Tensor) and isinstance(data.final_observation, Tensor)
        if how == TRUNCATED:
            [k] = ((data.final_time == last - 1) & (data.final_lane == lane)).nonzero()
            following = data.final_observation[k]
        else:
            following = data.observation[last:, lane]
        window = torch.cat([data.observation[first:last, lane], following])
        return float(self._run(self.network, window, data, lane, first).value[-1])

    def _run(self, network: ActorCritic, window: Tensor, data: Unroll, lane: int, first: int) -> Outputs:
        inside = first == 0 and not bool(data.is_first[0, lane])
        state = select_lanes(self.state, torch.tensor([lane])) if inside else network.initial_state(1)
        outputs, _ = network(window.unsqueeze(1), state, torch.zeros(len(window), 1, dtype=torch.bool))
        return Outputs(*(part.squeeze(1) for part in outputs))


def endings(data: Unroll, lane: int) -> list[int]:
    return (TERMINATED * data.terminated[:, lane] + TRUNCATED * data.truncated[:, lane].int()).tolist()


def picked(logits: Tensor, action: Tensor) -> Tensor:
    return logits.log_softmax(-1).gather(-1, action.unsqueeze(-1)).squeeze(-1)


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    """KL(p || q)."""
    p, q = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1)


def compared(data: Unroll, **settings: Any) -> tuple[Learner, Unroll, Slow]:
    """Update a learner whose lanes are in progress, and move a copy of its network by the slow version."""
    fast = learner(**settings)
    slow = Slow(fast, warmed(fast.network))
    fast.core_state = warmed(fast.network)
    attached, _ = fast.update(data)
    gradients = torch.autograd.grad(slow.loss(data), list(slow.network.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(slow.network.parameters(), gradients, strict=True):
            parameter -= gradient
    return fast, attached, slow


def pairs(left: nn.Module, right: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(left.parameters(), right.parameters(), strict=True)


def furthest(left: nn.Module, right: nn.Module) -> float:
    return max(float((mine - theirs).detach().abs().max()) for mine, theirs in pairs(left, right))


# --- Episodes inside an unroll --------------------------------------------------------------------


@pytest.mark.parametrize("timeout_is_terminal", [False, True])
@pytest.mark.parametrize("begins", [False, True], ids=["in progress", "from the start"])
def test_an_update_equals_that_of_separate_episodes(timeout_is_terminal: bool, begins: bool) -> None:
    data = unroll()
    data.is_first[0] = begins
    fast, _, slow = compared(data, timeout_is_terminal=timeout_is_terminal)
    assert furthest(fast.network, slow.network) < 1e-9
    assert furthest(fast.network, gtrxl()) > 1e-2  # there was something to learn


@pytest.mark.parametrize("lane", [1, 3], ids=["once", "twice"])
def test_a_truncated_episode_is_valued_at_its_own_last_observation(lane: int) -> None:
    data = unroll()
    _, attached, _ = compared(data)
    fast = learner()
    slow = Slow(fast, warmed(fast.network))
    with torch.no_grad():
        *_, trace = slow.outputs(data)
    assert attached.learner is not None
    torch.testing.assert_close(attached.learner.advantage[:, lane], trace["advantage"][:, lane])


def test_a_time_out_taken_for_an_end_changes_truncated_lanes_only() -> None:
    data = unroll()
    advantages = []
    for flag in (False, True):
        _, attached, _ = compared(data, timeout_is_terminal=flag)
        assert attached.learner is not None
        advantages.append(attached.learner.advantage)
    changed = (advantages[0] != advantages[1]).any(dim=0)
    assert changed.tolist() == [False, True, False, True]


@pytest.mark.parametrize("ends", [{1: 2, 2: 3, 3: 1}, {3: 4}, {3: 6}], ids=str)
def test_a_successor_does_not_reach_the_episode_before_it(ends: dict[int, int]) -> None:
    # All that follows these ends (of each lane, a step) is poison, of which the steps before must not know.
    data, poisoned = unroll(), unroll()
    assert isinstance(poisoned.observation, Tensor)
    for lane, end in ends.items():
        poisoned.observation[end + 1 :, lane] = 1e3
        poisoned.reward[end + 1 :, lane] = -1e3
    clean, dirty = (compared(each)[1].learner for each in (data, poisoned))
    assert clean is not None and dirty is not None
    for lane, end in ends.items():
        for name in ("advantage", "value", "logits"):
            left, right = (getattr(each, name)[: end + 1, lane] for each in (clean, dirty))
            torch.testing.assert_close(left, right, rtol=0, atol=0)
        after = slice(end + 1, None)
        assert end == STEPS - 1 or not torch.equal(clean.advantage[after, lane], dirty.advantage[after, lane])


def test_the_last_observation_of_a_truncated_episode_counts() -> None:
    data = unroll()
    moved = data._replace(final_observation=data.final_observation + 1.0)  # type: ignore[operator]
    left, right = (compared(each)[1].learner for each in (data, moved))
    assert left is not None and right is not None
    changed = (left.advantage != right.advantage).any(dim=0)
    assert changed.tolist() == [False, True, False, True]


# --- Memory across unrolls ------------------------------------------------------------------------


def test_memory_is_carried_from_unroll_to_unroll() -> None:
    long = unroll(np.concatenate([ENDING, ENDING]))
    halves = [cut(long, 0, STEPS), cut(long, STEPS, 2 * STEPS)]
    carried = learner()
    carried.optimizer = torch.optim.SGD(carried.network.parameters(), lr=0.0)  # type: ignore[assignment]
    attached = [carried.update(half)[0] for half in halves]
    with torch.no_grad():
        network = gtrxl()
        outputs, state = network(long.observation, network.initial_state(LANES), long.is_first, 2 * STEPS)
    logits = torch.cat([each.learner.logits for each in attached if each.learner])
    torch.testing.assert_close(logits, outputs.logits[:-1])
    value = torch.cat([each.learner.value for each in attached if each.learner])
    torch.testing.assert_close(value, outputs.value[:-1])
    torch.testing.assert_close(carried.core_state, state)
    assert attached[0].learner_state is not None
    assert attached[0].learner_state[1].tolist() == [0] * LANES


def cut(data: Unroll, first: int, last: int) -> Unroll:
    """Steps first to last of an unroll."""
    inside = (data.final_time >= first) & (data.final_time < last)
    rows = {name: getattr(data, name)[first : last + 1] for name in ("observation", "is_first")}
    names = ("action", "reward", "terminated", "truncated", "behaviour_logits")
    rows |= {name: getattr(data, name)[first:last] for name in names}
    return data._replace(
        **rows,
        final_time=data.final_time[inside] - first,
        final_lane=data.final_lane[inside],
        final_observation=data.final_observation[inside],  # type: ignore[index]
    )


def test_a_replayed_unroll_starts_from_the_memory_it_had() -> None:
    made = learner()
    made.core_state = warmed(made.network)
    attached, _ = made.update(unroll())
    memory, twin, forgetful = made.core_state, copy.deepcopy(made), copy.deepcopy(made)
    made.replay(attached)
    twin.core_state, forgetful.core_state = attached.learner_state, None
    for other in (twin, forgetful):
        other.update(unroll())
    assert furthest(made.network, twin.network) == 0
    assert furthest(made.network, forgetful.network) > 1e-3
    assert made.core_state is memory


# --- What is attached -----------------------------------------------------------------------------


def test_outputs_are_what_the_network_said_before_the_update() -> None:
    made = learner()
    data = unroll()
    with torch.no_grad():
        outputs, _ = gtrxl()(data.observation, gtrxl().initial_state(LANES), data.is_first)
    attached, _ = made.update(data)
    assert attached.learner is not None
    torch.testing.assert_close(attached.learner.logits, outputs.logits[:-1])
    torch.testing.assert_close(attached.learner.value, outputs.value[:-1])
    assert attached.learner.value_scale == 1.0
    assert not any(part.requires_grad for part in attached.learner)
    assert furthest(made.network, gtrxl()) > 1e-3


def test_values_are_attached_in_units_of_the_return() -> None:
    made = learner(popart_step_size=0.5)
    made.popart.mean.fill_(3.0)
    made.popart.mean_square.fill_(13.0)  # sigma 2
    data = unroll()
    with torch.no_grad():
        outputs, _ = gtrxl()(data.observation, gtrxl().initial_state(LANES), data.is_first)
    attached, _ = made.update(data)
    assert attached.learner is not None
    torch.testing.assert_close(attached.learner.value, 2 * outputs.value[:-1] + 3)
    assert attached.learner.value_scale == made.popart.sigma != 2.0


# --- PopArt, target, multipliers ------------------------------------------------------------------


def test_popart_moves_no_value_by_itself() -> None:
    made = learner(popart_step_size=0.25)
    made.optimizer = torch.optim.SGD(made.network.parameters(), lr=0.0)  # type: ignore[assignment]
    data = unroll()
    data = data._replace(reward=10 * data.reward + 5)

    def values() -> Tensor:
        with torch.no_grad():
            outputs, _ = made.network(data.observation, made.network.initial_state(LANES), data.is_first)
            return made.popart.denormalize(outputs.value)

    before, head = values(), made.network.value_head.weight.detach().clone()
    made.update(data)
    assert made.popart.sigma > 2 and not torch.equal(head, made.network.value_head.weight)
    torch.testing.assert_close(values(), before, rtol=1e-6, atol=1e-6)


def test_the_value_loss_counts_in_units_of_the_new_sigma() -> None:
    made = learner(popart_step_size=0.25)
    data = unroll()
    _, metrics = made.update(data)
    fast = learner()
    slow = Slow(fast, fast.network.initial_state(LANES))
    with torch.no_grad():
        _, value, _, trace = slow.outputs(data)
    error = (trace["target"] - value) / made.popart.sigma
    torch.testing.assert_close(metrics["loss/value"], 0.5 * error.square().mean(), check_dtype=False)


@pytest.mark.parametrize("period", [1, 3])
def test_the_target_is_refreshed_every_period(period: int) -> None:
    made = learner(target_period=period)
    made.optimizer = torch.optim.SGD(made.network.parameters(), lr=0.01)  # type: ignore[assignment]
    data, last = unroll(), copy.deepcopy(made.target)
    attached = data
    for update in range(1, 8):
        if update % 2:
            attached, _ = made.update(data)
        else:
            made.replay(attached)
        if update % period == 0:
            last.load_state_dict(made.network.state_dict())
        assert furthest(made.target, last) == 0
        assert update % period == 0 or furthest(made.target, made.network) > 0
    assert all(parameter.grad is None for parameter in made.target.parameters())


@pytest.mark.parametrize("settings", [{"eps_eta": 50.0}, {"eps_alpha": 50.0}], ids=["eta", "alpha"])
def test_multipliers_stay_positive_however_hard_they_are_pushed(settings: dict[str, float]) -> None:
    made = learner(dual_learning_rate=0.5, **settings)
    made.optimizer = torch.optim.SGD(made.network.parameters(), lr=0.0)  # type: ignore[assignment]
    for seed in range(6):
        _, metrics = made.update(unroll(seed=seed))
        assert metrics["vmpo/eta"] >= SMALLEST_MULTIPLIER and metrics["vmpo/alpha"] >= SMALLEST_MULTIPLIER
        assert all(value.isfinite().all() for value in made.network.parameters())
    [name] = settings
    assert float(getattr(made, name.removeprefix("eps_")).detach()) == pytest.approx(SMALLEST_MULTIPLIER)


def test_alpha_grows_while_the_policy_is_too_far_from_its_target() -> None:
    made = learner(eps_alpha=0.001)  # whose target is another network altogether
    before = float(made.alpha.detach())
    _, metrics = made.update(unroll())
    assert metrics["vmpo/kl_over_eps_alpha"] > 1
    assert made.alpha > before


def test_gradients_can_be_clipped() -> None:
    free, clipped = learner(), learner(max_grad_norm=0.01)
    for made in (free, clipped):
        made.update(unroll())
    moved = [
        torch.cat([(p - q).detach().flatten() for p, q in pairs(made.network, gtrxl())]).norm()
        for made in (free, clipped)
    ]
    assert moved[0] > 0.1
    assert float(moved[1]) == pytest.approx(0.01, rel=1e-3)


def test_metrics_are_finite_and_hold_no_graph() -> None:
    _, metrics = learner().update(unroll())
    for name, value in metrics.items():
        assert np.isfinite(float(value)), name
        assert not getattr(value, "requires_grad", False), name


def asking(seed: int = 0) -> Learner:
    """Predicts rewards, with a head that says something."""
    made = learner(reward_prediction_coef=3.0)
    torch.manual_seed(seed)
    for parameter in made.reward_head.parameters():  # type: ignore[union-attr]
        nn.init.normal_(parameter)
    return made


def test_predicting_rewards_adds_half_the_squared_error_for_the_action_taken() -> None:
    data, plain, curious = unroll(), learner(), asking()
    features = (network := gtrxl())(data.observation, network.initial_state(LANES), data.is_first)[0].features
    weight, bias = (parameter.detach() for parameter in curious.reward_head.parameters())  # type: ignore
    errors = [
        data.reward[t, lane] - features[t, lane] @ weight[choice] - bias[choice]
        for t in range(STEPS)
        for lane in range(LANES)
        for choice in [data.action[t, lane]]
    ]
    surprise = 0.5 * torch.stack(errors).square().mean()
    _, metrics = curious.update(data)
    plain.update(data)
    assert float(metrics["loss/reward_prediction"]) == pytest.approx(float(surprise.detach()))
    gradients = torch.autograd.grad(3.0 * surprise, list(network.parameters()), allow_unused=True)
    for mine, theirs, gradient in zip(
        curious.network.parameters(), plain.network.parameters(), gradients, strict=True
    ):
        expected = theirs if gradient is None else theirs - gradient
        assert torch.allclose(mine, expected, atol=1e-9)


def test_the_head_of_rewards_learns_beside_the_network() -> None:
    config = ALDConfig(**CONFIG, reward_prediction_coef=1.0, learner_learning_rate=1e-2)
    made = Learner(gtrxl(), config, torch.device("cpu"))
    attached, first = made.update(unroll())
    for _ in range(40):
        last = made.replay(attached)
    assert float(last["loss/reward_prediction"]) < 0.5 * float(first["loss/reward_prediction"])


def test_nothing_predicts_rewards_by_default() -> None:
    made = learner()
    assert made.reward_head is None
    assert "loss/reward_prediction" not in made.update(unroll())[1]


@pytest.mark.parametrize("coefficient", [0.0, 1.0])
def test_a_learner_goes_on_from_its_state(coefficient: float) -> None:
    config = ALDConfig(**CONFIG, reward_prediction_coef=coefficient)
    one = Learner(gtrxl(), config, torch.device("cpu"))
    other = Learner(gtrxl(seed=5), config, torch.device("cpu"))
    one.update(unroll())
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for made in (one, other):
        made.update(unroll(seed=4))
    assert differences(one.state_dict(), other.state_dict()) == []


# --- The distiller --------------------------------------------------------------------------------


def student() -> ActorCritic:
    torch.manual_seed(6)
    return ActorCritic(
        nn.Identity(), LSTMCore(nn.LSTM(INPUT, 4)), nn.Linear(4, ACTIONS), nn.Linear(4, 1)
    ).double()


def taught(scale: float = 1.0) -> Unroll:
    """An unroll with outputs of a learner that is not there."""
    data = unroll()
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(STEPS, LANES, ACTIONS, generator=generator, dtype=torch.float64)
    value = torch.randn(STEPS, LANES, generator=generator, dtype=torch.float64)
    zeros = torch.zeros(LANES, 4, dtype=torch.float64)
    learner_outputs = LearnerOutputs(logits, value, torch.tensor(scale, dtype=torch.float64), value)
    return data._replace(actor_state=(zeros, zeros), learner=learner_outputs)


def distiller(**settings: Any) -> Distiller:
    network = student()
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    return Distiller(network, optimizer, ALDConfig(**settings))


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_a_distillation_step_follows_the_two_losses(scale: float) -> None:
    made, data = distiller(policy_coef=0.5, distilled_value_coef=2.0), taught(scale)
    assert data.learner is not None
    network = student()
    outputs, _ = network(data.observation, data.actor_state, data.is_first)
    actor = outputs.logits[:-1].log_softmax(-1)
    kl = (actor.exp() * (actor - data.learner.logits.log_softmax(-1))).sum(-1).mean()
    gap = (0.5 * ((data.learner.value - outputs.value[:-1]) / scale) ** 2).mean()
    (0.5 * kl + 2.0 * gap).backward()
    metrics = made.update(data)
    assert float(metrics["distillation/kl"]) == pytest.approx(kl.item())
    assert float(metrics["distillation/value_gap"]) == pytest.approx(gap.item())
    for mine, theirs in pairs(made.network, network):
        assert theirs.grad is not None
        torch.testing.assert_close(mine, theirs - theirs.grad)


def test_distillation_makes_the_actor_say_what_the_learner_said() -> None:
    network, data = student(), taught()
    made = Distiller(network, torch.optim.Adam(network.parameters(), lr=0.02), ALDConfig())
    gaps = [made.update(data) for _ in range(300)]
    assert gaps[-1]["distillation/kl"] < 0.3 * gaps[0]["distillation/kl"]
    assert gaps[-1]["distillation/value_gap"] < 0.5 * gaps[0]["distillation/value_gap"]


def test_the_learner_is_neither_asked_nor_changed() -> None:
    data = taught()
    before = copy.deepcopy(data.to_tree())
    made = distiller()
    made.update(data)  # there is no learner to ask
    assert differences(before, data.to_tree()) == []
    assert furthest(made.network, student()) > 1e-3


def test_an_unroll_without_outputs_is_refused() -> None:
    with pytest.raises(ValueError, match="pass it through the learner first"):
        distiller().update(unroll())


def test_the_learner_is_pulled_to_the_actor_unless_switched_off() -> None:
    # Rewards of 0 and values of 0 leave the regularisation as the only thing that knows of the actor.
    data = unroll(np.zeros_like(ENDING))
    gaps = {}
    for weight in (0.0, 1.0):
        made = learner(learner_regularisation=weight, entropy_coef=0.0)
        made.optimizer = torch.optim.SGD(made.network.parameters(), lr=0.05)  # type: ignore[assignment]
        for _ in range(20):
            made.core_state = None
            attached, _ = made.update(data)
        assert attached.learner is not None
        kl = distillation.policy_distillation(data.behaviour_logits, attached.learner.logits)
        gaps[weight] = float(kl.mean())
    assert gaps[1.0] < gaps[0.0]


def test_outputs_are_known_before_any_gradient_and_change_nothing() -> None:
    made, plain = learner(), learner()
    told: list[tuple[Unroll, float]] = []
    attached, metrics = made.update(
        unroll(), lambda given, losses: told.append((given, furthest(made.network, plain.network)))
    )
    [(given, moved)] = told
    assert given is attached and moved == 0.0
    expected, plain_metrics = plain.update(unroll())
    assert furthest(made.network, plain.network) == 0.0
    assert differences(attached.to_tree(), expected.to_tree()) == []
    assert metrics.keys() == plain_metrics.keys()

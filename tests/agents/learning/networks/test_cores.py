"""Recurrent cores: windows equal steps, episodes do not leak, and the numbers are the papers'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from agents.learning.networks.actor_critic import ActorCritic, Core
from agents.learning.networks.gtrxl import GRUGate, GTrXLCore
from agents.learning.networks.lstm import LSTMCore
from agents.learning.unroll import CoreState, replace_rows, select_lanes
from tests.support import oracles

INPUT, WIDTH, HEADS, MEMORY = 3, 8, 2, 4

seeds = st.integers(0, 2**16)
AnyModule = TypeVar("AnyModule", bound=nn.Module)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def gtrxl(memory: int = MEMORY, layers: int = 2, seed: int = 0) -> GTrXLCore:
    """A core of which every parameter is random, biases and norms included, and large enough to matter."""
    core = GTrXLCore(INPUT, WIDTH, layers, HEADS, hidden=12, memory=memory).double()
    return _scatter(core, seed)


def lstm(seed: int = 0) -> LSTMCore:
    return _scatter(LSTMCore(nn.LSTM(INPUT, WIDTH)).double(), seed)


def _scatter(core: AnyModule, seed: int) -> AnyModule:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in core.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return core


CORES: dict[str, Callable[[], Core]] = {
    "lstm": lstm,
    "gtrxl": gtrxl,
    "gtrxl of memory 1": lambda: gtrxl(memory=1),
    "gtrxl of memory 40": lambda: gtrxl(memory=40),
}


@pytest.fixture(params=CORES)
def core(request: pytest.FixtureRequest) -> Core:
    return CORES[request.param]()


def window(steps: int, lanes: int = 2, seed: int = 0, start: float = 0.2) -> tuple[Tensor, Tensor]:
    """Random inputs [T, B, F], and is_first [T, B] with that share of episode starts."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(steps, lanes, INPUT, generator=generator, dtype=torch.float64)
    return inputs, torch.rand(steps, lanes, generator=generator) < start


def used_state(core: Core, lanes: int = 2, steps: int = 6) -> CoreState:
    """A state in the middle of an episode."""
    inputs, is_first = window(steps, lanes, seed=99, start=0.0)
    return tuple(part.detach() for part in core(inputs, core.initial_state(lanes), is_first)[1])


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10)


def assert_same_future(core: Core, state: CoreState, other: CoreState) -> None:
    """Two states are the same if whatever follows is."""
    lanes = state[0].shape[0]
    inputs, _ = window(7, lanes, seed=123)
    goes_on = torch.zeros(7, lanes, dtype=torch.bool)
    close(core(inputs, state, goes_on)[0], core(inputs, other, goes_on)[0])


def parameters_of(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in module.named_parameters()}


# --- Windows, steps, splits -----------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(CORES)), st.lists(st.integers(1, 7), min_size=1, max_size=6), seeds, st.booleans()
)
def test_any_split_into_windows_equals_one_window(
    name: str, lengths: list[int], seed: int, fresh: bool
) -> None:
    core = CORES[name]()
    inputs, is_first = window(sum(lengths), lanes=3, seed=seed)
    beginning = core.initial_state(3) if fresh else used_state(core, 3)
    whole, end = core(inputs, beginning, is_first)
    pieces, state = [], beginning
    for part, starts in zip(inputs.split(lengths), is_first.split(lengths), strict=True):
        outputs, state = core(part, state, starts)
        pieces.append(outputs)
    close(torch.cat(pieces), whole)
    assert_same_future(core, state, end)


@pytest.mark.parametrize("start", [0.0, 0.2, 1.0])
def test_stepping_equals_one_window(core: Core, start: float) -> None:
    inputs, is_first = window(17, lanes=3, start=start)
    whole, end = core(inputs, core.initial_state(3), is_first)
    state = core.initial_state(3)
    for t in range(17):
        outputs, state = core(inputs[t : t + 1], state, is_first[t : t + 1])
        close(outputs[0], whole[t])
    assert_same_future(core, state, end)


@pytest.mark.parametrize("carry", [0, 1, 5, 8, 9])
def test_carry_returns_the_state_after_that_many_steps(core: Core, carry: int) -> None:
    inputs, is_first = window(9)
    beginning = used_state(core)
    outputs, state = core(inputs, beginning, is_first, carry)
    close(outputs, core(inputs, beginning, is_first)[0])
    expected = core(inputs[:carry], beginning, is_first[:carry])[1] if carry else beginning
    assert_same_future(core, state, expected)


@pytest.mark.parametrize("carry", [-1, 10])
def test_a_carry_outside_of_the_window_is_refused(core: Core, carry: int) -> None:
    inputs, is_first = window(9)
    with pytest.raises(ValueError, match="carry"):
        core(inputs, core.initial_state(2), is_first, carry)


def test_running_leaves_the_state_it_was_given_as_it_was(core: Core) -> None:
    state = used_state(core)
    copies = tuple(part.clone() for part in state)
    inputs, is_first = window(5)
    core(inputs, state, is_first)
    assert all(torch.equal(part, copy) for part, copy in zip(state, copies, strict=True))


# --- Episodes do not leak -------------------------------------------------------------------------


def test_episodes_inside_a_window_equal_episodes_run_alone(core: Core) -> None:
    inputs, _ = window(15, lanes=1)
    starts = [0, 4, 5, 11, 15]
    is_first = torch.zeros(15, 1, dtype=torch.bool)
    is_first[starts[:-1]] = True
    whole, _ = core(inputs, used_state(core, 1), is_first)
    for first, last in zip(starts, starts[1:], strict=False):
        goes_on = torch.zeros(last - first, 1, dtype=torch.bool)
        alone, _ = core(inputs[first:last], core.initial_state(1), goes_on)
        close(whole[first:last], alone)


def test_nothing_from_before_an_episode_has_a_gradient_after_it(core: Core) -> None:
    inputs, _ = window(12)
    inputs.requires_grad_()
    is_first = torch.zeros(12, 2, dtype=torch.bool)
    is_first[7, 0] = is_first[3, 1] = True
    outputs, _ = core(inputs, used_state(core), is_first)
    for lane, start in enumerate((7, 3)):
        slope = torch.autograd.grad(outputs[start:, lane].square().sum(), inputs, retain_graph=True)[0]
        assert not slope[:start].any()
        assert slope[start:, lane].abs().sum(-1).all()
        before = torch.autograd.grad(outputs[start - 1, lane].square().sum(), inputs, retain_graph=True)[0]
        assert before[:start, lane].any()


def test_nothing_from_before_an_episode_changes_a_bit_after_it(core: Core) -> None:
    inputs, _ = window(12)
    is_first = torch.zeros(12, 2, dtype=torch.bool)
    is_first[5] = True
    state = used_state(core)
    poisoned = inputs.clone()
    poisoned[:5] = 1e9
    floats = tuple(part + 1e9 if part.is_floating_point() else part for part in state)
    clean, after_clean = core(inputs, state, is_first)
    dirty, after_dirty = core(poisoned, floats, is_first)
    assert torch.equal(clean[5:], dirty[5:])
    assert not torch.equal(clean[:5], dirty[:5])
    assert_same_future(core, after_clean, after_dirty)


def test_an_episode_that_starts_at_once_forgets_the_state(core: Core) -> None:
    inputs, _ = window(6)
    is_first = torch.zeros(6, 2, dtype=torch.bool)
    fresh, _ = core(inputs, core.initial_state(2), is_first)
    is_first[0] = True
    close(core(inputs, used_state(core), is_first)[0], fresh)


def test_a_lane_that_broke_down_recovers_with_its_next_episode(core: Core) -> None:
    inputs, _ = window(6)
    is_first = torch.zeros(6, 2, dtype=torch.bool)
    is_first[0] = True
    state = used_state(core)
    broken = tuple(part * float("nan") if part.is_floating_point() else part for part in state)
    assert torch.equal(core(inputs, broken, is_first)[0], core(inputs, state, is_first)[0])


# --- Lanes ----------------------------------------------------------------------------------------


def test_lanes_do_not_influence_each_other(core: Core) -> None:
    inputs, is_first = window(10)
    inputs.requires_grad_()
    state = used_state(core)
    outputs, _ = core(inputs, state, is_first)
    slope = torch.autograd.grad(outputs[:, 0].square().sum(), inputs)[0]
    assert slope[:, 0].any()
    assert not slope[:, 1].any()
    changed, starts = inputs.detach().clone(), is_first.clone()
    changed[:, 1] += 1.0
    starts[:, 1] = ~starts[:, 1]
    others = tuple(torch.stack([part[0], torch.ones_like(part[1])]) for part in state)
    after, _ = core(changed, others, starts)
    close(after[:, 0], outputs[:, 0].detach())
    assert (after[:, 1] - outputs[:, 1]).abs().max() > 1e-3


def test_a_lane_run_alone_is_the_lane_run_among_others(core: Core) -> None:
    inputs, is_first = window(10, lanes=4)
    beginning = used_state(core, 4)
    outputs, end = core(inputs, beginning, is_first)
    order = torch.tensor([2, 0])
    few, state = core(inputs[:, order], select_lanes(beginning, order), is_first[:, order])
    close(few, outputs[:, order])
    assert_same_future(core, state, select_lanes(end, order))


def test_state_is_lane_first(core: Core) -> None:
    inputs, is_first = window(3, lanes=5)
    state = core.initial_state(5)
    outputs, after = core(inputs, state, is_first)
    assert outputs.shape == (3, 5, core.output_size)
    assert [part.shape for part in state] == [part.shape for part in after]
    assert all(part.shape[0] == 5 for part in state)


# --- GTrXL ----------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([1, 3, 40]), st.integers(1, 3), st.integers(1, 14), seeds)
def test_gtrxl_equals_attention_over_an_explicit_list_of_keys(
    memory: int, layers: int, steps: int, seed: int
) -> None:
    core = gtrxl(memory, layers, seed)
    histories: list[oracles.History] = [[[] for _ in range(layers)] for _ in range(2)]
    state = core.initial_state(2)
    for k in range(2):  # the second window goes on from the first
        inputs, is_first = window(steps, seed=seed + k)
        outputs, state = core(inputs, state, is_first)
        expected = oracles.gtrxl(
            parameters_of(core), inputs.numpy(), is_first.numpy(), histories, heads=HEADS, memory=memory
        )
        # The sinusoids are computed in single precision.
        np.testing.assert_allclose(outputs.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_one_layer_sees_exactly_itself_and_memory_steps_back() -> None:
    core, steps = gtrxl(layers=1), 11
    inputs, _ = window(steps, lanes=1)
    inputs.requires_grad_()
    outputs, _ = core(inputs, core.initial_state(1), torch.zeros(steps, 1, dtype=torch.bool))
    for t in range(steps):
        slope = torch.autograd.grad(outputs[t].square().sum(), inputs, retain_graph=True)[0]
        seen = slope.abs().sum(-1).squeeze(-1).nonzero().flatten().tolist()
        assert seen == list(range(max(0, t - MEMORY), t + 1))


@pytest.mark.parametrize("slot", range(MEMORY))
def test_a_remembered_step_is_seen_until_it_is_memory_steps_old(slot: int) -> None:
    core = gtrxl(layers=1)
    inputs, _ = window(7, lanes=1)
    goes_on = torch.zeros(7, 1, dtype=torch.bool)
    memory, length = used_state(core, 1, steps=MEMORY + 2)
    changed = memory.clone()
    changed[:, :, slot] += torch.randn(WIDTH, generator=torch.Generator().manual_seed(0))
    before, after = (core(inputs, (part, length), goes_on)[0] for part in (memory, changed))
    differs = (before != after).any(-1).squeeze(-1).tolist()
    assert differs == [t <= slot for t in range(7)]  # slot k is M - k steps old at t = 0


@pytest.mark.parametrize("written", range(MEMORY))
@pytest.mark.parametrize("poison", [1e9, -1e9, float("nan")])
def test_memory_that_was_never_written_is_never_attended(written: int, poison: float) -> None:
    core = gtrxl()
    memory, length = used_state(core, 2, written) if written else core.initial_state(2)
    assert length.tolist() == [written, written]
    poisoned = memory.clone()
    poisoned[:, :, : MEMORY - written] = poison
    inputs, is_first = window(9)
    clean, dirty = (core(inputs, (part, length), is_first)[0] for part in (memory, poisoned))
    assert torch.equal(clean, dirty)


def test_lanes_with_different_lengths_of_memory_each_see_their_own() -> None:
    core = gtrxl()
    inputs, _ = window(8, lanes=3)
    is_first = torch.zeros(8, 3, dtype=torch.bool)
    is_first[6, 0] = is_first[2, 1] = True
    _, (_, length) = core(inputs, core.initial_state(3), is_first)
    assert length.tolist() == [2, MEMORY, MEMORY]


def test_memory_holds_each_layers_inputs_and_no_gradient() -> None:
    core = gtrxl()
    inputs, _ = window(MEMORY)
    _, (memory, _) = core(inputs, core.initial_state(2), torch.zeros(MEMORY, 2, dtype=torch.bool))
    assert not memory.requires_grad
    close(memory[:, 0], core.embed(inputs).transpose(0, 1).detach())


def test_no_gradient_reaches_back_into_memory() -> None:
    core = gtrxl()
    memory, length = used_state(core)
    inputs, is_first = window(3, start=0.0)
    outputs, _ = core(inputs, (memory.requires_grad_(), length), is_first)
    assert torch.autograd.grad(outputs.sum(), memory, allow_unused=True)[0] is None


def test_a_new_gate_keeps_most_of_the_stream() -> None:
    gate, (x, y) = GRUGate(WIDTH), torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(0))
    assert gate.bias.tolist() == [2.0] * WIDTH
    for layer in (gate.from_sublayer, gate.from_stream, gate.from_reset):
        nn.init.zeros_(layer.weight)
    torch.testing.assert_close(gate(x, y), x * torch.sigmoid(torch.tensor(2.0)))  # 0.88 of it


@pytest.mark.parametrize("arguments", [{"memory": 0}, {"layers": 0}, {"heads": 3}])
def test_impossible_transformers_are_refused_by_name(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        GTrXLCore(INPUT, WIDTH, **arguments)


# --- LSTM -----------------------------------------------------------------------------------------


def test_lstm_equals_torchs_where_no_episode_starts() -> None:
    core = lstm()
    inputs, _ = window(9)
    hidden, cell = used_state(core)
    expected, (last_hidden, last_cell) = core.lstm(inputs, (hidden.unsqueeze(0), cell.unsqueeze(0)))
    outputs, state = core(inputs, (hidden, cell), torch.zeros(9, 2, dtype=torch.bool))
    close(outputs, expected)
    close(state[0], last_hidden[0])
    close(state[1], last_cell[0])


def test_lstm_has_the_gradients_of_torchs() -> None:
    core = lstm()
    inputs, _ = window(9)
    slopes = []
    for outputs in (core.lstm(inputs)[0], core(inputs, core.initial_state(2), torch.zeros(9, 2).bool())[0]):
        slopes.append(torch.autograd.grad(outputs.square().sum(), list(core.parameters())))
    for theirs, ours in zip(*slopes, strict=True):
        close(ours, theirs)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 10), seeds)
def test_lstm_equals_the_written_out_recurrence_with_resets(steps: int, seed: int) -> None:
    core = lstm(seed)
    inputs, is_first = window(steps, seed=seed)
    hidden, cell = used_state(core)
    expected = oracles.lstm(
        parameters_of(core.lstm), inputs.numpy(), is_first.numpy(), hidden.numpy(), cell.numpy()
    )
    outputs, _ = core(inputs, (hidden, cell), is_first)
    np.testing.assert_allclose(outputs.detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "option", [{"num_layers": 2}, {"bidirectional": True}, {"proj_size": 2}, {"bias": False}], ids=str
)
def test_an_lstm_the_core_cannot_run_is_refused(option: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        LSTMCore(nn.LSTM(INPUT, WIDTH, **option))


# --- An actor-critic over any core ----------------------------------------------------------------


class Sum(nn.Module):
    """Encodes a Dict observation."""

    def forward(self, observation: dict[str, Tensor]) -> Tensor:
        return observation["near"] + observation["far"].flatten(1)


def actor_critic(core: Core) -> ActorCritic:
    torch.manual_seed(0)
    heads = nn.Linear(WIDTH, 4), nn.Linear(WIDTH, 1)
    return ActorCritic(Sum(), core, *heads).double()


def test_an_actor_critic_stepped_equals_its_window_on_dict_observations(core: Core) -> None:
    model = actor_critic(core)
    near, is_first = window(8, lanes=3)
    observation = {"near": near, "far": near.unflatten(-1, (INPUT, 1)).flip(0)}
    whole, _ = model(observation, model.initial_state(3), is_first)
    assert (whole.logits.shape, whole.value.shape, whole.features.shape) == ((8, 3, 4), (8, 3), (8, 3, WIDTH))
    state = model.initial_state(3)
    for t in range(8):
        row = {name: part[t] for name, part in observation.items()}
        step, state = model.step(row, state, is_first[t])
        assert not step.logits.requires_grad
        for part, expected in zip(step, whole, strict=True):
            close(part, expected[t].detach())


# --- Rows of observations -------------------------------------------------------------------------


def test_replaced_rows_go_where_they_are_told_and_into_a_copy() -> None:
    observation = {"a": torch.zeros(3, 2, 2, dtype=torch.uint8), "b": torch.zeros(3, 2)}
    by = {"a": torch.tensor([[1, 2], [3, 4]]), "b": torch.tensor([5.0, 6.0])}
    result = replace_rows(observation, torch.tensor([2, 0]), torch.tensor([0, 1]), by)
    assert isinstance(result, dict)
    assert result["a"].dtype == torch.uint8
    assert result["a"].tolist() == [[[0, 0], [3, 4]], [[0, 0], [0, 0]], [[1, 2], [0, 0]]]
    assert result["b"].tolist() == [[0, 6], [0, 0], [5, 0]]
    assert not observation["a"].any()
    nothing = torch.empty(0, dtype=torch.int64)
    plain = replace_rows(observation["b"], nothing, nothing, torch.empty(0))
    assert isinstance(plain, Tensor)
    assert torch.equal(plain, observation["b"])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), seeds)
def test_lstm_by_episode_equals_lstm_by_step(steps: int, lanes: int, seed: int) -> None:
    core = lstm(seed)
    inputs, is_first = window(steps, lanes=lanes, seed=seed)
    beginning = used_state(core, lanes)
    by_step, _ = core(inputs, beginning, is_first)
    by_episode, untouched = core(inputs, beginning, is_first, 0)
    close(by_episode, by_step.detach())
    assert untouched is beginning

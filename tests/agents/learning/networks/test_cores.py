"""What every recurrent core does: windows equal steps, episodes do not leak, lanes stay apart."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from agents.learning.networks.actor_critic import Core
from agents.learning.unroll import select_lanes
from tests.support.cores import CORES, assert_same_future, close, seeds, used_state, window

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=CORES)
def core(request: pytest.FixtureRequest) -> Core:
    return CORES[request.param]()


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


@pytest.mark.parametrize("carry", [None, 0])
def test_gradients_are_those_of_small_differences(core: Core, carry: int | None) -> None:
    assert isinstance(core, nn.Module)
    inputs, _ = window(6)
    is_first = torch.zeros(6, 2, dtype=torch.bool)
    is_first[3, 0] = is_first[0, 1] = True
    beginning, names = core.initial_state(2), [name for name, _ in core.named_parameters()]

    def run(inputs: Tensor, *parameters: Tensor) -> Tensor:
        own = dict(zip(names, parameters, strict=True))
        outputs: Tensor = torch.func.functional_call(core, own, (inputs, beginning, is_first, carry))[0]
        return outputs

    learnt = [parameter.detach().clone().requires_grad_() for parameter in core.parameters()]
    assert torch.autograd.gradcheck(run, (inputs.requires_grad_(), *learnt), fast_mode=True)


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

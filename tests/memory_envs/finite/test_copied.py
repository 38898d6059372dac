"""Other people's environments, run from copies, are the tasks that they are."""

import random

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import memory_envs
from memory_envs.certificate import Effort
from memory_envs.finite import FiniteGym, NotFinite, TooLarge, finite_form
from memory_envs.finite.imaze import FiniteIMaze
from memory_envs.rules import imaze
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.values import best
from tests.support.brute_force import RandomPOMDP, best_over_histories
from tests.support.played import Played
from tests.support.toys import Slide, TMaze

QUICK = Effort(restarts=1, iterations=20)
LEVELS = ("random", "deterministic", "memoryless", "perfect_memory", "optimum")


def numbers(certificate):
    levels = [getattr(certificate, name) for name in LEVELS]
    return np.array([(*ends(each.episode_return), *ends(each.success)) for each in levels])


def ends(bounds):
    return bounds.lower, bounds.upper


@pytest.mark.parametrize("idiom", ["choice", "random", "uniform"])
@pytest.mark.parametrize("make", [TMaze, Slide, lambda: TMaze(chances=(0.2, 0.8))])
def test_a_task_written_by_hand_and_its_environment_have_the_same_certificate(make, idiom):
    by_hand = memory_envs.certify(make(), effort=QUICK)
    env = Played(make(), idiom)
    seen_through = memory_envs.certify(env, finite={"horizon": make().horizon}, effort=QUICK)
    assert numbers(seen_through) == pytest.approx(numbers(by_hand), abs=1e-9)
    assert seen_through.verdict == by_hand.verdict


def test_an_imaze_seen_through_an_environment_is_that_imaze():
    rules = FiniteIMaze(imaze.configure(size=7))
    graph = enumerate_states(FiniteGym(Played(rules), horizon=rules.horizon))
    by_hand = lumped(enumerate_states(rules))
    assert lumped(graph).num_states == by_hand.num_states
    assert len(graph.observations) == len(by_hand.observations)
    assert best(graph) == pytest.approx(best(by_hand))


@pytest.mark.parametrize("seed", range(12))
def test_random_tasks_are_worth_what_brute_force_finds(seed):
    rules = RandomPOMDP(seed)
    certificate = memory_envs.certify(
        Played(rules, "random"), finite={"horizon": rules.horizon}, effort=QUICK
    )
    assert certificate.perfect_memory.episode_return.lower == pytest.approx(
        best_over_histories(rules), abs=1e-6
    )


def test_a_clock_is_left_out_where_nothing_depends_on_it():
    env = Played(TMaze(length=2, horizon=10), clock=True)
    timed = enumerate_states(FiniteGym(env, horizon=10))
    plain = enumerate_states(FiniteGym(env, horizon=10, clock="steps"))
    assert timed.num_states > plain.num_states == enumerate_states(TMaze(length=2)).num_states
    assert best(timed) == pytest.approx(best(plain))


class Hurried(Played):
    """Pays less for a success that comes later."""

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward * (1 - 0.05 * self.steps), terminated, truncated, info


def test_a_clock_on_which_rewards_depend_is_refused_unless_success_alone_counts():
    env = Hurried(TMaze(length=2, horizon=10), clock=True)
    with pytest.raises(NotFinite, match="depends on its clock .steps.: on action 1, reward .* after 5 steps"):
        enumerate_states(FiniteGym(env, horizon=10, clock="steps"))
    scored = memory_envs.certify(FiniteGym(env, horizon=10, clock="steps", score="success"), effort=QUICK)
    assert ends(scored.memoryless.success) == (0.5, 0.5) and scored.perfect_memory.success.lower == 1
    assert scored.perfect_memory.episode_return.lower == 1
    kept = enumerate_states(FiniteGym(env, horizon=10))
    assert best(kept).episode_return == pytest.approx(1 - 0.05 * 3)


def test_an_environment_is_left_as_it_was():
    env = gymnasium.make("FrozenLake-v1")
    env.reset(seed=3)
    env.action_space.seed(5)
    before = env.unwrapped.np_random, env.unwrapped.s, env.action_space.np_random
    enumerate_states(FiniteGym(env))
    assert before == (env.unwrapped.np_random, env.unwrapped.s, env.action_space.np_random)


def test_wrappers_are_part_of_the_task():
    env = Played(TMaze(length=1, horizon=4))
    stacked = gymnasium.wrappers.FrameStackObservation(Framed(TMaze(length=1, horizon=4)), 2)
    limited = gymnasium.wrappers.TimeLimit(gymnasium.wrappers.TransformReward(env, lambda r: 2 * r), 3)
    assert FiniteGym(limited).horizon == 3
    assert memory_envs.certify(limited, effort=QUICK).perfect_memory.episode_return.lower == 2
    assert memory_envs.certify(env, finite={"horizon": 4}, effort=QUICK).memoryless.success.lower == 0.5
    remembered = memory_envs.certify(stacked, finite={"horizon": 4}, effort=QUICK)
    assert remembered.memoryless.success.lower == 1, "two frames hold the cue and the junction"


class Framed(Played):
    """Shows numbers."""

    def __init__(self, rules):
        super().__init__(rules)
        self.observation_space = spaces.Box(0, 9, (1,), np.float32)

    def _seen(self):
        told = super()._seen()
        return np.array([sum(map(ord, told)) % 7 + ("1" in told)], np.float32)


class Guess(gymnasium.Env):
    """Guess a hidden number; each subclass draws it, or acts, in a way of its own."""

    action_space = spaces.Discrete(2)
    observation_space = spaces.Discrete(1)

    def __init__(self):
        self.number = 0

    def draw(self):
        return self.np_random.integers(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.number = self.draw()
        return 0, {}

    def step(self, action):
        return 0, float(action == self.number), True, False, {}


class OwnGenerator(Guess):
    def __init__(self):
        super().__init__()
        self.tools = {"dice": np.random.default_rng(0)}

    def draw(self):
        return self.tools["dice"].integers(2)


class FromItsSpace(Guess):
    def __init__(self):
        super().__init__()
        self.action_space = spaces.Discrete(2)

    def draw(self):
        return self.action_space.sample()


class WithCode(Guess):
    def __init__(self):
        super().__init__()
        self.rule = lambda number: number
        self.draw = self._draw

    def _draw(self):
        return self.rule(self.np_random.integers(2))


class Copies(Guess, gymnasium.utils.EzPickle):
    def __init__(self):
        super().__init__()
        gymnasium.utils.EzPickle.__init__(self)


@pytest.mark.parametrize("kind", [Guess, OwnGenerator, FromItsSpace, WithCode, Copies])
@pytest.mark.parametrize("wrapped", [False, True])
def test_generators_are_found_wherever_they_are_held(kind, wrapped):
    env = gymnasium.wrappers.TransformReward(kind(), float) if wrapped else kind()
    graph = enumerate_states(FiniteGym(env, horizon=1))
    assert sorted(graph.start[graph.start > 0]) == [0.5, 0.5]
    assert best(graph).episode_return == 1


class GlobalNumpy(Guess):
    def draw(self):
        return np.random.randint(2)


class GlobalPython(Guess):
    def draw(self):
        return random.randrange(2)


class Legacy(Guess):
    def __init__(self):
        super().__init__()
        self.dice = np.random.RandomState(0)


class Later(Guess):
    def draw(self):
        self.dice = np.random.default_rng(0)
        return 0


class Real(Guess):
    def draw(self):
        return self.np_random.normal()


class Kept(Guess):
    def draw(self):
        return self.np_random.random()


class Reading(Guess):
    def draw(self):
        self.lines = (number for number in range(3))
        return 0


class Outside(Guess):
    calls = [0]

    def draw(self):
        self.calls[0] += 1
        return self.calls[0] % 7


class Raising(Guess):
    def draw(self):
        return np.sin(self.np_random.random())


class Continuous(Guess):
    action_space = spaces.Box(0, 1, (1,))


class Endless(Guess):
    def step(self, action):
        self.number += 1
        return 0, 0.0, False, False, {}


@pytest.mark.parametrize(
    "kind, message",
    [
        (GlobalNumpy, "on reset, it draws from numpy's global generator"),
        (GlobalPython, "on reset, it draws from Python's global generator"),
        (Legacy, "Legacy.dice is a RandomState, whose draws cannot be enumerated"),
        (Later, r"dice is a Generator, whose draws cannot be enumerated"),
        (Real, "what normal of a generator gives"),
        (Kept, r"number keeps a number of random"),
        (Reading, "cannot be copied|whose content cannot be read"),
        (Outside, "it does otherwise when it is run again"),
        (Raising, "it raises TypeError"),
        (Continuous, r"Continuous cannot be enumerated: its actions are Box\("),
    ],
)
def test_what_is_not_finite_is_refused_with_what_was_met(kind, message):
    with pytest.raises(NotFinite, match=message) as refused:
        memory_envs.certify(kind(), finite={"horizon": 3})
    assert str(refused.value).startswith(kind.__name__) and "\n" not in str(refused.value)


def test_what_has_too_many_states_is_refused_with_their_number():
    with pytest.raises(TooLarge, match="more than 50 states"):
        memory_envs.certify(Endless(), finite={"horizon": 100}, effort=Effort(state_limit=50))


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({}, ValueError, "Guess has no time limit that is known: give horizon"),
        ({"horizon": 0}, ValueError, "horizon must be an integer of at least 1, got 0"),
        (
            {"horizon": 3, "clock": "time"},
            ValueError,
            "clock must name attributes of Guess, got 'time'",
        ),
        ({"horizon": 3, "clock": "_np_random"}, ValueError, "that holds an integer, _np_random is"),
        ({"horizon": 3, "score": "win"}, ValueError, "score must be one of 'return', 'success', got 'win'"),
        ({"horizon": 3, "state": str}, ValueError, "state and restore must be given both"),
        ({"horizont": 3}, TypeError, "there is no option 'horizont' of FiniteGym; there are horizon, clock"),
    ],
)
def test_wrong_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        finite_form(Guess(), **options)


def test_options_are_refused_where_they_say_nothing():
    for target in (TMaze(), "MemoryEnvs/IMaze-7x7-v0"):
        with pytest.raises(TypeError, match="finite is for environments of others"):
            memory_envs.certify(target, finite={"horizon": 3})


class Urn(gymnasium.Env):
    """Balls are drawn into a list, of which the number of each colour alone matters."""

    action_space = spaces.Discrete(2)
    observation_space = spaces.Discrete(2)

    def __init__(self):
        self.balls = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.balls = [int(self.np_random.integers(2))]
        return self.balls[-1], {}

    def step(self, action):
        if action == 1:
            return 0, float(sum(self.balls)), True, False, {}
        self.balls.append(int(self.np_random.random() < 0.25))
        return self.balls[-1], -0.3, False, False, {}


class Several(Guess):
    def __init__(self, space):
        super().__init__()
        self.action_space = space

    def step(self, action):
        return 0, float(np.sum(action) == self.number), True, False, {}


@pytest.mark.parametrize(
    "space, actions",
    [
        (spaces.Discrete(3, start=-1), [-1, 0, 1]),
        (spaces.MultiBinary(2), [[0, 0], [0, 1], [1, 0], [1, 1]]),
        (spaces.MultiDiscrete([2, 1], start=[0, 1]), [[0, 1], [1, 1]]),
    ],
)
def test_all_actions_of_a_space_are_numbered(space, actions):
    form = FiniteGym(Several(space), horizon=1)
    assert [np.array(each).tolist() for each in form.actions] == actions
    assert all(each in space for each in form.actions) and form.num_actions == len(actions)
    assert best(enumerate_states(form)).episode_return >= 0.5


def counted(env):
    return len(env.balls), sum(env.balls)


def refill(env, state):
    env.balls = [1] * state[1] + [0] * (state[0] - state[1])


def test_states_that_the_user_writes_stand_for_copies():
    copied = enumerate_states(FiniteGym(Urn(), horizon=7))
    written = enumerate_states(FiniteGym(Urn(), horizon=7, state=counted, restore=refill))
    assert written.num_states < copied.num_states
    assert best(written) == pytest.approx(best(copied))
    # After n balls the mean is 1/2 + (n - 1) / 4 at a cost of 0.3 each: no further ball is worth it.
    assert best(written).episode_return == pytest.approx(0.5)

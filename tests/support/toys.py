"""Finite environments small enough to be worked out by hand."""

from itertools import product

import numpy as np

from memory_envs.finite.protocol import Outcome


class Slide:
    """Two actions in one state: 0 ends well in half of the cases, 1 does nothing."""

    num_actions = 2
    horizon = 2

    def starts(self):
        return [(1.0, "top")]

    def step(self, state, action):
        if action == 1:
            return [Outcome(1.0, "top", 0.0)]
        return [Outcome(0.5, "top", 0.0), Outcome(0.5, "bottom", 2.0, terminated=True, success=True)]

    def observe(self, state):
        return state


class TMaze:
    """A cue, seen in cell 0, then a corridor to a junction where it has to be known.

    Actions: 0 walks on, 1 and 2 choose; a choice away from the junction does nothing.
    """

    num_actions = 3

    def __init__(self, length=3, horizon=20, shown=(0,), chances=(0.5, 0.5)):
        self.length, self.horizon, self.shown, self.chances = length, horizon, shown, chances

    def starts(self):
        return [(chance, (0, cue)) for cue, chance in enumerate(self.chances)]

    def step(self, state, action):
        cell, cue = state
        if action == 0:
            return [Outcome(1.0, (min(cell + 1, self.length), cue), 0.0)]
        if cell < self.length:
            return [Outcome(1.0, state, 0.0)]
        right = action == cue + 1
        return [Outcome(1.0, "end", 1.0 if right else -1.0, terminated=True, success=right)]

    def observe(self, state):
        cell, cue = state
        look = "junction" if cell == self.length else "corridor"
        return (look, cue) if cell in self.shown else look


class NamedTMaze(TMaze):
    """The same, naming its question."""

    def question(self, state):
        return state[1]

    def rest(self, state):
        return state[0]

    def place(self, state):
        return f"cell {state[0]}"

    def must_hide(self, state):
        return state[0] > 0

    def picture(self, state):
        return str(self.observe(state))


class Alias:
    """Two rooms that look alike; the way out is to the right of one and to the left of the other."""

    num_actions = 2
    horizon = 3

    def starts(self):
        return [(0.5, "left room"), (0.5, "right room")]

    def step(self, state, action):
        out = (state == "left room") == (action == 1)
        return [Outcome(1.0, "outside" if out else state, float(out), terminated=out, success=out)]

    def observe(self, state):
        return "room"


class Drawn:
    """A random task: `states` states that look like `sights` observations, with two outcomes per action."""

    num_actions = 2
    horizon = 6

    def __init__(self, seed, states=5, sights=3, outcomes=2):
        random = np.random.default_rng(seed)
        self.sights = random.integers(sights, size=states)
        self.targets = random.integers(states, size=(states, self.num_actions, outcomes))
        self.chances = random.dirichlet(np.ones(outcomes), size=(states, self.num_actions))
        self.rewards = random.normal(size=(states, self.num_actions, outcomes)).round(2)
        self.ends = random.random((states, self.num_actions, outcomes)) < 0.2

    def starts(self):
        return [(0.5, 0), (0.5, 1)]

    def step(self, state, action):
        at = state, action
        columns = self.chances[at], self.targets[at], self.rewards[at], self.ends[at]
        return [
            Outcome(float(p), int(t), float(r), bool(e), bool(e)) for p, t, r, e in zip(*columns, strict=True)
        ]

    def observe(self, state):
        return int(self.sights[state])


def every_policy(graph):
    """All deterministic policies of a graph, as [O, A]."""
    for actions in product(range(graph.num_actions), repeat=len(graph.observations)):
        yield np.eye(graph.num_actions)[list(actions)]


def played(env, policy, episodes, seed):
    """Mean return, success and steps of episodes that were really played; `policy` maps sights to chances."""
    random = np.random.default_rng(seed)
    chances, first = zip(*env.starts(), strict=True)
    totals = np.zeros(3)
    for _ in range(episodes):
        state = first[random.choice(len(first), p=chances)]
        for _ in range(env.horizon):
            action = random.choice(env.num_actions, p=policy[env.observe(state)])
            outcomes = list(env.step(state, int(action)))
            outcome = outcomes[random.choice(len(outcomes), p=[each.probability for each in outcomes])]
            totals += outcome.reward, outcome.success, 1
            state = outcome.state
            if outcome.terminated:
                break
    return totals / episodes

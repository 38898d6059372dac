"""What a student earns that imitates, from its history alone, the optimum that sees the state.

The optimum is the best policy that sees the state and counts the steps. Of all that have its return it is the
one whose rewards come soonest, as in the limit of a discount that goes to 1; between actions that are equally
good even so it draws evenly. The student remembers every observation and action. After a history h it draws
action a with the probability that the optimum takes it, given h:

    x(a | h) = sum over states s of P(s | h) pi*(a | s)

which is what imitation by cross entropy converges to where the student acts and the optimum says what it
would have done (Warrington et al. 2021, "Robust asymmetric learning in POMDPs"; Weihs et al. 2021, "Bridging
the imitation gap by adaptive insubordination", proposition 1). Its actions follow from h, so that P(s | h)
depends on what they do and not on how they were chosen: it is the belief of `memory_envs.solvers.beliefs`. A
student of demonstrations, in which the optimum acts, learns otherwise: there actions tell of the state.

The gap cannot be learnt away: x is all that the teacher's answers say. What can be done with it is bounded by
the best student that knows its history and takes only actions that x gives a chance: whatever the optimum's
ties, whether it draws, takes the most probable action or sharpens x.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.solvers.graph import Floats, Graph, Integers, tally
from memory_envs.solvers.values import Value, best_choices, lookahead

CLOSE = 1e-9
"""Values this close, for each step that they are added up over, count as equal."""


class Imitated(NamedTuple):
    """What students of the optimum are worth.

    Attributes:
        drawn: That which draws its action from x.
        at_most: The best that takes no action to which x gives no chance.
    """

    drawn: Value
    at_most: Value


def imitated(graph: Graph, beliefs: Graph) -> Imitated:
    """Return what is earned by imitating the optimum of a task, exactly, by one pass back from the horizon.

    Args:
        graph: The task.
        beliefs: Its graph of beliefs (`memory_envs.solvers.beliefs.belief_graph`).
    """
    shares = _Shares.of(beliefs)
    drawn, at_most = np.zeros((2, 3, beliefs.num_states))
    for optimal in optimal_actions(graph):
        taken = shares.mean(optimal / optimal.sum(axis=1, keepdims=True))
        drawn = (taken * lookahead(beliefs, drawn)).sum(axis=2)
        at_most, _ = best_choices(beliefs, at_most, allowed=taken > 0)
    return Imitated(*(Value(*(float(beliefs.start @ each) for each in rows)) for rows in (drawn, at_most)))


def optimal_actions(graph: Graph) -> Iterator[NDArray[np.bool_]]:
    """Yield what the optimum may do in each state, bool [S, A], from the last step back to the first.

    Each reward counts the steps left when it is paid, to choose among actions of equal return.
    """
    everywhere = np.arange(graph.num_states)
    value, sooner = np.zeros((2, graph.num_states))
    for left in range(1, graph.horizon + 1):
        worth = graph.reward + graph.expected(value)
        early = np.where(_highest(worth, 1), left * graph.reward + graph.expected(sooner), -np.inf)
        optimal = _highest(early, left)
        yield optimal
        one = optimal.argmax(axis=1)
        value, sooner = worth[everywhere, one], early[everywhere, one]


class _Shares(NamedTuple):
    """Beliefs as a sparse matrix, one entry for each state of each belief."""

    belief: Integers
    state: Integers
    chance: Floats
    beliefs: int

    @classmethod
    def of(cls, beliefs: Graph) -> "_Shares":
        entries = [(number, *entry) for number, each in enumerate(beliefs.states) for entry in each]
        belief, state, chance = zip(*entries, strict=True)
        return cls(np.array(belief), np.array(state), np.array(chance), beliefs.num_states)

    def mean(self, chances: Floats) -> Floats:
        """Return the mean over each belief, [B, A], of what states have, [S, A]."""
        columns = (tally(self.belief, self.chance * each[self.state], self.beliefs) for each in chances.T)
        return np.stack(list(columns), axis=1)


def _highest(worth: Floats, scale: float) -> NDArray[np.bool_]:
    highest: NDArray[np.bool_] = worth >= worth.max(axis=1, keepdims=True) - CLOSE * scale
    return highest

"""How much a certificate may cost."""

from dataclasses import dataclass

from memory_envs.solvers.ascent import ITERATIONS, RESTARTS
from memory_envs.solvers.beliefs import BELIEF_LIMIT
from memory_envs.solvers.graph import STATE_LIMIT
from memory_envs.solvers.search import NODE_LIMIT


@dataclass(frozen=True)
class Effort:
    """How far the computations go before they answer with bounds.

    Attributes:
        state_limit: States beyond which a task is refused.
        belief_limit: Beliefs beyond which perfect memory is bounded by the optimum.
        node_limit: Partial policies that the search for the best deterministic one looks at.
        restarts: Random policies from which stochastic ones are improved.
        iterations: Steps of each of these ascents.
        layouts: Rooms that are drawn where there are too many to compute all.
        episodes: Episodes that are played where a policy cannot be valued exactly.
        lanes: Episodes that are played side by side where the policy has no memory.
        seed: Of all that is drawn.
    """

    state_limit: int = STATE_LIMIT
    belief_limit: int = BELIEF_LIMIT
    node_limit: int = NODE_LIMIT
    restarts: int = RESTARTS
    iterations: int = ITERATIONS
    layouts: int = 40
    episodes: int = 500
    lanes: int = 20_000
    seed: int = 0

"""What memory is worth in MiniGrid's Memory tasks: `python examples/certify_minigrid.py` (needs minigrid).

The states, transitions and observations are MiniGrid's own: nothing of its rules is written down here. An
episode is put into a state by setting the agent's position and direction in an environment that was reset,
and then stepped. Found with minigrid 3.2.0:

The best policy that picks its action by the observation alone succeeds in half of the episodes, as the tasks
intend. One that draws its action by the observation alone succeeds in 97.6 % (S7) and 98.4 % (S9) of them.
There is a place at the junction where, looking back, all three objects are in view at once (the report shows
it). Who always does the same at the same sight cannot both look back there and walk on; who draws can, and
needs no memory. This takes nothing from the tasks, which are good ones and widely used: it is the number that
results on them should be compared with.

MiniGrid pays 1 - 0.9 * steps / limit for a success, which depends on the clock; here a success is worth 1.
"""

import copy
import sys
from collections import Counter
from importlib import import_module
from itertools import product
from typing import Any, NamedTuple

import gymnasium

from memory_envs import certify
from memory_envs.finite import Outcome

IDS = ("MiniGrid-MemoryS7-v0", "MiniGrid-MemoryS9-v0")
RESETS = 2000


class State(NamedTuple):
    """The room's objects as (column, kind, row), leftmost first, and where the agent is."""

    objects: tuple[tuple[int, str, int], ...]
    column: int
    row: int
    direction: int


class MiniGridMemory:
    """One of MiniGrid's Memory tasks. A `memory_envs.finite.QuestionEnv`; the first object is asked for."""

    def __init__(self, env_id: str) -> None:
        """Reset the environment often enough to meet every start."""
        self._env: Any = gymnasium.make(env_id).unwrapped
        self._rooms: dict[Any, Any] = {}
        self.num_actions = int(self._env.action_space.n)
        self.horizon = int(self._env.max_steps)
        self.start_counts = Counter(self._begun(seed) for seed in range(RESETS))

    def starts(self) -> list[tuple[float, State]]:
        """Return the first states: MiniGrid draws position, first object and order evenly."""
        return [(1 / len(self.start_counts), state) for state in sorted(self.start_counts)]

    def step(self, state: State, action: int) -> list[Outcome]:
        """Step MiniGrid from a state."""
        env = self._put(state)
        _, reward, terminated, _, _ = env.step(action)
        following = _state_of(env)
        if following.objects != state.objects or env.carrying is not None:
            raise ValueError(f"action {action} moved an object, which this example does not follow")
        return [Outcome(1.0, following, float(reward > 0), bool(terminated), success=reward > 0)]

    def observe(self, state: State) -> tuple[bytes, int]:
        """Return MiniGrid's observation, image and direction; the mission never changes."""
        seen = self._put(state).gen_obs()
        return seen["image"].tobytes(), int(seen["direction"])

    def question(self, state: State) -> str:
        """Return the kind of the object in the first room."""
        return state.objects[0][1]

    def rest(self, state: State) -> Any:
        """Return all but that."""
        column, _, row = state.objects[0]
        return (column, row), state.objects[1:], state[1:]

    def place(self, state: State) -> str:
        """Return column, row and direction."""
        return f"column {state.column}, row {state.row}, direction {state.direction}"

    def must_hide(self, state: State) -> bool:
        """Return False: MiniGrid promises of no state that the object cannot be seen in it."""
        return False

    def picture(self, state: State) -> str:
        """Return the kinds of objects in the agent's image, as text."""
        image = self._put(state).gen_obs()["image"]
        return "\n".join(" ".join(f"{kind:2}" for kind in row) for row in image[:, :, 0].T.tolist())

    def _begun(self, seed: int) -> State:
        self._env.reset(seed=seed)
        state = _state_of(self._env)
        if state.objects not in self._rooms:
            self._rooms[state.objects] = copy.deepcopy(self._env)
        return state

    def _put(self, state: State) -> Any:
        env = self._rooms[state.objects]
        env.agent_pos, env.agent_dir = (state.column, state.row), state.direction
        env.step_count = 0
        return env


def _state_of(env: Any) -> State:
    grid = env.grid
    places = product(range(grid.width), range(grid.height))
    cells = [(column, row, grid.get(column, row)) for column, row in places]
    objects = [(column, each.type, row) for column, row, each in cells if each and each.type != "wall"]
    return State(tuple(sorted(objects)), *map(int, env.agent_pos), int(env.agent_dir))


def main() -> int:
    """Certify the ids."""
    try:
        import_module("minigrid")  # registers the ids
    except ImportError:
        print("this example needs minigrid: pip install minigrid", file=sys.stderr)
        return 1
    for env_id in IDS:
        print(certify(MiniGridMemory(env_id), name=env_id), end="\n\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

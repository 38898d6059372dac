"""Plain searches that routes and plans are compared with."""

from collections import deque

from memory_envs.rules.grid import NUM_ACTIONS
from memory_envs.solvers import planner


def breadth_first(state, step, is_there):
    """Fewest steps until `is_there(before, after)` by plain search; `step` gives None for the forbidden."""
    queue, reached = deque([(state, 0)]), {state}
    while queue:
        here, steps = queue.popleft()
        for action in range(NUM_ACTIONS):
            following = step(here, action)
            if following is not None and is_there(here, following):
                return steps + 1
            if following is not None and following not in reached:
                reached.add(following)
                queue.append((following, steps + 1))
    return planner.OUT_OF_REACH

"""Meta-Fetch as a finite environment: all rooms together, or some."""

from collections.abc import Hashable, Iterable
from itertools import permutations, product

from memory_envs.finite.rulebook import FiniteRules
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import NORTH, NUM_HEADINGS
from memory_envs.rules.layouts import in_split, is_spaced, object_cell
from memory_envs.rules.order import ordered


class FiniteMetaFetch(FiniteRules):
    """One configuration of Meta-Fetch. Implements `memory_envs.finite.FiniteEnv`.

    States are the rulebook's without what no reward depends on: the clock, the count of completed sequences,
    and, as the twins are left out, what was tried in vain.
    """

    def __init__(
        self,
        config: meta_fetch.Config,
        layouts: Iterable[int] | None = None,
        *,
        until_success: bool = False,
    ) -> None:
        """Take a configuration and its layouts.

        Args:
            config: Made by `meta_fetch.configure`.
            layouts: Equally probable ones, as in `memory_envs.rules.layouts`; None takes all of the split.
            until_success: End the episode when a sequence is completed for the first time.

        Raises:
            ValueError: The config is that of a twin.
        """
        if config.observability != meta_fetch.PARTIAL:
            raise ValueError(
                "twins of Meta-Fetch cannot be certified; make the room with observability='partial'"
            )
        super().__init__(meta_fetch, config, until_success=until_success)
        self.layouts = tuple(_all_layouts(config) if layouts is None else layouts)

    def starts(self) -> list[tuple[float, meta_fetch.State]]:
        """Return the first states, evenly drawn: layout, order and, unless it is fixed, a pose."""
        count = self.config.num_objects
        orders = [
            sum(item << (3 * position) for position, item in enumerate(order))
            for order in permutations(range(count))
        ]
        states = [
            meta_fetch.State(row, column, heading, cells, order, 0, 0, 0, 0, 0, 0)
            for cells in self.layouts
            for (row, column, heading), order in product(_first_poses(self.config, cells), orders)
        ]
        return [(1 / len(states), state) for state in states]

    def lasting(self, state: meta_fetch.State) -> meta_fetch.State:
        """Return a state without its clock, but with the last reward, which the note shows."""
        return state._replace(steps=0, completed=0, ruled_out=0)


class FiniteSeenRoom(FiniteMetaFetch):
    """One room of Meta-Fetch for an agent that sees everything in it, wherever it is, but the order.

    With perfect memory it knows no less than an agent in Meta-Fetch does with perfect memory: the window and
    the notes are functions of what it sees and saw. What it earns is an upper bound.
    """

    def __init__(self, config: meta_fetch.Config, layout: int, *, until_success: bool = False) -> None:
        """Take a configuration and one layout of it."""
        super().__init__(config, (layout,), until_success=until_success)

    def observe(self, state: meta_fetch.State) -> Hashable:
        """Return the whole room: layout, agent, and which objects are absent; whether the last step paid."""
        absent = tuple(ordered(state, position) for position in range(state.progress))
        return state.cells, state.row, state.column, state.heading, absent, state.paid

    def lasting(self, state: meta_fetch.State) -> meta_fetch.State:
        """Return a state without its clock."""
        return state._replace(**meta_fetch.CLOCK)


def _all_layouts(config: meta_fetch.Config) -> list[int]:
    side, count = config.size - 2, config.num_objects
    codes = (
        sum(cell << (8 * item) for item, cell in enumerate(cells))
        for cells in permutations(range(side * side), count)
    )
    free = meta_fetch.kept_free(config)
    return [
        code
        for code in codes
        if is_spaced(code, side, count, config.spacing, free) and in_split(code, side, count, config.split)
    ]


def _first_poses(config: meta_fetch.Config, cells: int) -> list[tuple[int, int, int]]:
    if config.start == meta_fetch.BOTTOM:
        return [(*meta_fetch.start_cell(config), NORTH)]
    taken = {object_cell(cells, item) for item in range(config.num_objects)}
    free = (cell for cell in range((config.size - 2) ** 2) if cell not in taken)
    places = (meta_fetch.cell_place(config, cell) for cell in free)
    return [(*place, heading) for place in places for heading in range(NUM_HEADINGS)]

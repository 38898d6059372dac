"""Meta-Fetch as its description reads: dictionaries, lists and pictures, one object per episode.

It shares with the suite the numbering of tiles, actions and headings, and nothing else.
"""

import numpy as np

from tests.support.env_oracles import cut_window

WALL, FLOOR = 0, 1
STEP = {0: (0, 1), 1: (1, 0), 2: (0, -1), 3: (-1, 0)}


class Fetching:
    """One episode, from its beginning.

    Attributes:
        lies: (row, column) of every object, wherever it is.
        order: The hidden order.
        fetched: Objects that are absent, in the order of fetching.
        paid: Positions paid since the last completed sequence.
        revealed: The beginning of the order as far as it was ever fetched.
        tried: Objects tried in vain behind `revealed`.
        touched: The object that the last action walked onto, or None.
    """

    def __init__(self, size, view_size, lies, order, agent, heading, on_wrong="stay", object_reward=1):
        self.size, self.view_size = size, view_size
        self.on_wrong, self.object_reward = on_wrong, object_reward
        self.lies, self.order = dict(lies), list(order)
        self.agent, self.heading = agent, heading
        self.fetched, self.paid, self.revealed, self.tried = [], set(), [], set()
        self.completed, self.reward, self.touched = 0, 0, None

    def act(self, action):
        """Play one action and return the reward."""
        self.reward, self.touched = 0, None
        if action == 0:
            self.heading = (self.heading - 1) % 4
        elif action == 1:
            self.heading = (self.heading + 1) % 4
        else:
            row, column = (a + b for a, b in zip(self.agent, STEP[self.heading], strict=True))
            if 1 <= row <= self.size - 2 and 1 <= column <= self.size - 2:
                before, self.agent = self.agent, (row, column)
                for item in self.present():
                    if self.lies[item] == self.agent:
                        self.touched = item
                        wrong = item != self.next_object()
                        self.touch(item)
                        if wrong and self.on_wrong == "back":
                            self.agent = before
                        break
        return self.reward

    def touch(self, item):
        position = len(self.fetched)
        if item != self.order[position]:
            if position == len(self.revealed):
                self.tried.add(item)
            self.fetched = []
            return
        if position not in self.paid:
            self.paid.add(position)
            self.reward = self.object_reward
        if position == len(self.revealed):
            self.revealed.append(item)
            self.tried = set()
        self.fetched.append(item)
        if len(self.fetched) == len(self.order):
            self.fetched, self.paid = [], set()
            self.completed += 1

    def present(self):
        return [item for item in self.lies if item not in self.fetched]

    def next_object(self):
        return self.order[len(self.fetched)]

    def possible(self):
        """The objects that may be next by what the episode has shown so far."""
        if len(self.fetched) < len(self.revealed):
            return {self.revealed[len(self.fetched)]}
        return set(self.lies) - set(self.revealed) - self.tried

    def best_guess(self):
        """The next object by what the episode has shown so far; of several, the first."""
        return min(self.possible())

    def known_next(self):
        """The next object, counted from 1, if the episode has shown it, else 0."""
        possible = self.possible()
        return 1 + min(possible) if len(possible) == 1 else 0

    def place_of_next(self):
        """Where the next object lies if it was ever fetched, by walking there in a frame that turns along."""
        if len(self.fetched) == len(self.revealed):
            return {"next_ahead": 0, "next_right": 0}
        away = np.subtract(self.lies[self.revealed[len(self.fetched)]], self.agent)
        ahead, right = STEP[self.heading], STEP[(self.heading + 1) % 4]
        return {
            "next_ahead": self.size - 2 + int(away @ ahead),
            "next_right": self.size - 2 + int(away @ right),
        }

    def picture(self):
        """The room from above, tile codes [size, size]."""
        room = np.full((self.size, self.size), WALL)
        room[1:-1, 1:-1] = FLOOR
        for item in self.present():
            room[self.lies[item]] = 2 + item
        return room

    def window(self, observability):
        window = cut_window(self.picture(), *self.agent, self.heading, self.view_size).copy()
        if observability == "full":
            window[-1, self.view_size // 2] = 2 + self.next_object()
        if observability == "perfect_memory":
            window[-1, self.view_size // 2] = 2 + self.best_guess()
        return window

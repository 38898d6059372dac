"""Which tasks of other people there are: where each comes from, why it is here, how long it is trained."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium

from agents.benchmark.foreign.cards import Autoencode, CountRecall, RepeatPrevious
from agents.benchmark.foreign.corridors import MemoryChain, PlayedFinite, TMaze
from agents.benchmark.foreign.installed import (
    cart_pole_without_velocities,
    gymnasium_task,
    mini_grid,
    stacked,
)
from agents.process.extras import EXTRAS
from memory_envs.registry.lookup import look_up

# Where training finds the ids: importing it registers them.
MODULE = "agents.benchmark.foreign"


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: What people call it here.
        source: Whose it is.
        make: Makes one environment.
        frames: Of training, all lanes together.
        length: Why so many.
        reason: Why the task is here.
        remark: What is known of why the agents end where they do; empty if nothing.
        maximum: The return of perfect play; None where nobody has proved one.
        library: What it needs to be installed beside this package; None if nothing.
        cost: Of a frame, as a multiple of what it costs on a task of few inputs, for the estimate.
    """

    name: str
    source: str
    make: Callable[[], gymnasium.Env[Any, Any]]
    frames: int
    length: str
    reason: str
    maximum: float | None = None
    library: str | None = None
    cost: float = 1.0
    remark: str = ""

    @property
    def id(self) -> str:
        """What Gymnasium calls it, once `MODULE` is imported."""
        return f"Foreign/{self.name}-v0"

    @property
    def env(self) -> str:
        """The id with the module that registers it."""
        return f"{MODULE}:{self.id}"

    @property
    def is_installed(self) -> bool:
        """Whether all that it needs is here."""
        return self.library is None or importlib.util.find_spec(self.library) is not None

    @property
    def missing(self) -> str:
        """A sentence for where it is not."""
        extra = EXTRAS[self.library or ""]
        return f'{self.name} needs {self.library}, which is not installed: pip install "memory-envs[{extra}]"'


def _chain(length: int) -> gymnasium.Env[Any, Any]:
    return PlayedFinite(MemoryChain(length), -1.0, 1.0)


def _t_maze(length: int) -> gymnasium.Env[Any, Any]:
    return PlayedFinite(TMaze(length), 0.0, 1.0)


_GYMNASIUM, _POPGYM, _BSUITE = "Gymnasium", "POPGym", "bsuite, memory_len"
_BAKKER, _MINIGRID = "Bakker 2001", "MiniGrid"

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "CartPole",
            _GYMNASIUM,
            partial(gymnasium_task, "CartPole-v1"),
            100_000,
            "as many as RL Baselines3 Zoo gives PPO",
            "the first task that anybody tries; it needs no memory, and none should get in the way",
            500.0,
        ),
        Task(
            "CartPoleWithoutVelocities",
            _GYMNASIUM,
            cart_pole_without_velocities,
            200_000,
            "twice as many, as velocities have to be found first",
            "the usual example of partial observability: two frames are memory enough",
            500.0,
        ),
        Task(
            "Acrobot",
            _GYMNASIUM,
            partial(gymnasium_task, "Acrobot-v1"),
            100_000,
            "a tenth of what RL Baselines3 Zoo gives PPO, as for CartPole",
            "it needs no memory, and its reward is -1 until the goal is met by chance",
        ),
        Task(
            "LunarLander",
            _GYMNASIUM,
            partial(gymnasium_task, "LunarLander-v3", "Box2D"),
            200_000,
            "a fifth of what RL Baselines3 Zoo gives PPO",
            "rewards of hundreds in both directions and no need of memory",
            library="Box2D",
            remark=(
                "returns still rise when the frames end. ALD's greedy actions earn less than those that it "
                "draws: the likeliest action is not yet one that lands"
            ),
        ),
        Task(
            "MemoryS7",
            _MINIGRID,
            partial(mini_grid, "MiniGrid-MemoryS7-v0"),
            150_000,
            "some 600 episodes of the longest kind",
            "a memory task in wide use; one that draws its actions does well without memory, "
            "see examples/certify_minigrid.py",
            library="minigrid",
            cost=3.0,
        ),
        Task(
            "MemoryS11",
            _MINIGRID,
            partial(mini_grid, "MiniGrid-MemoryS11-v0"),
            75_000,
            "124 episodes of the longest kind; fewer, as a frame costs three times as much as elsewhere",
            "the same with a longer corridor",
            library="minigrid",
            cost=3.0,
        ),
        Task(
            "MemoryS13",
            _MINIGRID,
            partial(mini_grid, "MiniGrid-MemoryS13-v0"),
            75_000,
            "89 episodes of the longest kind; fewer, as a frame costs three times as much as elsewhere",
            "the same with the longest corridor that is registered with this layout",
            library="minigrid",
            cost=3.0,
        ),
        Task(
            "DoorKey",
            _MINIGRID,
            partial(mini_grid, "MiniGrid-DoorKey-5x5-v0"),
            100_000,
            "400 episodes of the longest kind",
            "exploration with a single reward behind three steps that must be found; memory helps little",
            library="minigrid",
            cost=3.0,
        ),
        Task(
            "RepeatPreviousEasy",
            _POPGYM,
            partial(RepeatPrevious, 1, 4),
            200_000,
            "3,900 episodes of 51 steps",
            "memory of the latest four cards, which a stack of four frames also holds",
            1.0,
            remark=(
                "a matter of seeds and settings: advantages that look forty steps ahead are mostly the noise "
                "of cards still to come. With traces of .8 instead of .9 (and 3 replays, entropy .05) three "
                "of three seeds came to .94 to .96 after 120,000 to 150,000 frames, but then the goals of "
                "9x9 I-Maze are not found ([experiments](experiments.md), sections 13 and 15)"
            ),
        ),
        Task(
            "RepeatPreviousMedium",
            _POPGYM,
            partial(RepeatPrevious, 2, 32),
            100_000,
            "970 episodes; POPGym trains for 15 million steps",
            "memory of 32 cards in their order, which nothing but memory helps with",
            1.0,
            remark="nobody learns it in so few frames; RecurrentPPO has just begun to",
        ),
        Task(
            "RepeatPreviousHard",
            _POPGYM,
            partial(RepeatPrevious, 3, 64),
            100_000,
            "645 episodes; POPGym trains for 15 million steps",
            "memory of 64 cards: here to show where all of these agents end",
            1.0,
        ),
        Task(
            "AutoencodeEasy",
            _POPGYM,
            Autoencode,
            150_000,
            "1,450 episodes of 103 steps; POPGym trains for 15 million",
            "52 cards, last one first: memory as a stack",
            1.0,
            remark="everybody is at chance, and the verdict is one between chances",
        ),
        Task(
            "CountRecallEasy",
            _POPGYM,
            CountRecall,
            100_000,
            "1,960 episodes of 51 steps; POPGym trains for 15 million",
            "memory as counters, and an answer out of 27",
            1.0,
            remark=(
                "the same noise; RecurrentPPO begins to learn it after half of the frames, ALD had not "
                "begun at their end"
            ),
        ),
        Task(
            "MemoryChain10",
            _BSUITE,
            partial(_chain, 10),
            100_000,
            "9,000 episodes; bsuite gives 10,000",
            "one bit, and nothing else to learn: how far back credit reaches",
            1.0,
        ),
        Task(
            "MemoryChain30",
            _BSUITE,
            partial(_chain, 30),
            150_000,
            "4,800 episodes; bsuite gives 10,000",
            "the same within ALD's unroll of 40 steps",
            1.0,
        ),
        Task(
            "MemoryChain100",
            _BSUITE,
            partial(_chain, 100),
            150_000,
            "1,480 episodes; bsuite gives 10,000",
            "the same beyond every agent's unroll but RecurrentPPO's 128 steps, and beyond the 64 steps that "
            "each layer of ALD's learner looks back",
            1.0,
        ),
        Task(
            "TMaze10",
            _BAKKER,
            partial(_t_maze, 10),
            100_000,
            "9,000 episodes of the shortest kind",
            "the oldest of these tasks: a signal, a corridor and a turn, with all actions left to the agent",
            4.0,
        ),
        Task(
            "TMaze50",
            _BAKKER,
            partial(_t_maze, 50),
            150_000,
            "2,900 episodes of the shortest kind",
            "the same with a corridor that is longer than ALD's unroll",
            4.0,
        ),
    )
}


def get_task(name: str) -> Task:
    """Return a task.

    Raises:
        ValueError: There is no such task; says which is nearest.
    """
    return look_up(TASKS, "task", name)


class TaskEnv(gymnasium.Env[Any, Any]):
    """A task of the table by its name.

    Args:
        task: A key of `TASKS`.
        stack: Observations shown together, the latest last; 1 shows each as the task has it.

    Raises:
        ValueError: There is no such task, or `stack` is below 1.
        ImportError: It needs a library that is not installed; names the extra.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, task: str, stack: int = 1) -> None:
        if stack < 1:
            raise ValueError(f"stack must be at least 1, got {stack}")
        made = get_task(task).make()
        self.env = made if stack == 1 else stacked(made, stack)
        self.observation_space, self.action_space = self.env.observation_space, self.env.action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take a step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, float(reward), terminated, truncated, info

    def close(self) -> None:
        """Close what it holds."""
        self.env.close()


def make_task(task: str, stack: int = 1) -> TaskEnv:
    """Return what an id makes; arguments and errors are those of `TaskEnv`.

    A function, as it is asked for no render mode: Gymnasium would warn of every lane that Stable-Baselines3
    makes, which asks for pictures first.
    """
    return TaskEnv(task, stack)

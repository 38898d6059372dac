"""A sound little environment, and one subclass for each fault that the conformance kit must find."""

import os
import random
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, MultiDiscrete
from gymnasium.vector import SyncVectorEnv


class Corridor(gym.Env):
    """Walk `length` cells to the right within 9 steps; a cue is shown all the time. Nothing is wrong here."""

    metadata = {"render_modes": ["human", "rgb_array", "ansi"], "render_fps": 4}

    def __init__(self, render_mode: str | None = None, length: int = 5) -> None:
        self.render_mode = render_mode
        self.length = length
        self.observation_space = Box(0, 20, (2,), np.int64)
        self.action_space = MultiDiscrete([2])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell, self.steps, self.cue = 0, 0, int(self.np_random.integers(2))
        return self.observe(), self.info()

    def step(self, action):
        self.cell += int(action[0])
        self.steps += 1
        terminated = self.cell == self.length
        return self.observe(), float(terminated), terminated, not terminated and self.steps >= 9, self.info()

    def observe(self):
        return np.array([self.cell, self.cue])

    def info(self) -> dict[str, Any]:
        return {"steps": self.steps, "is_success": self.cell == self.length}

    def render(self):
        if self.render_mode == "rgb_array":
            return np.full((4, 6, 3), 10 * self.cell, dtype=np.uint8)
        return f"cell {self.cell}" if self.render_mode == "ansi" else None

    def get_state(self) -> dict[str, Any]:
        generator = self.np_random.bit_generator.state
        return {"cell": self.cell, "steps": self.steps, "cue": self.cue, "generator": generator}

    def set_state(self, state) -> None:
        self.cell, self.steps, self.cue = state["cell"], state["steps"], state["cue"]
        self.np_random.bit_generator.state = state["generator"]


SPEC = EnvSpec("Faulty/Corridor-v0", entry_point=Corridor.__module__ + ":Corridor")


# Determinism


class GlobalRandomness(Corridor):
    def observe(self):
        return np.array([self.cell, random.getrandbits(4)])


class UnseededLaterEpisodes(Corridor):
    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        if seed is None:
            self.cue = observation[1] = np.random.default_rng().integers(20)
        return observation, info


class RemembersEpisodes(Corridor):
    episodes = 0

    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        self.episodes += 1
        return observation, info | {"episodes": self.episodes}


class SharedBetweenInstances(Corridor):
    shared = [0]

    def reset(self, *, seed=None, options=None):
        self.shared[0] = 0
        return super().reset(seed=seed)

    def step(self, action):
        self.shared[0] += 1
        self.steps = self.shared[0] - 1
        return super().step(action)


class HashDependent(Corridor):
    def info(self):
        return super().info() | {"hash": hash("corridor")}


# Buffers


class ReusesObservation(Corridor):
    def observe(self):
        self.buffer = getattr(self, "buffer", np.zeros(2, dtype=np.int64))
        self.buffer[:] = super().observe()
        return self.buffer


class ViewsOfATable(Corridor):
    table = np.array([[cell, cue] for cell in range(6) for cue in range(2)])

    def observe(self):
        return self.table[2 * self.cell + self.cue]


class SharedInfo(Corridor):
    constants = {"length": 5}

    def info(self):
        return super().info() | {"constants": self.constants}


class ReturnsItsOwnState(Corridor):
    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        self.trail = []
        return observation, info

    def step(self, action):
        result = super().step(action)
        self.trail = [*self.trail, self.cell]
        result[-1]["trail"] = self.trail
        return result


class KeepsActions(Corridor):
    last = np.zeros(1, dtype=np.int64)

    def step(self, action):
        result = super().step(action)
        result[-1]["previous"] = int(self.last[0])
        self.last = action
        return result


class WritesActions(Corridor):
    def step(self, action):
        result = super().step(action)
        action[0] = 7
        return result


class ReusesRewards(SyncVectorEnv):
    def step(self, actions):
        observations, rewards, *rest = super().step(actions)
        self.kept = getattr(self, "kept", rewards)
        self.kept[:] = rewards
        return observations, self.kept, *rest


class SharesMasks(SyncVectorEnv):
    def step(self, actions):
        *rest, infos = super().step(actions)
        return *rest, infos | {"_steps": infos["_is_success"]}


# Interface and copies


class OutsideItsSpace(Corridor):
    def observe(self):
        return super().observe() - 1


class ClosesOnce(Corridor):
    closed = False

    def close(self):
        if self.closed:
            raise RuntimeError("already closed")
        self.closed = True


class RendersNothing(Corridor):
    def render(self):
        return None


class CannotBePickled(Corridor):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.function = lambda: 0


class LosesItsLength(Corridor):
    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "length"}

    def __setstate__(self, state):
        self.__dict__.update(state, length=4)


class CopiesBeginAnew(Corridor):
    def __deepcopy__(self, memo):
        twin = type(self)(render_mode=self.render_mode)
        twin.reset(seed=0)
        return twin


# Rendering


class FloatFrames(Corridor):
    def render(self):
        frame = super().render()
        return frame / 255 if isinstance(frame, np.ndarray) else frame


class GrowingFrames(Corridor):
    def render(self):
        frame = super().render()
        return frame[: 2 + self.steps] if isinstance(frame, np.ndarray) else frame


class ReusesFrames(Corridor):
    canvas = np.zeros((4, 6, 3), dtype=np.uint8)

    def render(self):
        frame = super().render()
        if not isinstance(frame, np.ndarray):
            return frame
        self.canvas[:] = frame
        return self.canvas


class DrawsWithItsRandomness(Corridor):
    def render(self):
        self.np_random.random()
        return super().render()


class MovesWhenRendered(Corridor):
    def render(self):
        self.steps += 1
        return super().render()


class ShowsAnArrayToHumans(Corridor):
    def render(self):
        return np.zeros((2, 2, 3), dtype=np.uint8) if self.render_mode == "human" else super().render()


class SilentText(Corridor):
    def render(self):
        return None if self.render_mode == "ansi" else super().render()


class NeedsADisplay(Corridor):
    def render(self):
        if "DISPLAY" not in os.environ:
            raise RuntimeError("no display")
        return super().render()


# State


class ForgetsItsSteps(Corridor):
    def get_state(self):
        return super().get_state() | {"steps": 0}


class ForgetsItsRandomness(Corridor):
    def get_state(self):
        return {name: value for name, value in super().get_state().items() if name != "generator"}

    def set_state(self, state):
        self.cell, self.steps, self.cue = state["cell"], state["steps"], state["cue"]


class StateOfNumpy(Corridor):
    def get_state(self):
        return super().get_state() | {"cell": np.int64(self.cell)}


class WritesToTheState(Corridor):
    def set_state(self, state):
        super().set_state(state)
        state["cell"] = -1


# Vector environments: each is SyncVectorEnv but for one thing


class NarrowRewards(SyncVectorEnv):
    def step(self, actions):
        observations, rewards, *rest = super().step(actions)
        return observations, rewards.astype(np.float32), *rest


class NoMasks(SyncVectorEnv):
    def step(self, actions):
        *rest, infos = super().step(actions)
        return *rest, {name: value for name, value in infos.items() if name != "_is_success"}


class SwapsLanes(SyncVectorEnv):
    def reset(self, *, seed=None, options=None):
        observations, infos = super().reset(seed=seed, options=options)
        return observations[[0, 2, 1, *range(3, self.num_envs)]], infos


class FinalObservationIsTheNext(SyncVectorEnv):
    def step(self, actions):
        observations, *rest, infos = super().step(actions)
        for lane in np.flatnonzero(infos.get("_final_obs", [])):
            infos["final_obs"][lane] = observations[lane].copy()
        return observations, *rest, infos


class IgnoresTheMask(SyncVectorEnv):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)


class MergesTruncation(SyncVectorEnv):
    def step(self, actions):
        observations, rewards, terminated, truncated, infos = super().step(actions)
        return observations, rewards, terminated | truncated, truncated, infos


class DependsOnItsProcess(Corridor):
    def info(self):
        return super().info() | {"process": os.getpid()}

"""Running an actor that was written as a C file: compiled here, called from Python."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.export.onnx_actor import ActorStep, State

COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-std=c99", "-O3", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
# Many lanes in a call, over arrays that stay where they are.
_LANES = """
void actor_lanes(int lanes, const actor_number *observations, const unsigned char *starts, const double *u,
                 float *h, float *c, float *logits, long long *actions) {
    for (int lane = 0; lane < lanes; ++lane) {
        actor_state state;
        for (int layer = 0; layer < ACTOR_LAYERS; ++layer) {
            int place = (layer * lanes + lane) * ACTOR_UNITS;
            memcpy(state.h[layer], h + place, sizeof state.h[layer]);
            memcpy(state.c[layer], c + place, sizeof state.c[layer]);
        }
        if (starts[lane]) actor_reset(&state);
        float *said = logits + lane * ACTOR_ACTIONS;
        const actor_number *seen = observations + lane * ACTOR_NUMBERS;
        actions[lane] = actor_logits(&state, seen, said) < 0 ? -1 : actor_choice(said, u[lane]);
        for (int layer = 0; layer < ACTOR_LAYERS; ++layer) {
            int place = (layer * lanes + lane) * ACTOR_UNITS;
            memcpy(h + place, state.h[layer], sizeof state.h[layer]);
            memcpy(c + place, state.c[layer], sizeof state.c[layer]);
        }
    }
}
"""
DTYPES: dict[str, type] = {
    "unsigned char": np.uint8,
    "signed char": np.int8,
    "short": np.int16,
    "int": np.int32,
    "long long": np.int64,
    "float": np.float32,
    "double": np.float64,
}


class CompileError(RuntimeError):
    """There is no C compiler, or it does not take a file."""


def find_compiler() -> str | None:
    """Return the C compiler that `CC` names, or the first of COMPILERS that is there."""
    names = (os.environ.get("CC"), *COMPILERS)
    return next((found for name in names if name and (found := shutil.which(name))), None)


class CActor:
    """An actor of a C file, with the `predict` of Stable-Baselines3's recurrent policies.

    Example:
        >>> actor = CActor("actor.c", seed=0)  # doctest: +SKIP
        >>> actions, state = actor.predict(observation, None, episode_start)  # doctest: +SKIP

    Args:
        path: The file.
        seed: Of sampled actions; random when None.

    Raises:
        FileNotFoundError: There is no such file.
        CompileError: There is no C compiler, or it does not compile the file; says what it said.
        ValueError: The file is none that `agents.export` wrote.
    """

    def __init__(self, path: str | os.PathLike[str], *, seed: int | None = None) -> None:
        source = Path(path).read_text()
        sizes = {name: int(size) for name, size in re.findall(r"ACTOR_(\w+) = (\d+)", source)}
        number = re.search(r"^typedef ([a-z ]+) actor_number;$", source, re.M)
        if number is None or not {"NUMBERS", "DIMENSIONS", "LAYERS", "UNITS", "ACTIONS"} <= set(sizes):
            raise ValueError(f"{path} must be a C file that agents.export wrote")
        self._sizes, self._dtype = sizes, np.dtype(DTYPES[number[1]])
        self._play = _compiled(source, path)
        self._buffers = _Buffers(0, sizes, self._dtype)
        self.rng = np.random.default_rng(seed)

    runtime = "C"
    """What runs it."""
    state_names = ("state_h", "state_c")
    """Of the arrays of a state."""

    def initial_state(self, lanes: int) -> State:
        """Return the state before the first step: zeros."""
        shape = (self._sizes["LAYERS"], lanes, self._sizes["UNITS"])
        return np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def step(
        self,
        observation: NDArray[Any],
        state: State | None = None,
        episode_start: NDArray[np.bool_] | None = None,
    ) -> tuple[ActorStep, State]:
        """Take N lanes one step further.

        Args:
            observation: [N, ...].
            state: As the last step returned it, (h, c), each [layers, N, H]; zeros when None.
            episode_start: [N] bool; where true, memory is cleared first. Nowhere when None.

        Returns:
            Outputs, without values, and the next state.

        Raises:
            ValueError: As `predict`.
        """
        buffers, _ = self._filled(observation, state, episode_start)
        buffers.u.fill(-1.0)
        actions, after = self._played(buffers)
        return ActorStep(buffers.logits.copy(), actions, None), after

    def predict(
        self,
        observation: NDArray[Any],
        state: State | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.int64], State]:
        """Choose actions, as `predict` of Stable-Baselines3's recurrent policies does.

        Args:
            observation: Of one environment or of N lanes.
            state: As the last call returned it; zeros when None.
            episode_start: [N] bool; where true, memory is cleared first. Nowhere when None.
            deterministic: Take greedy actions instead of sampled ones.

        Returns:
            Actions, [N] or a single one as the observation was, and the next state.

        Raises:
            ValueError: The observation is not of the size or type, or holds a number that the space does not.
        """
        buffers, is_single = self._filled(observation, state, episode_start)
        if deterministic:
            buffers.u.fill(-1.0)
        else:
            self.rng.random(out=buffers.u)
        actions, after = self._played(buffers)
        return (actions[0] if is_single else actions), after

    def _filled(self, observation: Any, state: State | None, starts: Any) -> tuple[_Buffers, bool]:
        """The arguments where C finds them, and whether they are of one environment."""
        seen = np.asarray(observation)
        lanes, rest = divmod(seen.size, self._sizes["NUMBERS"])
        if rest or not lanes or not np.can_cast(seen.dtype, self._dtype, "same_kind"):
            raise ValueError(
                f"observation must be {self._sizes['NUMBERS']} numbers of {self._dtype} for each lane, got "
                f"{seen.size} of {seen.dtype}"
            )
        if lanes != self._buffers.lanes:
            self._buffers = _Buffers(lanes, self._sizes, self._dtype)
        buffers = self._buffers
        buffers.observations[:] = seen.reshape(-1)
        buffers.h[:], buffers.c[:] = (0.0, 0.0) if state is None else state
        buffers.starts[:] = False if starts is None else starts
        return buffers, seen.ndim == self._sizes["DIMENSIONS"]

    def _played(self, buffers: _Buffers) -> tuple[NDArray[np.int64], State]:
        self._play(*buffers.addresses)
        if buffers.actions.min() < 0:
            raise ValueError(f"observation must be of the actor's space, got {buffers.observations.tolist()}")
        return buffers.actions.copy(), (buffers.h.copy(), buffers.c.copy())


class _Buffers:
    """What is handed to C, at addresses that stay: to look up new ones would take most of the time."""

    def __init__(self, lanes: int, sizes: Mapping[str, int], dtype: np.dtype[Any]) -> None:
        self.lanes = lanes
        self.observations = np.zeros(lanes * sizes["NUMBERS"], dtype)
        self.starts, self.u = np.zeros(lanes, np.uint8), np.zeros(lanes)
        self.h, self.c = np.zeros((2, sizes["LAYERS"], lanes, sizes["UNITS"]), np.float32)
        self.logits = np.zeros((lanes, sizes["ACTIONS"]), np.float32)
        self.actions = np.zeros(lanes, np.int64)
        arrays = (self.observations, self.starts, self.u, self.h, self.c, self.logits, self.actions)
        self.addresses = (ctypes.c_int(lanes), *(ctypes.c_void_p(each.ctypes.data) for each in arrays))


def _compiled(source: str, path: str | os.PathLike[str]) -> Any:
    """The function `actor_lanes` of the file and what is written behind it here."""
    compiler = find_compiler()
    if compiler is None:
        raise CompileError(f"running {path} needs a C compiler, and none of {', '.join(COMPILERS)} is there")
    with tempfile.TemporaryDirectory() as folder:
        text, library = Path(folder, "actor.c"), Path(folder, "actor.so")
        text.write_text(source + _LANES)
        done = subprocess.run(
            [compiler, *_FLAGS, str(text), "-o", str(library), "-lm"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise CompileError(f"{compiler} does not compile {path}: {done.stderr.strip()}")
        play = ctypes.CDLL(str(library)).actor_lanes  # stays loaded when the file is gone
    play.restype = None
    return play

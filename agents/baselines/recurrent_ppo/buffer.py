"""Rollout buffers of recurrent policies whose minibatches are sequences without padding."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.buffers import RecurrentDictRolloutBuffer, RecurrentRolloutBuffer
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.buffers import BaseBuffer, DictRolloutBuffer, RolloutBuffer
from torch import Tensor

from agents.baselines.recurrent_ppo.sequences import Sequences

_FLATTENED = ("actions", "values", "log_probs", "advantages", "returns", "memory_labels")


class FlatSamples(NamedTuple):
    """A minibatch of N steps, which are sequences in L lanes; field names are those of sb3-contrib."""

    observations: Tensor | dict[str, Tensor]
    actions: Tensor
    old_values: Tensor
    old_log_prob: Tensor
    advantages: Tensor
    returns: Tensor
    lstm_states: RNNStates
    """(h, c) of actor and critic at the beginning of each lane, each [layers, L, H]."""
    episode_starts: Sequences
    memory_labels: Tensor
    """[N, K], see `agents.learning.memory_targets`."""
    ends: Tensor
    """[N] bool, where a sequence or an episode ends."""


class FlatMinibatches(BaseBuffer):
    """The differences of the two buffers below from sb3-contrib's.

    Like sb3-contrib's, this buffer orders a rollout by environment, rotates it by a random number of steps,
    anew for each epoch, and cuts it into minibatches; the random numbers are the same. In contrast,

    - they are drawn when the rollout begins, so that the few steps at which a sequence will begin within an
      episode are known, and LSTM states are stored for those only. (What an environment or a callback draws
      from NumPy's global generator during a rollout comes after these numbers instead of before them.)
    - a minibatch has no padding, and its `episode_starts` are `Sequences`.
    - the arrays of the rollout keep their shape, [n_steps, n_envs, ...], when minibatches are read.
    """

    observations: np.ndarray | dict[str, np.ndarray]
    actions: np.ndarray
    episode_starts: np.ndarray
    memory_labels: np.ndarray
    """[n_steps, n_envs, K] int64, set by the owner once the rollout is full."""
    hidden_state_shape: tuple[int, ...]
    hidden_states_pi: np.ndarray
    cell_states_pi: np.ndarray
    hidden_states_vf: np.ndarray
    cell_states_vf: np.ndarray
    """The stored states, each [stored, layers, H]."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """See sb3-contrib's buffer."""
        super().__init__(*args, **kwargs)
        _, self._layers, _, self._hidden_size = self.hidden_state_shape
        self.memory_labels = np.zeros((self.buffer_size, self.n_envs, 0), dtype=np.int64)
        self.splits: deque[int] = deque()
        self._flat: dict[str, Tensor] = {}
        self.plan(None, 0)

    def plan(self, batch_size: int | None, n_epochs: int) -> None:
        """Draw where the next rollout will be cut, and clear the buffer.

        Numbers that were not used, because training stopped early, are used first.

        Args:
            batch_size: Steps in a minibatch; all when None.
            n_epochs: Maximal number of calls of `get`.
        """
        while len(self.splits) < n_epochs:
            self.splits.append(np.random.randint(self._total))
        cuts = (np.arange(0, self._total, batch_size or self._total) + split for split in self.splits)
        first_of_env = np.arange(self.n_envs) * self.buffer_size
        kept = np.concatenate([first_of_env, *cuts]) % self._total
        self._kept = np.unique(self._by_time(kept))
        self._kept_before = np.searchsorted(self._kept, np.arange(self.buffer_size + 1) * self.n_envs)
        self.hidden_state_shape = (len(self._kept), self._layers, self._hidden_size)
        self.reset()

    def add(self, *args: Any, lstm_states: RNNStates, **kwargs: Any) -> None:
        """Add a step; `lstm_states` are those before it."""
        self._keep(lstm_states)
        # Past sb3-contrib's own `add`, which copies the states of every step.
        theirs: Any = DictRolloutBuffer if isinstance(self.observations, dict) else RolloutBuffer
        theirs.add(self, *args, **kwargs)

    def get(self, batch_size: int | None = None) -> Iterator[FlatSamples]:
        """Yield the minibatches of one epoch.

        Raises:
            RuntimeError: There were more calls than planned, or minibatches of another size.
        """
        assert self.full, "Rollout buffer must be full before sampling from it"
        if not self.splits:
            raise RuntimeError("get() was called more often than plan() was told")
        if not self._flat:
            self._flat = self._flattened()
        split = self.splits.popleft()
        size = batch_size or self._total
        for begin in range(0, self._total, size):
            yield self._minibatch(split + begin, split + min(begin + size, self._total))

    def _keep(self, states: RNNStates) -> None:
        """Store the states before the step that is being added, where a minibatch will need them."""
        rows = slice(*self._kept_before[self.pos : self.pos + 2])
        if rows.start == rows.stop:
            return
        envs = self._kept[rows] - self.pos * self.n_envs
        for kept, state in zip(self._kept_states(), (*states.pi, *states.vf), strict=True):
            kept[rows] = state[:, envs].transpose(0, 1).cpu().numpy()

    def _kept_states(self) -> tuple[np.ndarray, ...]:
        return self.hidden_states_pi, self.cell_states_pi, self.hidden_states_vf, self.cell_states_vf

    def _minibatch(self, begin: int, end: int) -> FlatSamples:
        """Steps `begin` to `end` in the order of environments; after the last step comes the first again."""
        steps = np.arange(begin, end) % self._total
        fresh = self.episode_starts.T.ravel()[steps] != 0.0
        starts = fresh | (steps % self.buffer_size == 0)
        starts[0] = True
        sequences = Sequences.laid_out(starts, fresh, self.device)
        rows = self._rows(begin, end)
        return FlatSamples(
            observations=self._observations(rows),
            actions=rows(self._flat["actions"]),
            old_values=rows(self._flat["values"]),
            old_log_prob=rows(self._flat["log_probs"]),
            advantages=rows(self._flat["advantages"]),
            returns=rows(self._flat["returns"]),
            lstm_states=self._states_before(steps[sequences.first], fresh[sequences.first]),
            episode_starts=sequences,
            memory_labels=rows(self._flat["memory_labels"]),
            ends=torch.from_numpy(np.append(starts[1:], True)).to(self.device),
        )

    def _rows(self, begin: int, end: int) -> Callable[[Tensor], Tensor]:
        """A function that cuts steps out of a flat tensor; it copies only beyond the last step."""
        begin, end = (begin, end) if begin < self._total else (begin - self._total, end - self._total)
        over = end - self._total
        if over <= 0:
            return lambda tensor: tensor[begin:end]
        return lambda tensor: torch.cat((tensor[begin:], tensor[:over]))

    def _observations(self, rows: Callable[[Tensor], Tensor]) -> Tensor | dict[str, Tensor]:
        if isinstance(self.observations, dict):
            return {key: rows(self._flat[f"observations/{key}"]) for key in self.observations}
        return rows(self._flat["observations"])

    def _states_before(self, steps: np.ndarray, fresh: np.ndarray) -> RNNStates:
        """States before `steps`, indices in the order of environments; zeros where an episode is `fresh`."""
        times = self._by_time(steps)
        rows = np.searchsorted(self._kept, times).clip(max=len(self._kept) - 1)
        if not (fresh | (self._kept[rows] == times)).all():
            raise RuntimeError("get() was called with another batch_size than plan()")
        hidden_pi, cell_pi, hidden_vf, cell_vf = (
            torch.from_numpy(np.where(fresh[:, None], np.float32(0), states[rows].swapaxes(0, 1))).to(
                self.device
            )
            for states in self._kept_states()
        )
        return RNNStates((hidden_pi, cell_pi), (hidden_vf, cell_vf))

    def _flattened(self) -> dict[str, Tensor]:
        """Each array as a tensor [n_envs * n_steps, ...], by name."""
        arrays: dict[str, np.ndarray] = {name: getattr(self, name) for name in _FLATTENED}
        if isinstance(self.action_space, spaces.MultiBinary):
            # Their likelihood is a function of floats.
            arrays["actions"] = self.actions.astype(np.float32)
        if isinstance(self.observations, dict):
            arrays |= {f"observations/{key}": value for key, value in self.observations.items()}
        else:
            arrays["observations"] = self.observations
        return {
            name: torch.from_numpy(array.swapaxes(0, 1).reshape(self._total, *array.shape[2:])).to(
                self.device
            )
            for name, array in arrays.items()
        }

    @property
    def _total(self) -> int:
        return self.buffer_size * self.n_envs

    def _by_time(self, flat: np.ndarray) -> np.ndarray:
        """From indices in the order of environments to indices in the order of collection."""
        env, step = np.divmod(flat, self.buffer_size)
        return step * self.n_envs + env

    def reset(self) -> None:
        """Clear the rollout and the stored states."""
        self._flat = {}
        super().reset()


class FlatRecurrentRolloutBuffer(FlatMinibatches, RecurrentRolloutBuffer):  # type: ignore[misc]
    """`FlatMinibatches` of Box, Discrete, MultiDiscrete and MultiBinary observations."""


class FlatRecurrentDictRolloutBuffer(FlatMinibatches, RecurrentDictRolloutBuffer):  # type: ignore[misc]
    """`FlatMinibatches` of Dict observations."""

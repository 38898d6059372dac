"""The recurrent policies of sb3-contrib on the fused LSTM of torch."""

from __future__ import annotations

from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import (
    RecurrentActorCriticCnnPolicy,
    RecurrentActorCriticPolicy,
    RecurrentMultiInputActorCriticPolicy,
)
from torch import Tensor, nn

from agents.baselines.recurrent_sequences import Sequences

LSTMState = tuple[Tensor, Tensor]
"""(h, c), each [layers, lanes, H]."""


class FastLstmPolicy(RecurrentActorCriticPolicy):
    """sb3-contrib's `MlpLstmPolicy`: same parameters, same results, no Python loop over time.

    Further differences: `save` writes the settings of the LSTM, so that `load` can rebuild it, and Adam is
    torch's fused one unless `optimizer_kwargs` are given.

    Args:
        args: Observation space, action space and learning-rate schedule.
        optimizer_class: The optimizer.
        optimizer_kwargs: Its settings, learning rate apart; SB3's for Adam when None.
        lstm_kwargs: `bias` and `dropout` of `torch.nn.LSTM`.
        kwargs: Everything else that sb3-contrib's policy takes.

    Raises:
        ValueError: Another setting of the LSTM; sb3-contrib's policy fails on those when it is first used.
    """

    lstm_actor: nn.LSTM

    def __init__(
        self,
        *args: Any,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
        lstm_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """See the class."""
        if unknown := set(lstm_kwargs or {}) - {"bias", "dropout"}:
            raise ValueError(f"lstm_kwargs may hold 'bias' and 'dropout', got {sorted(unknown)} as well")
        if optimizer_kwargs is None and optimizer_class is torch.optim.Adam:
            optimizer_kwargs = {"eps": 1e-5, "fused": True}
        super().__init__(
            *args,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
            lstm_kwargs=lstm_kwargs,
            **kwargs,
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {
            "share_features_extractor": self.share_features_extractor,
            "lstm_hidden_size": self.lstm_actor.hidden_size,
            "n_lstm_layers": self.lstm_actor.num_layers,
            "shared_lstm": self.shared_lstm,
            "enable_critic_lstm": self.enable_critic_lstm,
            "lstm_kwargs": self.lstm_kwargs,
        }

    @staticmethod
    def _process_sequence(
        features: Tensor, lstm_states: LSTMState, episode_starts: Tensor | Sequences, lstm: nn.LSTM
    ) -> tuple[Tensor, LSTMState]:
        """Run an LSTM.

        Args:
            features: [lanes * T, F], a lane's steps in a row; or [N, F] if `episode_starts` is Sequences.
            lstm_states: (h, c), each [layers, lanes, H].
            episode_starts: [lanes * T], not 0 where memory is cleared before the step; or where the sequences
                lie of which `lstm_states` are the beginnings.
            lstm: The LSTM.

        Returns:
            [lanes * T, H] outputs and the state after T steps; for Sequences, which end at different times,
            [N, H] outputs and the state that was given.
        """
        if isinstance(episode_starts, Sequences):
            return episode_starts.run(lstm, features, lstm_states), lstm_states
        lanes = lstm_states[0].shape[1]
        starts = episode_starts.reshape(lanes, -1) != 0
        inputs = features.reshape(lanes, -1, lstm.input_size).swapaxes(0, 1)
        if inputs.shape[0] > 1 and starts[:, 1:].any():
            return RecurrentActorCriticPolicy._process_sequence(features, lstm_states, episode_starts, lstm)
        hidden, cell = (part.masked_fill(starts[:, :1], 0.0) for part in lstm_states)
        if inputs.shape[0] == 1 and not lstm.training:
            return _step(lstm, inputs[0], (hidden, cell))
        outputs, state = lstm(inputs, (hidden, cell))
        return outputs.swapaxes(0, 1).flatten(0, 1), state


class FastCnnLstmPolicy(FastLstmPolicy, RecurrentActorCriticCnnPolicy):
    """sb3-contrib's `CnnLstmPolicy`, made faster in the same way."""


class FastMultiInputLstmPolicy(FastLstmPolicy, RecurrentMultiInputActorCriticPolicy):
    """sb3-contrib's `MultiInputLstmPolicy`, made faster in the same way."""


def _step(lstm: nn.LSTM, inputs: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
    """One step of [lanes, F] inputs without dropout; for one step, `nn.LSTM` prepares longer than it computes."""
    hiddens, cells = [], []
    for weights, hidden, cell in zip(lstm.all_weights, *state, strict=True):
        inputs, cell = torch.lstm_cell(inputs, (hidden, cell), *weights)
        hiddens.append(inputs)
        cells.append(cell)
    return inputs, (torch.stack(hiddens), torch.stack(cells))

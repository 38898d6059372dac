"""sb3-contrib's recurrent policies, computed by torch's fused LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import (
    RecurrentActorCriticCnnPolicy,
    RecurrentActorCriticPolicy,
    RecurrentMultiInputActorCriticPolicy,
)
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn
from torch.distributions import Categorical

from agents.baselines.recurrent_ppo.sequences import Sequences, layer_weights
from agents.baselines.recurrent_ppo.side_by_side import Branch, side_by_side
from agents.sb3.memory import memory_head_of
from agents.sb3.networks import CountedFeatures

LSTMState = tuple[Tensor, Tensor]
"""(h, c), each [layers, lanes, H]."""


class PlainCategorical(CategoricalDistribution):
    """SB3's distribution over discrete actions without a `torch.distributions` object.

    Those check and broadcast their arguments at every construction, which takes longer than a layer of a
    small network. The operations are the same.
    """

    logits: Tensor
    """[B, A] log-probabilities."""
    probabilities: Tensor
    """[B, A]"""

    @property
    def distribution(self) -> Categorical:  # type: ignore[override]  # theirs is an attribute
        """The same as an object of torch."""
        return Categorical(logits=self.logits)

    def proba_distribution(self, action_logits: Tensor) -> PlainCategorical:
        """Set the logits, [B, A]."""
        self.logits = action_logits.log_softmax(dim=-1)
        self.probabilities = self.logits.softmax(dim=-1)
        return self

    def log_prob(self, actions: Tensor) -> Tensor:
        """[B] log-probabilities of [B] actions."""
        return self.logits.gather(-1, actions.long().unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """[B] entropies in nats."""
        smallest = torch.finfo(self.logits.dtype).min
        return -(self.logits.clamp(min=smallest) * self.probabilities).sum(-1)

    def sample(self) -> Tensor:
        """[B] actions."""
        return self.probabilities.multinomial(1, replacement=True).squeeze(-1)

    def mode(self) -> Tensor:
        """[B] actions of the highest probability."""
        return self.probabilities.argmax(dim=1)


class FastLstmPolicy(CountedFeatures, RecurrentActorCriticPolicy):
    """sb3-contrib's `MlpLstmPolicy` with the same parameters and results, without a Python loop over time.

    Further differences: `save` includes the arguments of the LSTM, so that `load` can rebuild it, and Adam is
    torch's fused implementation unless `optimizer_kwargs` are given.

    Args:
        observation_space: Of the environment.
        action_space: Of the environment.
        lr_schedule: Learning rate as a function of the remaining progress.
        optimizer_class: The optimizer.
        optimizer_kwargs: Its settings, learning rate apart; SB3's for Adam when None.
        lstm_kwargs: `bias` and `dropout` of `torch.nn.LSTM`.
        memory_target_sizes: Number of values of each memory target, or what else it is, predicted from the
            actor's LSTM.
        kwargs: Everything else that sb3-contrib's policy takes.

    Raises:
        ValueError: Another entry in `lstm_kwargs`; sb3-contrib's policy fails on those when it is first used.
    """

    lstm_actor: nn.LSTM
    lstm_critic: nn.LSTM | None
    two_threads = False
    """Whether to compute actor and critic at the same time in training; the results are the same."""

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        *,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
        lstm_kwargs: dict[str, Any] | None = None,
        memory_target_sizes: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        """See the class."""
        if unknown := set(lstm_kwargs or {}) - {"bias", "dropout"}:
            raise ValueError(f"lstm_kwargs may hold 'bias' and 'dropout', got {sorted(unknown)} as well")
        if optimizer_kwargs is None and optimizer_class is torch.optim.Adam:
            optimizer_kwargs = {"eps": 1e-5, "fused": True}
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
            lstm_kwargs=lstm_kwargs,
            **kwargs,
        )
        self.memory_target_sizes = tuple(memory_target_sizes)
        self.memory_net = memory_head_of(self, self.memory_target_sizes)

    def _build(self, lr_schedule: Schedule) -> None:
        # The first moment at which the distribution is known; the layers do not depend on its class.
        if isinstance(self.action_dist, CategoricalDistribution):
            self.action_dist = PlainCategorical(self.action_dist.action_dim)
        super()._build(lr_schedule)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {
            "share_features_extractor": self.share_features_extractor,
            "lstm_hidden_size": self.lstm_actor.hidden_size,
            "n_lstm_layers": self.lstm_actor.num_layers,
            "shared_lstm": self.shared_lstm,
            "enable_critic_lstm": self.enable_critic_lstm,
            "lstm_kwargs": self.lstm_kwargs,
            "memory_target_sizes": list(self.memory_target_sizes),
        }

    def evaluate_actions(  # type: ignore[override]
        self,
        obs: PyTorchObs,
        actions: Tensor,
        lstm_states: RNNStates,
        episode_starts: Tensor | Sequences,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """As sb3-contrib's; with Sequences and `two_threads`, actor and critic at the same time.

        Returns:
            Values [N, 1], log-probabilities [N] and entropies [N], None where there is no closed form.
        """
        concurrent = self.two_threads and isinstance(episode_starts, Sequences) and torch.is_grad_enabled()
        if self.lstm_critic is None or not concurrent:
            return super().evaluate_actions(obs, actions, lstm_states, episode_starts)  # type: ignore[arg-type]
        values, log_prob, entropy, *_ = self.evaluate_sequences(
            obs, actions, lstm_states, cast(Sequences, episode_starts)
        )
        return values, log_prob, entropy

    def evaluate_sequences(
        self, obs: PyTorchObs, actions: Tensor, lstm_states: RNNStates, sequences: Sequences
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor]:
        """As `evaluate_actions`, and behind it what the actor's LSTM says, [N, H], and reads, [N, F]."""
        features = self.extract_features(obs)
        pi_features, vf_features = features if isinstance(features, tuple) else (features, features)
        layers, states = self.mlp_extractor, lstm_states
        actor = _branch(self.lstm_actor, _Kept(layers.policy_net), pi_features, states.pi, sequences)
        if self.lstm_critic is not None:
            critic = _branch(self.lstm_critic, layers.value_net, vf_features, states.vf, sequences)
            told, latent_vf = _both(actor, critic, self.two_threads)
            core, latent_pi = told.split((self.lstm_output_dim, layers.latent_dim_pi), dim=-1)
        else:
            told = actor.run(actor.inputs)
            core, latent_pi = told.split((self.lstm_output_dim, layers.latent_dim_pi), dim=-1)
            # As in sb3-contrib, a critic that reads the actor's LSTM does not teach it.
            latent_vf = layers.value_net(core.detach() if self.critic is None else self.critic(vf_features))
        distribution, values = self._get_action_dist_from_latent(latent_pi), self.value_net(latent_vf)
        return values, distribution.log_prob(actions), distribution.entropy(), core, pi_features

    @staticmethod
    def _process_sequence(  # type: ignore[override]  # theirs returns the same and declares it wrongly
        features: Tensor, lstm_states: LSTMState, episode_starts: Tensor | Sequences, lstm: nn.LSTM
    ) -> tuple[Tensor, LSTMState]:
        """Run an LSTM.

        Args:
            features: [lanes * T, F], the steps of each lane in a row; or [N, F] with Sequences.
            lstm_states: (h, c) before the first step of each lane, each [layers, lanes, H].
            episode_starts: [lanes * T], not 0 where memory is cleared before the step; or the layout of the N
                steps.
            lstm: The LSTM.

        Returns:
            Outputs [lanes * T, H] and the state after T steps; for Sequences, which end at different times,
            outputs [N, H] and the state that was given.
        """
        if isinstance(episode_starts, Sequences):
            return episode_starts.run(lstm, features, lstm_states), lstm_states
        if len(episode_starts) == lstm_states[0].shape[1] and not lstm.training:
            return _step(lstm, features, lstm_states, episode_starts)
        loop = RecurrentActorCriticPolicy._process_sequence
        return cast(tuple[Tensor, LSTMState], loop(features, lstm_states, episode_starts, lstm))


class FastCnnLstmPolicy(FastLstmPolicy, RecurrentActorCriticCnnPolicy):
    """sb3-contrib's `CnnLstmPolicy`; see `FastLstmPolicy`."""


class FastMultiInputLstmPolicy(FastLstmPolicy, RecurrentMultiInputActorCriticPolicy):
    """sb3-contrib's `MultiInputLstmPolicy`; see `FastLstmPolicy`."""


class _Kept(nn.Module):
    """Layers whose inputs stand before their outputs."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat((inputs, self.layers(inputs)), dim=-1)


def _both(first: Branch, second: Branch, two_threads: bool) -> tuple[Tensor, Tensor]:
    if two_threads and torch.is_grad_enabled():
        return side_by_side(first, second)
    return first.run(first.inputs), second.run(second.inputs)


def _branch(
    lstm: nn.LSTM, layers: nn.Module, features: Tensor, state: tuple[Tensor, ...], sequences: Sequences
) -> Branch:
    """An LSTM and the hidden layers behind it."""
    parameters = (*lstm.parameters(), *layers.parameters())
    learned = [parameter for parameter in parameters if parameter.requires_grad]
    return Branch(lambda inputs: layers(sequences.run(lstm, inputs, state)), features, learned)


def _step(
    lstm: nn.LSTM, inputs: Tensor, state: LSTMState, episode_starts: Tensor
) -> tuple[Tensor, LSTMState]:
    """One step with inputs [lanes, F]; `nn.LSTM` takes longer to prepare one than to compute it."""
    if episode_starts.any():
        starts = (episode_starts != 0).unsqueeze(1)
        state = (state[0].masked_fill(starts, 0.0), state[1].masked_fill(starts, 0.0))
    hiddens, cells = [], []
    for layer in range(lstm.num_layers):
        inputs, cell = torch.lstm_cell(
            inputs, (state[0][layer], state[1][layer]), *layer_weights(lstm, layer)
        )
        hiddens.append(inputs)
        cells.append(cell)
    return inputs, (torch.stack(hiddens), torch.stack(cells))

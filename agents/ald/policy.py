"""The acting policy of ALD: a small LSTM, or another core, behind SB3's policy interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from agents.learning.distributions.discrete import Categorical
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.cores import ActingCore, acting_core
from agents.learning.networks.lstm import LSTMCore
from agents.learning.networks.one_step import core_step
from agents.sb3.actions import action_distribution
from agents.sb3.memory import memory_head_of
from agents.sb3.networks import CountedFeatures, Encoder, default_extractor, image_extractor, lanes_of


class ValueHead(nn.Linear):
    """A linear layer whose outputs are de-normalised: scale * (weight x + bias) + mean.

    Mean and scale are no part of the state, so that weights can be exchanged with other linear layers.

    Args:
        linear: Whose parameters are used, and shared.
        mean: What is added to the outputs.
        scale: What they are multiplied by before.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear, mean: float, scale: float) -> None:
        super().__init__(linear.in_features, linear.out_features, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("scale", torch.tensor(scale), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """[..., D] -> [..., 1] values in units of the return."""
        return self.scale * self.normalized(features) + self.mean

    def normalized(self, features: Tensor) -> Tensor:
        """[..., D] -> [..., 1] normalised values."""
        return super().forward(features)


class _Normalized(nn.Module):
    """A value head without its de-normalisation."""

    def __init__(self, head: ValueHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> Tensor:
        return self.head.normalized(features)


class LSTMActorPolicy(CountedFeatures, RecurrentActorCriticPolicy):
    """The acting policy: sb3-contrib's recurrent policy, with ALD's defaults.

    Policy and value share one small LSTM, with linear heads directly behind it. There are no further
    parameters, so weights can be exchanged with a `RecurrentPPO("MlpLstmPolicy", env, policy_kwargs=...)` of
    the same settings; the value head's are of normalised values, whose mean and scale ALD keeps up to date.

    With another `core` there is that in the place of the LSTM, `lstm_actor`, and memory is a tuple of as many
    arrays [1, N, S] as its state has parts; sb3-contrib's algorithms train none but the LSTM.

    Deviation: in ALD's distillation the gradient of the value reaches the LSTM; in RecurrentPPO, sb3-contrib
    stops it there.

    Args:
        observation_space: Any that SB3 preprocesses.
        action_space: Discrete, MultiDiscrete, MultiBinary, or a Box.
        lr_schedule: Learning rate as a function of the remaining progress.
        net_arch: Hidden layers between LSTM and heads; none by default.
        lstm_hidden_size: Units.
        shared_lstm: Must be True.
        enable_critic_lstm: Must be False.
        core: One of `agents.learning.networks.cores.ACTOR_CORES`.
        features_extractor_class: SB3's choice for the observation space when None.
        value_mean: What a normalised value of 0 stands for, in units of the return.
        value_scale: Units of the return per unit of normalised values.
        memory_target_sizes: Number of values of each memory target, or what else it is; what training
            predicts of them acts in nothing.
        kwargs: Further arguments of sb3-contrib's policy.

    Raises:
        ValueError: Not one LSTM layer that policy and value share, no such core, no such actions, or noise
            that depends on the state (`use_sde`), which no distribution here knows.
    """

    lstm_actor: Any
    """The core, as sb3-contrib calls it: an `nn.LSTM`, or an `ActingCore` of another kind."""

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        net_arch: list[int] | dict[str, list[int]] | None = None,
        lstm_hidden_size: int = 32,
        shared_lstm: bool = True,
        enable_critic_lstm: bool = False,
        features_extractor_class: type[BaseFeaturesExtractor] | None = None,
        value_mean: float = 0.0,
        value_scale: float = 1.0,
        memory_target_sizes: Sequence[Any] = (),
        core: str = "lstm",
        **kwargs: Any,
    ) -> None:
        needed = {
            "shared_lstm": (shared_lstm, True),
            "enable_critic_lstm": (enable_critic_lstm, False),
            "n_lstm_layers": (kwargs.get("n_lstm_layers", 1), 1),
            "share_features_extractor": (kwargs.get("share_features_extractor", True), True),
        }
        for name, (got, must_be) in needed.items():
            if got != must_be:
                raise ValueError(
                    "LSTMActorPolicy has one LSTM layer that policy and value share: "
                    f"it needs {name}={must_be}, got {name}={got}"
                )
        if kwargs.get("use_sde"):
            raise ValueError("LSTMActorPolicy has no gSDE: it needs use_sde=False, got use_sde=True")
        self.core, self.memory_target_sizes = core, tuple(memory_target_sizes)
        kwargs |= {
            "net_arch": [] if net_arch is None else net_arch,
            "features_extractor_class": features_extractor_class or default_extractor(observation_space),
            "lstm_hidden_size": lstm_hidden_size,
        }
        if core == "lstm":
            kwargs |= {"shared_lstm": True, "enable_critic_lstm": False}
            super().__init__(observation_space, action_space, lr_schedule, **kwargs)
        else:
            self._init_without_lstm(observation_space, action_space, lr_schedule, **kwargs)
        self._sees_image = is_image_space(observation_space)
        self.distribution = action_distribution(type(self).__name__, action_space)
        self.value_net: ValueHead = ValueHead(self.value_net, value_mean, value_scale).to(self.device)
        self.memory_net = memory_head_of(self, self.memory_target_sizes)

    def _init_without_lstm(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        lstm_hidden_size: int,
        n_lstm_layers: int = 1,
        lstm_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """What sb3-contrib's constructor does, which makes an LSTM whatever comes in its place."""
        if lstm_kwargs:
            raise ValueError(f"lstm_kwargs are for core='lstm', got {lstm_kwargs} with core={self.core!r}")
        self.lstm_output_dim, self.lstm_hidden_state_shape = lstm_hidden_size, (1, 1, lstm_hidden_size)
        ActorCriticPolicy.__init__(self, observation_space, action_space, lr_schedule, **kwargs)
        self.shared_lstm, self.enable_critic_lstm, self.lstm_kwargs = True, False, {}
        self.critic = self.lstm_critic = None
        self.lstm_actor = acting_core(self.core, self.features_dim, lstm_hidden_size)
        options = {"lr": lr_schedule(1), **self.optimizer_kwargs}
        self.optimizer = self.optimizer_class(self.parameters(), **options)

    @torch.no_grad()
    def set_value_moments(self, mean: Tensor, scale: Tensor) -> None:
        """Say what normalised values stand for; see `value_mean` and `value_scale`."""
        self.value_net.mean.copy_(mean)
        self.value_net.scale.copy_(scale)

    def as_network(self) -> ActorCritic:
        """Return a plain actor-critic over unrolls [T, B, ...] with the same parameters.

        Its values are normalised.
        """
        head = self.distribution.head(cast(nn.Linear, self.action_net), getattr(self, "log_std", 0.0))
        return ActorCritic(
            Encoder(self.observation_space, self.features_extractor, self.normalize_images),
            self._own_core,
            nn.Sequential(self.mlp_extractor.policy_net, head),
            nn.Sequential(self.mlp_extractor.value_net, _Normalized(self.value_net)),
            memory_head=self.memory_net,
            distribution=self.distribution,
        )

    @property
    def _own_core(self) -> ActingCore:
        """The core, with the parameters of the policy."""
        return LSTMCore(self.lstm_actor) if self.core == "lstm" else self.lstm_actor

    def forward(  # type: ignore[override]  # as in sb3-contrib
        self, obs: PyTorchObs, lstm_states: RNNStates, episode_starts: Tensor, deterministic: bool = False
    ) -> tuple[Tensor, Tensor, Tensor, RNNStates]:
        """Act; see sb3-contrib."""
        if self.core == "lstm":
            return super().forward(obs, lstm_states, episode_starts, deterministic)  # type: ignore[arg-type]
        seen: Any = (obs, lstm_states.pi, episode_starts)
        distribution, after = self.get_distribution(*seen)
        actions = distribution.get_actions(deterministic=deterministic)
        states: Any = (after, tuple(part.detach() for part in after))
        return actions, self.predict_values(*seen), distribution.log_prob(actions), RNNStates(*states)

    @staticmethod
    def _process_sequence(  # type: ignore[override]  # states of any number of parts
        features: Tensor, lstm_states: tuple[Tensor, ...], episode_starts: Tensor, lstm: Any
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run the core over features [N * T, F], a lane's steps in a row; see sb3-contrib."""
        if isinstance(lstm, nn.LSTM):
            loop: Any = RecurrentActorCriticPolicy._process_sequence
            return cast(tuple[Tensor, tuple[Tensor, ...]], loop(features, lstm_states, episode_starts, lstm))
        lanes = lstm_states[0].shape[1]
        inputs, starts = (x.unflatten(0, (lanes, -1)).transpose(0, 1) for x in (features, episode_starts))
        outputs, after = lstm(inputs, tuple(part.squeeze(0) for part in lstm_states), starts > 0)
        return outputs.transpose(0, 1).flatten(0, 1), tuple(part.unsqueeze(0) for part in after)

    @torch.no_grad()
    def predict(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """Choose actions; see sb3-contrib.

        The answers are sb3-contrib's, from the same random numbers, in a fraction of its time: an array that
        is as the space says is not converted, and nothing is made of a distribution but probabilities.
        """
        if self.training:
            self.set_training_mode(False)
        tensors, several = self._as_tensors(observation)
        lanes = lanes_of(tensors)
        if state is None:
            parts = len(self._own_core.state_names)
            state = (np.zeros((1, lanes, self.lstm_output_dim), np.float32),) * parts
        begins = np.zeros(lanes, bool) if episode_start is None else episode_start
        memory = tuple(self._to(part, torch.float32) for part in state)
        starts = self._to(begins, torch.bool).reshape(lanes)
        features: Any = BasePolicy.extract_features(self, tensors, self.pi_features_extractor)
        outputs, memory = core_step(self.lstm_actor, features, memory, starts)
        chosen = self.distribution.as_taken(self._chosen(outputs, deterministic))
        return (chosen if several else chosen[0]), tuple(part.cpu().numpy() for part in memory)

    def _chosen(self, outputs: Tensor, deterministic: bool) -> Tensor:
        """Actions, drawn as sb3-contrib draws them."""
        latent = self.mlp_extractor.forward_actor(outputs)
        if not isinstance(self.distribution, Categorical):
            return self._get_action_dist_from_latent(latent).get_actions(deterministic)
        logits: Tensor = self.action_net(latent)
        if deterministic:
            return logits.argmax(dim=-1)
        return torch.multinomial(logits.softmax(dim=-1), 1).squeeze(-1)

    def _as_tensors(self, observation: np.ndarray | dict[str, np.ndarray]) -> tuple[PyTorchObs, bool]:
        """[N, ...] observations, and whether there were several; SB3's conversion where one is needed."""
        space = self.observation_space
        if isinstance(observation, np.ndarray) and observation.dtype == space.dtype and not self._sees_image:
            several = observation.shape[1:] == space.shape
            if several or observation.shape == space.shape:
                tensor = self._to(observation)
                return (tensor if several else tensor.unsqueeze(0)), several
        return self.obs_to_tensor(observation)

    def _to(self, array: np.ndarray, dtype: torch.dtype | None = None) -> Tensor:
        # A copy: the caller's array may be read-only, or change. SB3's `device` walks through all modules.
        return torch.tensor(array, dtype=dtype, device=cast(Tensor, self.action_net.weight).device)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """As sb3-contrib's, and the LSTM's arguments, without which a saved policy could not be rebuilt."""
        return super()._get_constructor_parameters() | {
            "lstm_hidden_size": self.lstm_output_dim,
            "shared_lstm": self.shared_lstm,
            "enable_critic_lstm": self.enable_critic_lstm,
            "lstm_kwargs": self.lstm_kwargs,
            "value_mean": self.value_net.mean.item(),
            "value_scale": self.value_net.scale.item(),
            "memory_target_sizes": list(self.memory_target_sizes),
            "core": self.core,
        }


class CnnLSTMActorPolicy(LSTMActorPolicy):
    """The acting policy for images of any type, which those of floating point do not show by themselves.

    Args:
        observation_space: Box of images with their channels first, or Dict.
        action_space: As `LSTMActorPolicy`.
        lr_schedule: Learning rate as a function of the remaining progress.
        features_extractor_class: SB3's CNN when None.
        kwargs: Further arguments of `LSTMActorPolicy`.

    Raises:
        ValueError: The observations are no such images, or smaller than the CNN takes.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        features_extractor_class: type[BaseFeaturesExtractor] | None = None,
        **kwargs: Any,
    ) -> None:
        if features_extractor_class is None:
            features_extractor_class, own = image_extractor(observation_space)
            kwargs["features_extractor_kwargs"] = own | (kwargs.get("features_extractor_kwargs") or {})
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            features_extractor_class=features_extractor_class,
            **kwargs,
        )

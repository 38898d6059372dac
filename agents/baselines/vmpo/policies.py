"""The policies of V-MPO with SB3's interface: LSTM, GRU, LRU, GTrXL, and an LSTM with a GTrXL as critic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import DiagGaussianDistribution, make_proba_distribution
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from agents.learning.networks.actor_critic import ActorCritic, AsymmetricActorCritic, Core
from agents.learning.networks.cores import acting_core
from agents.learning.networks.gtrxl import GTrXLCore
from agents.sb3.actions import action_distribution
from agents.sb3.networks import (
    CountedFeatures,
    Layers,
    default_extractor,
    lanes_of,
    linear_actor_critic,
)

State = tuple[np.ndarray, ...]


class MemoryPolicy(CountedFeatures):
    """A policy with memory: `predict` takes and returns it as `state`, as in SB3.

    The state is a tuple of arrays [N, ...], so what works with sb3-contrib's recurrent policies, such as
    `evaluate_policy`, works with a transformer, too.

    Subclasses build `network`.

    Args:
        observation_space: Any that SB3 preprocesses.
        action_space: Discrete, MultiDiscrete, MultiBinary, or a Box.
        lr_schedule: Not used; the learner has the optimizer.
        features_extractor_class: SB3's choice for the observation space when None.
        net_arch: Widths of hidden layers between memory and heads, as in SB3; none by default.
        activation_fn: Of those layers.
        memory_target_sizes: Number of values of each memory target, or what else it is.
        log_std_init: Logarithm of the spread of actions of a Box at first, as in SB3.
        kwargs: Further arguments of `BasePolicy`; what is said of an optimizer is for the learner's.
    """

    network: ActorCritic
    _sizes: dict[str, Any]

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule | None = None,
        features_extractor_class: type[BaseFeaturesExtractor] | None = None,
        net_arch: list[int] | dict[str, list[int]] | None = None,
        activation_fn: type[nn.Module] = nn.Tanh,
        memory_target_sizes: Sequence[Any] = (),
        log_std_init: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            observation_space,
            action_space,
            features_extractor_class or default_extractor(observation_space),
            **kwargs,
        )
        self.distribution = action_distribution(type(self).__name__, action_space)
        self.log_std_init = log_std_init
        self.memory_target_sizes = tuple(memory_target_sizes)
        self._layers = Layers(net_arch, activation_fn) if net_arch else None

    def forward(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        """Return actions [N] for first observations of episodes; `predict` takes any others."""
        return self._predict(observation, deterministic)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        lanes = lanes_of(observation)
        state = self.network.acting.initial_state(lanes)
        is_first = torch.ones(lanes, dtype=torch.bool, device=self.device)
        return self._chosen(self.network.acting.step(observation, state, is_first)[0].policy, deterministic)

    def predict(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: State | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, State]:
        """Choose actions.

        Args:
            observation: One observation or a batch of them.
            state: What the last call returned; None at the start.
            episode_start: [N] bool, where memory is cleared first; nowhere when None.
            deterministic: Choose the greedy action instead of sampling.

        Returns:
            The action, or actions [N], and the next state.
        """
        self.set_training_mode(False)
        tensors, vectorized = self.obs_to_tensor(observation)
        lanes = lanes_of(tensors)
        acting = self.network.acting
        if state is None:
            memory = acting.initial_state(lanes)
        else:
            memory = tuple(torch.as_tensor(part, device=self.device) for part in state)
        starts = np.zeros(lanes, dtype=np.bool_) if episode_start is None else np.asarray(episode_start)
        is_first = torch.as_tensor(starts, dtype=torch.bool, device=self.device).reshape(lanes)
        outputs, memory = acting.step(tensors, memory, is_first)
        actions = self.distribution.as_taken(self._chosen(outputs.policy, deterministic))
        following = tuple(part.cpu().numpy() for part in memory)
        return (actions if vectorized else actions[0]), following

    def _small(self, core: str, hidden_size: int) -> ActorCritic:
        """An actor-critic around one of `agents.learning.networks.cores.ACTOR_CORES`."""
        return self._actor_critic(lambda size: acting_core(core, size, hidden_size))

    def _actor_critic(self, make_core: Callable[[int], Core]) -> ActorCritic:
        """An actor-critic with a new features extractor; `make_core` gets the size of the features."""
        extractor = self.make_features_extractor()
        core = make_core(extractor.features_dim)
        return linear_actor_critic(
            self.observation_space,
            extractor,
            self.distribution,
            core,
            self.normalize_images,
            self._layers,
            self.memory_target_sizes,
            log_std_init=self.log_std_init,
        )

    def _chosen(self, parameters: Tensor, deterministic: bool) -> Tensor:
        """Actions, drawn as SB3 draws them."""
        if deterministic:
            return self.distribution.mode(parameters)
        known: Any = make_proba_distribution(self.action_space)
        of_each = parameters.chunk(2, dim=-1) if isinstance(known, DiagGaussianDistribution) else [parameters]
        actions: Tensor = known.proba_distribution(*of_each).sample()
        return actions

    def _get_constructor_parameters(self) -> dict[str, Any]:
        layers = {} if self._layers is None else self._layers._asdict()
        further = {
            "memory_target_sizes": list(self.memory_target_sizes),
            "log_std_init": self.log_std_init,
        }
        return super()._get_constructor_parameters() | self._sizes | layers | further


class LSTMPolicy(MemoryPolicy):
    """An LSTM shared by policy and value, with standardised inputs and linear heads.

    Args:
        arguments: Those of `MemoryPolicy`.
        lstm_hidden_size: Units.
        kwargs: Those of `MemoryPolicy`.
    """

    core: ClassVar[str] = "lstm"

    def __init__(self, *arguments: Any, lstm_hidden_size: int = 32, **kwargs: Any) -> None:
        super().__init__(*arguments, **kwargs)
        self._sizes = {"lstm_hidden_size": lstm_hidden_size}
        self.network = self._small(self.core, lstm_hidden_size)


class GRUPolicy(LSTMPolicy):
    """`LSTMPolicy` with a GRU of as many units in the place of the LSTM."""

    core = "gru"


class LRUPolicy(LSTMPolicy):
    """`LSTMPolicy` with a linear recurrent unit of that width in the place of the LSTM."""

    core = "lru"


class GTrXLPolicy(MemoryPolicy):
    """A gated transformer shared by policy and value; `state` in `predict` is its memory.

    Args:
        arguments: Those of `MemoryPolicy`.
        layers: Layers.
        width: d of the model.
        heads: Attention heads.
        mlp_width: Hidden width of the position-wise MLP.
        memory: Number of past steps that each layer attends to.
        gate_bias: Initial bias of the gates.
        kwargs: Those of `MemoryPolicy`.
    """

    def __init__(
        self,
        *arguments: Any,
        layers: int = 2,
        width: int = 64,
        heads: int = 2,
        mlp_width: int = 128,
        memory: int = 64,
        gate_bias: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*arguments, **kwargs)
        self._sizes = {
            "layers": layers,
            "width": width,
            "heads": heads,
            "mlp_width": mlp_width,
            "memory": memory,
            "gate_bias": gate_bias,
        }
        self.network = self._actor_critic(
            lambda size: GTrXLCore(size, width, layers, heads, mlp_width, memory, gate_bias)
        )


class AsymmetricPolicy(GTrXLPolicy):
    """An LSTM as actor and a gated transformer as critic, with no shared parameters.

    Args:
        arguments: Those of `MemoryPolicy`.
        lstm_hidden_size: As in `LSTMPolicy`.
        kwargs: Those of `GTrXLPolicy`, for the transformer.
    """

    network: AsymmetricActorCritic

    def __init__(self, *arguments: Any, lstm_hidden_size: int = 32, **kwargs: Any) -> None:
        super().__init__(*arguments, **kwargs)
        self._sizes["lstm_hidden_size"] = lstm_hidden_size
        critic = self.network
        self.network = AsymmetricActorCritic(self._small("lstm", lstm_hidden_size), critic)

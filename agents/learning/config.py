"""Every number of the agents, once, with where it comes from. "paper" is Parisotto & Salakhutdinov 2021."""

from __future__ import annotations

from dataclasses import dataclass

from agents.learning.losses.distillation import Direction
from agents.learning.memory_targets import HINDSIGHT, REWARD, MemoryTargetSettings
from agents.learning.networks.cores import ACTOR_CORES, LEARNER_CORES
from agents.learning.privileged import PrivilegedSettings
from agents.learning.settings import setting

RL_LOSSES = ("vmpo", "vtrace", "primal_dual")
ENTROPY_WEIGHTINGS = ("uniform", "psi")


@dataclass(frozen=True)
class LearnerConfig(MemoryTargetSettings):
    """Settings of whatever learns from unrolls, and of how they are collected."""

    # Acting
    unroll_length: int = setting(40, "steps T in one unroll", "tuned; paper 20")
    gamma: float = setting(0.99, "discount", "paper")
    timeout_is_terminal: bool = setting(
        False,
        "value a time-out at 0 instead of bootstrapping from its last observation",
        "ours; True was common in 2021",
    )
    # Learner's network
    learner_layers: int = setting(
        2, "layers of the learner's core, where it is a stack: gtrxl, lstm-gtrxl, lru", "tuned; paper 4"
    )
    learner_width: int = setting(64, "width d of the learner", "tuned")
    learner_heads: int = setting(2, "attention heads of the learner", "tuned")
    learner_mlp_width: int = setting(128, "hidden width of the learner's position-wise MLP", "tuned")
    learner_memory: int = setting(64, "steps that each layer of the learner looks back", "tuned")
    learner_gate_bias: float = setting(2.0, "initial bias b_g of the gates", "Parisotto et al. 2019")
    # Learner's updates
    learner_learning_rate: float = setting(
        1e-3, "Adam step size of the learner", "tuned; paper 1e-4", falls_by="final_learning_rates"
    )
    final_learning_rates: float = setting(
        1.0,
        "share of the step sizes of learner and actor that is left at the end, approached linearly",
        "ours; paper: constant",
        absent=1.0,
    )
    learner_replays: int = setting(
        6, "further learner updates per unroll, on unrolls from replay", "paper: optional arrow"
    )
    priority_exponent: float = setting(
        1.0, "how much lanes of large advantage are preferred in those updates; 0 not", "Schaul et al. 2016"
    )
    replay_lanes: int | None = setting(
        8, "lanes in each of those updates; as many as there are environments when None", "tuned"
    )
    max_grad_norm: float | None = setting(
        0.3, "clip the learner's and actor's gradient norm", "tuned; paper: none"
    )
    entropy_coef: float = setting(
        0.03, "weight of the learner's entropy bonus", "tuned; paper none", falls_by="final_entropy"
    )
    final_entropy: float = setting(
        1.0, "share of that weight that is left at the end, approached linearly", "ours", absent=1.0
    )
    entropy_weighting: str = setting(
        "uniform",
        "what that bonus is a mean over: uniform, all steps alike; or psi, the steps that V-MPO imitates, "
        "weighed as it weighs them",
        "ours; psi after Pereyra et al. 2017",
        absent="uniform",
    )
    value_coef: float = setting(0.1, "weight of the learner's value loss", "tuned")
    reward_prediction_coef: float = setting(
        0.0,
        "weight of the learner's prediction of rewards; 0 none",
        "ours, after Jaderberg et al. 2017",
        absent=0.0,
    )
    decorrelation_coef: float = setting(
        0.0,
        "weight of the mean squared covariance of different features, of the learner's and of the actor's "
        "each; 0 none",
        "ours: 0; Mavrin et al. 2019",
        absent=0.0,
    )
    replay_size: int = setting(32, "unrolls kept", "tuned")
    rl_loss: str = setting(
        "vmpo",
        "how the policy learns: vmpo, vtrace (IMPALA's policy gradient), or primal_dual (the same with "
        "one-step advantages, and values by Bellman's linear program)",
        "paper: vmpo",
    )
    # V-MPO
    eta_init: float = setting(1.0, "initial temperature", "paper")
    eps_eta: float = setting(0.1, "bound behind the temperature", "paper")
    alpha_init: float = setting(1.0, "initial multiplier of the trust region", "paper: 0.1 to 5")
    eps_alpha: float = setting(0.004, "bound of KL(target || online)", "paper")
    eps_alpha_spread: float = setting(
        1e-3,
        "bound of the same for the spread of actions of a Box; eps_alpha then bounds their mean",
        "ours; a bound of its own: Song et al. 2020",
        absent=1e-3,
    )
    dual_learning_rate: float = setting(1e-2, "Adam step size of eta and alpha", "tuned")
    target_period: int = setting(
        10, "learner updates between refreshes of the target policy", "paper: 1, 10 or 100"
    )
    importance_weights: bool = setting(False, "weigh V-MPO's samples by clipped rho", "ours")
    # V-trace
    rho_bar: float = setting(1.0, "clip of V-trace's importance weights", "Espeholt et al. 2018")
    c_bar: float = setting(1.0, "clip of V-trace's trace weights", "Espeholt et al. 2018")
    value_trace_decay: float = setting(0.8, "lambda of the value targets", "tuned; Espeholt et al. 2018: 1")
    policy_trace_decay: float = setting(0.9, "lambda behind the advantages", "tuned; Espeholt et al. 2018: 1")
    # Primal-dual
    advantage_penalty: float = setting(
        10.0,
        "weight of half the squared advantage in primal_dual's value loss, beside what is linear in values",
        "ours; of 1 and 10 (section 24 of the experiments)",
        absent=10.0,
    )
    # PopArt
    popart_step_size: float = setting(3e-4, "step size of PopArt's moments; 0 switches it off", "paper")

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming the field, the value and the choices."""
        super().__post_init__()
        at_least_one = "unroll_length learner_layers learner_width learner_heads learner_mlp_width"
        self._require_each(f"{at_least_one} learner_memory target_period replay_size", 1)
        self._require_each(
            "learner_replays priority_exponent entropy_coef value_coef reward_prediction_coef "
            "decorrelation_coef",
            0,
        )
        positive = (
            "learner_learning_rate dual_learning_rate eta_init alpha_init eps_eta eps_alpha eps_alpha_spread "
            "rho_bar c_bar advantage_penalty"
        )
        for name in positive.split():
            self._require(name, getattr(self, name) > 0, "greater than 0")
        for name, least in (("max_grad_norm", "greater than 0"), ("replay_lanes", "at least 1")):
            self._require(name, (value := getattr(self, name)) is None or value > 0, least)
        self._require_shares(
            "final_learning_rates final_entropy gamma value_trace_decay policy_trace_decay popart_step_size"
        )
        self._require(
            "learner_heads", self.learner_width % self.learner_heads == 0, "a divisor of learner_width"
        )
        self._require_choice("rl_loss", RL_LOSSES)
        self._require_choice("entropy_weighting", ENTROPY_WEIGHTINGS)
        self._require(
            "entropy_weighting",
            self.entropy_weighting == "uniform" or self.rl_loss == "vmpo",
            '"uniform" where rl_loss is not "vmpo", which psi comes from',
        )

    @property
    def pull_to_actor(self) -> float:
        """Weight of the distillation loss in the learner's: 0 where the learner acts for itself."""
        return 0.0

    @property
    def pull_target(self) -> float:
        """KL between learner and actor by which that weight adapts; 0 where it does not."""
        return 0.0

    @property
    def shows_previous_step(self) -> bool:
        """Whether the learner is shown the action and reward before each observation: not if it acts."""
        return False

    @property
    def teaches_memory(self) -> bool:
        """Whether its memory head teaches that of another network."""
        return False


@dataclass(frozen=True)
class VMPOConfig(LearnerConfig):
    """Settings of a learner that acts for itself."""

    lstm_hidden_size: int = setting(32, "units of an LSTM, GRU or LRU that acts", "paper")

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming the field, the value and the choices."""
        super().__post_init__()
        self._require_each("lstm_hidden_size", 1)


@dataclass(frozen=True)
class ALDConfig(PrivilegedSettings, LearnerConfig):
    """Settings of Actor-Learner Distillation."""

    # Learner's network
    learner_core: str = setting(
        "gtrxl",
        "recurrent core of the learner: gtrxl, lstm-gtrxl (a GTrXL over an LSTM's outputs and its inputs), "
        "lstm, gru, or lru (linear recurrent units)",
        "paper: gtrxl",
        absent="gtrxl",
    )
    # Learner's inputs
    learner_sees_actions: bool = setting(
        False,
        "show the learner, which never acts, the action and reward before each observation",
        "ours: False; usual for what acts, e.g. Espeholt et al. 2018",
        absent=False,
    )
    # Actor
    actor_core: str = setting(
        "lstm",
        "recurrent core that acts: lstm, gru, or lru (a linear recurrent unit)",
        "paper: lstm",
        absent="lstm",
    )
    actor_hidden_size: int = setting(32, "units of the core that acts", "paper")
    actor_learning_rate: float = setting(
        3e-3, "Adam step size of the actor", "tuned; paper 1e-4", falls_by="final_learning_rates"
    )
    # Distillation
    policy_coef: float = setting(
        1.0, "alpha_pi, weight of the policy distillation", "ours; not stated in the paper"
    )
    distilled_value_coef: float = setting(
        0.1, "alpha_V, weight of the value distillation; 0 switches it off", "tuned; not stated in the paper"
    )
    learner_regularisation: float = setting(
        0.1, "times alpha_pi: how much the distillation loss also pulls the learner to the actor", "paper: 1"
    )
    distillation_direction: Direction = setting(
        "actor_learner", "which KL is distilled", "paper: actor_learner"
    )
    memory_distillation: float = setting(
        0.0,
        "share of the actor's loss of memory targets that compares with what the learner's head says; the "
        "rest compares with the labels",
        "ours, after Hinton et al. 2015",
        absent=0.0,
    )
    distillation_steps: int = setting(14, "distillation steps per unroll", "tuned; paper: more is better")
    distillation_window: int = setting(8, "latest unrolls that distillation samples from", "tuned")

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming the field, the value and the choices."""
        super().__post_init__()
        self._require_choice("learner_core", LEARNER_CORES)
        self._require_choice("actor_core", ACTOR_CORES)
        self._require_each("actor_hidden_size distillation_window", 1)
        self._require_each("distillation_steps policy_coef distilled_value_coef learner_regularisation", 0)
        self._require_shares("memory_distillation")
        taught = [name for name in self.memory_targets if name != f"{HINDSIGHT}{REWARD}"]
        self._require(
            "memory_distillation",
            self.memory_distillation == 0 or bool(taught),
            f"0 without memory_targets other than {HINDSIGHT}{REWARD}",
        )
        self._require(
            "distillation_direction",
            not self.privileged_policy or self.distillation_direction == "learner_actor",
            "learner_actor with learner_sees='policy', as KL(pi_A || pi_L) lets the actor never do what the "
            "learner does not do in any one of the states that look alike to the actor",
        )
        self._require(
            "learner_regularisation",
            self.backtrack_target_kl == 0 or self.pull_to_actor > 0,
            "greater than 0, like policy_coef, with backtrack_target_kl, which lets it adapt",
        )
        self._require("actor_learning_rate", self.actor_learning_rate > 0, "greater than 0")

    @property
    def pull_to_actor(self) -> float:
        """Weight of the distillation loss in the learner's."""
        return self.policy_coef * self.learner_regularisation

    @property
    def pull_target(self) -> float:
        """KL between learner and actor by which that weight adapts; 0 where it does not."""
        return self.backtrack_target_kl

    @property
    def shows_previous_step(self) -> bool:
        """Whether the learner is shown the action and reward before each observation."""
        return self.learner_sees_actions

    @property
    def teaches_memory(self) -> bool:
        """Whether the learner's memory head teaches the actor's."""
        return self.memory_distillation > 0

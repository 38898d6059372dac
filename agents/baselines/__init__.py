"""The baselines that Actor-Learner Distillation is compared with."""

from agents.baselines.ppo import PPOAgent, RecurrentPPOAgent
from agents.baselines.random_agent import RandomAgent
from agents.baselines.recurrent_ppo.algorithm import FastRecurrentPPO
from agents.baselines.vmpo import VMPO

__all__ = ["VMPO", "FastRecurrentPPO", "PPOAgent", "RandomAgent", "RecurrentPPOAgent"]

"""What a page is about, in a sentence each: the task, and who acts and who learns in an experiment."""

from __future__ import annotations

import inspect
from typing import NamedTuple

import gymnasium
from gymnasium.envs.registration import load_env_creator

from agents.results.runs import Run
from agents.vec_env.make import is_native, resolve_id


class Sentence(NamedTuple):
    """A sentence and what it is about: "Task", "Actor", "Learner" or "Agent"."""

    subject: str
    text: str


CORES = {
    "lstm": "An LSTM",
    "gru": "A GRU",
    "lru": "A linear recurrent unit",
    "gtrxl": "A gated transformer",
    "lstm-gtrxl": "A gated transformer behind an LSTM",
}
POLICIES = {
    "LstmPolicy": CORES["lstm"],
    "GRUPolicy": CORES["gru"],
    "LRUPolicy": CORES["lru"],
    "GTrXLPolicy": CORES["gtrxl"],
    "AsymmetricPolicy": "An LSTM with a gated transformer as its critic",
}
LOSSES = {
    "vmpo": "V-MPO",
    "vtrace": "the policy gradient of IMPALA",
    "primal_dual": "primal-dual pi learning",
}
OTHERS = {
    "recurrent-ppo": "An LSTM acts and is itself trained, by PPO: sb3-contrib's RecurrentPPO.",
    "ppo": "A network without memory acts and is itself trained, by PPO.",
    "mimic": "An LSTM acts, and learns what its teachers would have done at each of its steps.",
    "random": "Draws each action with equal probability, and learns nothing.",
}


def about_task(run: Run) -> Sentence:
    """Return what has to be done in the environment of a run, as its class says first."""
    if not is_native(run.env_id):
        return Sentence("Task", f"{run.env_id}, an environment of another package.")
    made_by = load_env_creator(str(gymnasium.spec(resolve_id(run.env_id)).entry_point))
    return Sentence("Task", (inspect.getdoc(made_by) or run.env_id).splitlines()[0])


def about_agent(run: Run) -> list[Sentence]:
    """Return who acts and who learns in a run; nothing where that is not known."""
    config, policy = run.config, str(run.settings.get("policy"))
    loss = LOSSES.get(str(config.get("rl_loss")), "reinforcement learning")
    if run.agent == "ald":
        actor, learner = (
            CORES.get(str(config.get(f"{who}_core")), "A network") for who in ("actor", "learner")
        )
        units = f" of {config['actor_hidden_size']} units" if "actor_hidden_size" in config else ""
        return [
            Sentence(
                "Actor",
                f"{actor}{units}, small and fast: only it acts; it is taught to say what the learner says.",
            ),
            Sentence("Learner", f"{learner}, trained by {loss} on what the actor did: it never acts."),
        ]
    if run.agent == "vmpo" and policy in POLICIES:
        return [Sentence("Agent", f"{POLICIES[policy]} acts and is itself trained, by {loss}.")]
    return [Sentence("Agent", OTHERS[run.agent])] if run.agent in OTHERS else []

"""What a page says of the task, the actor and the learner."""

from dataclasses import replace

import pytest

from agents.baselines import VMPO
from agents.learning.config import RL_LOSSES
from agents.learning.networks.cores import ACTOR_CORES, LEARNER_CORES
from agents.report.about import CORES, LOSSES, OTHERS, POLICIES, about_agent, about_task
from memory_envs.registry.agents import AGENTS


def test_there_are_words_for_every_agent_policy_core_and_loss():
    assert set(CORES) == {*ACTOR_CORES, *LEARNER_CORES}
    assert set(POLICIES) == set(VMPO.policy_aliases)
    assert set(LOSSES) == set(RL_LOSSES)
    assert {"ald", "vmpo", *OTHERS} == set(AGENTS)


def test_three_sentences_say_what_task_actor_and_learner_are(small_report):
    run = small_report.run
    assert about_task(run) == ("Task", "I-Maze: read a cue, walk away from it, choose the goal it asked for.")
    actor, learner = about_agent(run)
    assert actor.subject == "Actor" and actor.text.startswith("An LSTM of 32 units")
    assert learner.subject == "Learner"
    assert learner.text.startswith("A gated transformer, trained by V-MPO on what the actor did")
    other = replace(
        run, config={**run.config, "learner_core": "gru", "actor_core": "lru", "rl_loss": "vtrace"}
    )
    actor, learner = about_agent(other)
    assert actor.text.startswith("A linear recurrent unit of 32")
    assert learner.text.startswith("A GRU, trained by the policy gradient of IMPALA")


@pytest.mark.parametrize(
    ("agent", "policy", "text"),
    [
        ("vmpo", "GTrXLPolicy", "A gated transformer acts and is itself trained, by V-MPO."),
        ("ppo", "MlpPolicy", "A network without memory acts"),
        ("recurrent-ppo", "MlpLstmPolicy", "sb3-contrib"),
    ],
)
def test_an_agent_that_learns_by_itself_has_one_sentence(small_report, agent, policy, text):
    run = replace(small_report.run, agent=agent, settings={**small_report.run.settings, "policy": policy})
    [sentence] = about_agent(run)
    assert sentence.subject == "Agent" and text in sentence.text


def test_nothing_is_said_of_an_agent_or_an_environment_that_is_not_known(small_report):
    run = replace(
        small_report.run,
        agent="of-tomorrow",
        settings={**small_report.run.settings, "env": "CartPole-v1", "env_kwargs": "{}"},
    )
    assert about_agent(run) == []
    assert about_task(run).text == "CartPole-v1, an environment of another package."

"""What a report records of an episode: the networks' words and looks, and the choice of episodes."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.baselines import VMPO, PPOAgent, RandomAgent, RecurrentPPOAgent
from agents.evaluation.episodes import acting
from agents.report import episodes
from agents.report.episodes import EpisodeStream
from agents.report.roles import tracers
from agents.report.tracing import Tracer
from tests.support.small_report import ENV, MAZE, MEMORY, observations, replayed
from tests.support.tiny import maze_model


def test_every_step_looks_back_with_all_of_its_attention_and_never_before_the_episode(small_report):
    for episode in small_report.episodes:
        attention = episode.traces["learner"].attention
        steps = len(episode.actions)
        assert attention.shape == (steps, 2, 2, MEMORY + 1)
        np.testing.assert_allclose(attention.sum(axis=-1), 1.0, atol=1e-5)
        too_far = np.arange(MEMORY + 1) > np.arange(steps)[:, None]
        assert too_far.any() and (attention.transpose(0, 3, 1, 2)[too_far] == 0).all()


def test_attention_that_is_shown_is_the_one_that_is_used():
    """Values mixed by the weights that are told are what the layer gives out."""
    network = maze_model(learner_layers=1).learner.network
    attention = network.core.layers[0].attention
    torch.manual_seed(0)
    queries, context = torch.randn(3, 5, 8), torch.randn(3, 13, 8)
    mask = torch.zeros(3, 1, 5, 13).masked_fill(torch.ones(5, 13).triu(9).bool(), -torch.inf)
    weights = attention.weights(queries, context, mask)
    values = attention._split(attention.key_value(context).chunk(2, dim=-1)[1])
    mixed = (weights @ values).transpose(1, 2).reshape(3, 5, 8)
    torch.testing.assert_close(attention.output(mixed), attention(queries, context, mask))


def test_traced_networks_say_what_the_model_says(small_report):
    """SB3's `predict` and `evaluate_actions` along the same episode, against the trace of the actor."""
    model = small_report.model
    episode = small_report.episodes[0]
    env = replayed(episode)
    tracer, state, start = tracers(model)["actor"], None, np.ones(1, dtype=bool)
    for step, action in enumerate(episode.actions):
        observation = env.observe()
        greedy, state = model.predict(observation, state, start, deterministic=True)
        start[:] = False
        assert int(greedy) == episode.traces["actor"].probabilities[step].argmax()
        np.testing.assert_allclose(state[0].reshape(-1), episode.traces["actor"].hidden[step], atol=1e-6)
        probabilities = torch.softmax(tracer.step(observation), dim=-1)
        np.testing.assert_allclose(probabilities, episode.traces["actor"].probabilities[step], atol=1e-6)
        env.step(action)


def test_learner_runs_along_as_over_a_whole_window(small_report):
    """Step by step it says of the last step what it says of it when it sees the episode at once."""
    learner = small_report.model.learner
    episode = max(small_report.episodes, key=lambda each: len(each.actions))
    seen = observations(episode)
    is_first = torch.arange(len(seen)).unsqueeze(1) == 0
    with torch.no_grad():
        outputs, _ = learner.network(seen, learner.network.initial_state(1), is_first)
    value = learner.popart.denormalize(outputs.value).squeeze(1)
    np.testing.assert_allclose(value, episode.traces["learner"].value, atol=1e-4)


def test_scenes_and_rewards_are_those_of_the_environment(small_report):
    for episode in small_report.episodes:
        env, rewards = replayed(episode), []
        for action, scene in zip(episode.actions, episode.scenes, strict=False):
            np.testing.assert_array_equal(env.scene().view, scene.view)
            np.testing.assert_array_equal(env.scene().tiles, scene.tiles)
            rewards.append(env.step(action)[1])
        assert tuple(rewards) == episode.rewards
        assert env.scene().facts == episode.scenes[-1].facts


def stream_of(seed=0, **settings):
    return closing(EpisodeStream(ENV, MAZE | settings, seed))


def test_same_seed_plays_the_same_episodes_whatever_else_is_drawn(small_report, monkeypatch):
    monkeypatch.setattr(episodes, "ATTEMPTS", 2)

    def played(seed):
        with stream_of(seed) as stream:
            found = episodes.find_examples(small_report.model, stream, 2)
        return {(episode.stream, episode.number, episode.actions) for episode in found.shown}

    first = played(0)
    with acting(5):
        assert played(0) == first
    assert not played(1) & first


def test_an_episode_is_the_same_whichever_were_played_before_and_whoever_is_asked(small_report):
    with stream_of() as stream:
        whole = [stream.play(small_report.model, number) for number in (2, 0, 1)]
        again = [stream.play(small_report.model, number, only_acting=True) for number in (0, 1, 2)]
    assert [each.actions for each in (*whole[1:], whole[0])] == [each.actions for each in again]
    assert list(whole[0].traces) == ["actor", "learner"] and list(again[0].traces) == ["actor"]


def test_the_first_episode_of_each_kind_of_start_is_shown(small_report):
    """Kinds as counted by the environment's own word of its cue."""
    with stream_of() as stream:
        cues = []
        for number in range(20):
            _, info = stream._env.reset(options={"stream": stream.stream, "episode": number})
            cues.append(stream._env.unwrapped.scene().facts[0].icons[0].tile)
        assert stream.firsts == (0, next(k for k, cue in enumerate(cues) if cue != cues[0]))
        found = episodes.find_examples(small_report.model, stream)
    assert tuple(episode.number for episode in found.shown) == stream.firsts and found.kinds == 2
    for episode in found.shown:
        assert [fact.name for fact in episode.kind] == ["cue, goal"]
        assert episode.kind[0].icons[0].tile == cues[episode.number]


def test_many_kinds_are_as_many_as_are_met_and_few_are_shown():
    """Meta-Fetch with three objects has six orders."""
    with closing(EpisodeStream("MemoryEnvs/MetaFetch-v0", {"max_episode_steps": 5})) as stream:
        model = RandomAgent("RandomPolicy", "MemoryEnvs/MetaFetch-v0", seed=0, device="cpu", n_steps=8)
        found = episodes.find_examples(model, stream)
        assert len(stream.firsts) == found.kinds == 6
    orders = [[icon.tile for icon in episode.kind[0].icons] for episode in found.shown]
    assert len({episode.actions for episode in found.shown}) > 1  # each has random numbers of its own
    assert len({tuple(order) for order in orders}) == episodes.MOST_KINDS == len(orders)


class Fated(EpisodeStream):
    """A stream in which outcomes are given by number."""

    def __init__(self, outcomes, recorded, firsts):
        self.outcomes, self.recorded, self.firsts = outcomes, recorded, firsts

    def play(self, model, number, *, only_acting=False):
        return replace(self.recorded, number=number, success=self.outcomes[number])


S, F, N = True, False, None


@pytest.mark.parametrize(
    ("outcomes", "firsts", "wanted", "shown", "failure"),
    [
        ([S, S, S, F, S], (0, 1), None, [0, 1], 3),  # a failure is added ...
        ([S, F, S, F, S], (0, 1), None, [0, 1], None),  # ... unless one is shown
        ([S, S, S, S, S], (0, 1), None, [0, 1], None),
        ([F, F, F, S, S], (0, 3), None, [0, 3], None),  # outcomes choose none of these
        ([S, F, S, F, S], (0, 2), 3, [0, 2, 1], None),
        ([S, S, F, S, S], (0, 3), 1, [0], 2),
        ([S, S, F, F, S], (0, 4), 3, [0, 4, 1], 2),
        ([N, N, N, N, N], (0,), None, [0], None),
    ],
)
def test_kinds_of_start_choose_episodes_and_a_failure_is_found_if_there_is_one(
    small_report, monkeypatch, outcomes, firsts, wanted, shown, failure
):
    monkeypatch.setattr(episodes, "ATTEMPTS", len(outcomes))
    stream = Fated(outcomes, small_report.episodes[0], firsts)
    found = episodes.find_examples(small_report.model, stream, wanted)
    assert [episode.number for episode in found.shown] == shown
    assert (found.failure and found.failure.number) == failure


@pytest.mark.parametrize("policy", ["LstmPolicy", "GTrXLPolicy", "AsymmetricPolicy"])
def test_agents_that_act_for_themselves_are_traced_under_one_name(policy):
    sizes = {"learner_layers": 1, "learner_width": 8, "learner_heads": 2, "learner_memory": 8}
    model = VMPO(policy, ENV, seed=0, device="cpu", lstm_hidden_size=8, **sizes)
    [(role, tracer)] = tracers(model).items()
    for _ in range(3):
        tracer.step(model.env.reset()[0])
    trace = tracer.trace()
    assert role == "agent" and trace.probabilities.shape == (3, 3) and trace.value.shape == (3,)
    assert (trace.hidden is not None) == (policy != "GTrXLPolicy")
    assert (trace.attention is not None) == (policy != "LstmPolicy")


@pytest.mark.parametrize(
    ("agent", "policy", "settings"),
    [
        (RecurrentPPOAgent, "MlpLstmPolicy", {"lstm_hidden_size": 8, "net_arch": (8,)}),
        (PPOAgent, "MlpPolicy", {"net_arch": (8,)}),
        (RandomAgent, "RandomPolicy", {}),
    ],
)
def test_policies_of_sb3_are_traced_as_they_predict(agent, policy, settings):
    """Along an episode: the greedy action of `predict` with its own memory, which is the one shown."""
    torch.manual_seed(0)
    model = agent(policy, ENV, seed=0, device="cpu", n_steps=8, **settings)
    [(role, tracer)] = tracers(model).items()
    rng, state, start, greedy = np.random.default_rng(0), None, np.ones(1, dtype=bool), []
    for _ in range(6):
        observation = rng.integers(0, 2, model.observation_space.shape, dtype=np.uint8)
        tracer.step(observation)
        action, state = model.predict(observation, state, start, deterministic=True)
        start, greedy = np.zeros(1, dtype=bool), [*greedy, int(action)]
    trace = tracer.trace()
    assert role == "agent" and trace.attention is None and trace.value.shape == (6,)
    np.testing.assert_allclose(trace.probabilities.sum(axis=1), 1.0, rtol=1e-6)
    if agent is RandomAgent:
        np.testing.assert_allclose(trace.probabilities, 1 / 3, rtol=1e-6)
    else:
        assert trace.probabilities.argmax(axis=1).tolist() == greedy
    if agent is RecurrentPPOAgent:
        np.testing.assert_allclose(trace.hidden[-1], state[0][-1, 0], atol=1e-6)


def test_values_are_in_units_of_the_return():
    model = maze_model()
    model.learner.popart.mean.fill_(3.0)
    model.learner.popart.mean_square.fill_(3.0**2 + 2.0**2)
    observation = np.zeros(54, dtype=np.uint8)
    for role, network in (("learner", model.learner.network), ("actor", model.distiller.network)):
        in_units, normalised = tracers(model)[role], Tracer(network)
        for tracer in (in_units, normalised):
            tracer.step(observation)
        np.testing.assert_allclose(in_units.trace().value, 3.0 + 2.0 * normalised.trace().value, rtol=1e-6)


def test_watching_leaves_no_hook_behind():
    network = maze_model().learner.network
    Tracer(network).step(np.zeros(54, dtype=np.uint8))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())

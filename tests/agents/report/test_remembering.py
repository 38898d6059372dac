"""What a report says of memory: what the networks believe, and the truth beside it."""

from contextlib import closing

import numpy as np
import torch

from agents.baselines import VMPO, RecurrentPPOAgent
from agents.report.episodes import EpisodeStream
from agents.report.remembering import _next_events, remembered_targets
from agents.report.roles import tracers
from agents.vec_env.make import make_lanes, make_single
from tests.support.small_report import ENV, MAZE, observations, replayed
from tests.support.tiny import VMPO_SETTINGS

PPO = {"n_steps": 12, "batch_size": 18, "lstm_hidden_size": 8, "seed": 0, "device": "cpu"}
TARGETS = ("known_cue", "hindsight:reached")


def test_events_are_known_before_they_happen_and_not_after_the_last() -> None:
    assert _next_events([0, 2, 0, 0, 1, 0]) == [2, 2, 1, 1, 1, None]
    assert _next_events([0, 0]) == [None, None]


def test_the_truth_is_what_the_environment_tells(small_report):
    for episode in small_report.episodes:
        env, known = replayed(episode), []
        for action in episode.actions:
            state = env._lanes.state(0)
            known.append(state.cue + 1 if state.sight else 0)
            *_, info = env.step(action)
        cue, reached = episode.targets
        assert cue.title == "known cue" and cue.truth == known
        assert [each.name for each in cue.meanings] == ["nothing yet", "cue A", "cue B"]
        assert reached.title == "next reached" and set(reached.truth) == {info["reached"] or None}
        assert [each.tile for each in reached.meanings] == [None, 4, 5]


def test_without_analysis_there_is_no_truth(small_report):
    silent = {name: value for name, value in MAZE.items() if name != "analysis"}
    with closing(EpisodeStream(ENV, silent)) as stream:
        episode = stream.play(small_report.model, 0)
    assert [target.truth for target in episode.targets] == [None, None]
    assert [len(each) for each in episode.traces["actor"].memory] == [len(episode.actions)] * 2


def test_beliefs_are_those_of_the_heads(small_report):
    """Of the learner, which sees the episode at once here, and step by step in the report."""
    learner = small_report.model.learner.network
    episode = small_report.episodes[0]
    seen = observations(episode)
    is_first = torch.arange(len(seen)).unsqueeze(1) == 0
    with torch.no_grad():
        core = learner(seen, learner.initial_state(1), is_first)[0].core[:, 0]
        said = learner.memory_head(core).reshape(-1, 2, 3).softmax(dim=-1)
    for target in range(2):
        np.testing.assert_allclose(episode.traces["learner"].memory[target], said[:, target], atol=1e-5)


def test_every_agent_with_a_memory_says_what_it_believes():
    env = make_lanes(ENV, 3, MAZE)
    models = [
        VMPO("AsymmetricPolicy", env, memory_targets=TARGETS, device="cpu", **VMPO_SETTINGS),
        RecurrentPPOAgent("MlpLstmPolicy", env, memory_targets=TARGETS, **PPO),
    ]
    for model in models:
        single = make_single(ENV, MAZE)
        (tracer,), (observation, info) = tracers(model).values(), single.reset(seed=0)
        for _ in range(4):
            tracer.step(observation)
            observation, *_ = single.step(0)
        memory = tracer.trace().memory
        assert [each.shape for each in memory] == [(4, 3), (4, 3)]
        np.testing.assert_allclose(memory[0].sum(axis=-1), 1.0, atol=1e-5)
        assert len(remembered_targets(model, single.unwrapped.memory_target_meanings, [info, info])) == 2


def test_without_targets_nothing_is_said():
    model = VMPO("LstmPolicy", make_lanes(ENV, 3, MAZE), device="cpu", **VMPO_SETTINGS)
    tracer = tracers(model)["agent"]
    tracer.step(make_single(ENV, MAZE).reset(seed=0)[0])
    assert tracer.trace().memory == () and remembered_targets(model, {}, [{}]) == ()

"""The table of memory tasks: its numbers, its page, its command."""

import json

import gymnasium
import numpy as np
import pytest

from memory_envs.certificate import Bounds, certify
from memory_envs.certificate.effort import Effort
from memory_envs.finite import FiniteGym
from memory_envs.finite.classic import MemoryChain, RepeatFirst, TMaze
from memory_envs.solvers.ascent import best_stochastic
from memory_envs.solvers.graph import enumerate_states
from memory_envs.survey.__main__ import main
from memory_envs.survey.page import page, save_page, share
from memory_envs.survey.records import Record, read, write
from memory_envs.survey.tasks import TASKS, Task, measured
from tests.support import ROOT

QUICK = Effort(restarts=1, iterations=30, node_limit=50)


def test_the_page_of_the_documentation_is_that_of_its_data(tmp_path):
    """Written by `python -m memory_envs.survey --json docs/survey.json --page docs/survey.md`."""
    save_page(read(ROOT / "docs" / "survey.json"), tmp_path / "survey.md")
    assert (tmp_path / "survey.md").read_bytes() == (ROOT / "docs" / "survey.md").read_bytes()


@pytest.mark.parametrize(
    "name", ["memory_len, length 10", pytest.param("RepeatFirstEasy", marks=pytest.mark.slow)]
)
def test_the_numbers_of_the_documentation_are_measured(name):
    assert measured(TASKS[name]) == read(ROOT / "docs" / "survey.json")[name]


@pytest.mark.parametrize("decks", [1, 2])
def test_the_first_card_is_worth_what_counting_cards_says(decks):
    certificate = certify(RepeatFirst(decks), effort=Effort(restarts=1, iterations=30))
    # Naming the card in view is right in the first step; later one of its suit less is left than of others.
    cards = 52 * decks
    same = (1 + (cards - 2) * (13 * decks - 1) / (cards - 1)) / (cards - 1)
    other = (cards - 2) * 13 * decks / (cards - 1) / (cards - 1)
    best = 2 * max(same, other) - 1
    assert certificate.memoryless.episode_return.lower == pytest.approx(best)
    assert certificate.memoryless.episode_return.upper == pytest.approx(best), "nothing is gained by drawing"
    assert certificate.perfect_memory.episode_return.lower == pytest.approx(1)


def test_the_first_card_of_popgym_is_guessed_as_often():
    envs = pytest.importorskip("popgym.envs")
    env, rewards = envs.RepeatFirstEasy(), []
    seen, _ = env.reset(seed=0)
    for _ in range(200):
        over = False
        while not over:
            seen, reward, over, _, _ = env.step(int(seen))
            rewards.append(reward)
        seen, _ = env.reset()
    steps = np.array(rewards).reshape(200, 51)
    assert steps[:, 0].min() > 0, "the first card is in view"
    mean, spread = (steps[:, 1:] > 0).mean(), (0.25 * 0.75 / 200) ** 0.5
    assert abs(mean - 12 / 51) < 4 * spread


@pytest.mark.slow
def test_a_policy_found_without_memory_does_in_minigrid_what_the_table_says():
    pytest.importorskip("minigrid")
    env = gymnasium.make("MiniGrid-MemoryS7-v0")
    form = FiniteGym(env, horizon=245, clock="step_count", score="success")
    graph = enumerate_states(form)
    found = best_stochastic(graph, iterations=40, restarts=1, seed=1)
    number = {each: index for index, each in enumerate(graph.observations)}
    random, episodes, wins = np.random.default_rng(0), 100, 0
    observation, _ = env.reset(seed=0)
    for _ in range(episodes):
        over = False
        while not over:
            chances = found.policy[number[form.seen(observation)]]
            observation, reward, terminated, truncated, _ = env.step(int(random.choice(7, p=chances)))
            over = terminated or truncated
        wins += reward > 0
        observation, _ = env.reset()
    spread = (found.value * (1 - found.value) / episodes) ** 0.5
    assert found.value > 0.5 and abs(wins / episodes - found.value) < 4 * spread


def test_the_share_of_memory_has_the_ends_of_what_it_is_made_of():
    certificate = certify(TMaze(2), effort=QUICK)
    gain = certificate.perfect_memory.success.lower - certificate.random.success.lower
    assert share(certificate) == Bounds.exactly(0.5 / gain)
    assert share(certify(MemoryChain(3), effort=QUICK)) == Bounds.exactly(1.0)


def test_a_page_of_few_records_says_what_is_missing_and_what_was_refused():
    records = {"RepeatFirstEasy": Record(refused="it has too many states")}
    text = page(records)
    assert "- **RepeatFirstEasy** (POPGym): it has too many states." in text
    assert "Not measured yet: T-maze, length 10" in text


def test_what_cannot_be_enumerated_is_a_record():
    task = Task("CartPole", "Gymnasium", lambda: FiniteGym(gymnasium.make("CartPole-v1")))
    assert measured(task).refused.startswith("CartPole-v1 cannot be enumerated: on reset")


def test_the_command_measures_what_is_missing_and_writes_the_page(tmp_path, capsys):
    data, out = tmp_path / "survey.json", tmp_path / "survey.md"
    write({"RepeatFirstEasy": Record(refused="so")}, data)
    arguments = [
        "--json",
        str(data),
        "--page",
        str(out),
        "--tasks",
        "RepeatFirstEasy",
        "memory_len, length 10",
    ]
    assert main(arguments) == 0
    assert capsys.readouterr().out == "memory_len, length 10 ...\n"
    found = read(data)
    assert found["RepeatFirstEasy"].refused == "so" and found["memory_len, length 10"].memory_states == "2"
    assert out.read_text() == page(
        found
    ) and "| memory_len, length 10 | bsuite | success | 0.5 | 0.5 |" in page(found)


@pytest.mark.parametrize(
    "arguments, content, message",
    [
        (["--tasks", "T-maze"], None, "there is no task 'T-maze'"),
        ([], [], "must hold a JSON object"),
        ([], {"x": {}}, "x must hold certificate, memory_states and refused"),
        (["--page", "nowhere/at/all.md"], None, "folder that does not exist"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(arguments, content, message, tmp_path, capsys):
    data = tmp_path / "survey.json"
    if content is not None:
        data.write_text(json.dumps(content))
    assert main(["--json", str(data), *arguments]) == 2
    assert message in capsys.readouterr().err

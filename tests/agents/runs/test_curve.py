"""What the learning curve is drawn of, and when a success rate counts as reached."""

import pytest

from agents.runs import finishing
from agents.runs.command_line import parse
from agents.runs.curve import PAPER, published_points, reached
from memory_envs.registry.looks import LOOKS
from tests.support.small_run import ENV


def test_paper_is_drawn_only_beside_its_own_maze():
    assert published_points(ENV, {}) == published_points(ENV, {"size": 9}) == PAPER
    assert published_points(ENV, {"size": 11}) == published_points("MemoryEnvs/IMaze-15x15-v0", {}) == ()


def test_first_row_that_reaches_a_success():
    rows = [
        {"time/total_timesteps": "1000000", "time/training_seconds": "60"},
        {"time/total_timesteps": "2000000", "time/training_seconds": "90", "rollout/success_rate": "0.96"},
    ]
    assert reached(rows, 0.95, "frames") == 2.0
    assert reached(rows, 0.95, "minutes") == 1.5
    assert reached(rows, 0.99, "minutes") is None


def test_a_success_over_a_handful_of_episodes_reaches_nothing():
    rows = [
        {
            "time/total_timesteps": str(frames),
            "rollout/success_rate": "1.0",
            "rollout/episodes": episodes,
        }
        for frames, episodes in ((1000, "1"), (2000, "99"), (3000, "100"))
    ]
    assert reached(rows, 0.95, "frames") == 0.003


@pytest.mark.parametrize(("preset", "agent"), [("imaze/ppo", "ppo"), ("imaze/vmpo-gtrxl", "vmpo-gtrxl")])
def test_a_run_has_the_colour_of_its_agent(preset, agent):
    assert finishing._colour(parse(["--preset", preset])) == LOOKS[agent].colour

"""Watching and evaluating a trained actor: the numbers at the end, and clear refusals."""

import re
import shutil

import pytest

from agents.enjoy import __main__ as enjoy
from agents.enjoy import views
from agents.evaluation.episodes import FIRST_EVALUATION_SEED
from agents.runs.trained import load_trained
from agents.vec_env.make import make_lanes
from tests.support import foreign  # noqa: F401  (registers environments)
from tests.support.kinds import KINDS
from tests.support.small_run import ENV

SUMMARY = re.compile(r"success [01]\.\d{3} over (\d+) episodes, return -?[01]\.\d{3}")


def last_line(capsys):
    return capsys.readouterr().out.strip().splitlines()[-1]


def test_headless_evaluates_many_episodes(run, capsys):
    assert enjoy.main([str(run), "--headless"]) == 0
    assert SUMMARY.fullmatch(last_line(capsys)).group(1) == "1000"


def test_same_seed_says_the_same_and_another_seed_does_not(run, capsys):
    said = []
    for seed in ("1", "1", "2"):
        enjoy.main([str(run), "--headless", "--episodes", "100", "--seed", seed])
        said.append(last_line(capsys))
    assert said[0] == said[1] != said[2]


def test_model_file_is_enough_inside_its_run(run, capsys):
    [checkpoint] = (run / "checkpoints").iterdir()
    for file in (run / "model.zip", checkpoint):
        assert enjoy.main([str(file), "--headless", "--episodes", "3"]) == 0
        assert SUMMARY.fullmatch(last_line(capsys))


def test_run_without_a_final_model_shows_its_latest_checkpoint(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "model.zip").unlink()
    assert enjoy.main([str(tmp_path / "run"), "--headless", "--episodes", "3"]) == 0
    assert SUMMARY.fullmatch(last_line(capsys))


def test_lone_model_file_needs_an_environment(run, tmp_path, capsys):
    file = shutil.copy(run / "model.zip", tmp_path / "lone.zip")
    assert enjoy.main([str(file), "--headless"]) == 2
    assert "give --env" in capsys.readouterr().err
    maze = ["--env", ENV, "--env-kwargs", '{"size": 7, "view_size": 1}']
    assert enjoy.main([str(file), "--headless", "--episodes", "2", *maze]) == 0


def test_interrupt_counts_the_episodes_that_were_finished(run, capsys):
    trained = load_trained(run)

    class Impatient(views.View):
        rests = 0

        def rest(self):
            self.rests += 1
            if self.rests == 2:
                raise KeyboardInterrupt

    assert enjoy.watch(trained, Impatient("ansi"), episodes=9).episodes == 2


def test_interrupt_before_the_first_episode_is_an_interrupt(run, monkeypatch):
    def interrupt(self, env):
        raise KeyboardInterrupt

    monkeypatch.setattr(views.TextView, "frame", interrupt)
    assert enjoy.main([str(run), "--ansi"]) == 130


def test_deterministic_and_sampled_actions_differ(run):
    """The greedy action of an untrained actor hardly changes; sampled ones do."""
    trained, played = load_trained(run), {}
    for deterministic in (True, False):
        env = enjoy.make_single(trained.env_id, trained.env_kwargs)
        with enjoy.acting(0):
            episode = enjoy.play(trained.model, env, deterministic=deterministic, seed=FIRST_EVALUATION_SEED)
        played[deterministic] = [int(action) for action in episode.actions]
    assert len(set(played[False])) == 3
    assert played[True] != played[False][: len(played[True])]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--headless", "--ansi"], "not allowed with"),
        (["--deterministic", "--stochastic"], "not allowed with"),
        (["--episodes", "0"], "must be an integer of at least 1, got '0'"),
        (["--seed", "-1"], "must be an integer from 0"),
        (["--env-kwargs", "size=5"], "must be a JSON object, got 'size=5'"),
    ],
)
def test_wrong_options_are_refused(run, arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        enjoy.main([str(run), *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "CartPole-v1"], "the model was trained with the observation_space"),
        (["--env", "MemoryEnvs/IMase-v0"], "IMaze"),
    ],
)
def test_environments_that_do_not_fit_are_refused(run, arguments, message, capsys):
    assert enjoy.main([str(run), "--headless", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_actor_that_ships_plays_at_once(capsys):
    assert enjoy.main(["--pretrained", "imaze/ald", "--headless", "--episodes", "20"]) == 0
    compared, told = capsys.readouterr().out.strip().splitlines()[-2:]
    assert SUMMARY.fullmatch(told).group(1) == "20"
    assert compared.endswith(" · random .036 · without memory .5 · perfect memory 1")
    assert enjoy.main(["--pretrained", "imaze/ald", "--ansi", "--episodes", "1"]) == 0
    assert last_line(capsys) == "success 1.000 over 1 episodes, return 1.000"


def test_actor_that_ships_plays_in_another_maze(capsys):
    larger = ["--env", "MemoryEnvs/IMaze-15x15-v0"]
    assert enjoy.main(["--pretrained", "imaze/ald", "--headless", "--episodes", "3", *larger]) == 0
    assert SUMMARY.fullmatch(last_line(capsys)).group(1) == "3"


def test_unknown_actors_are_answered_with_those_that_ship(run, capsys):
    assert enjoy.main(["--pretrained", "imaze/adl", "--headless"]) == 2
    assert "no pretrained actor 'imaze/adl', did you mean 'imaze/ald'?" in capsys.readouterr().err
    for neither_or_both in ([], [str(run), "--pretrained", "imaze/ald"]):
        assert enjoy.main(neither_or_both) == 2
        assert "give RUN_DIR, or --pretrained and the name of a shipped actor" in capsys.readouterr().err


def test_paths_that_lead_nowhere_are_refused(tmp_path, capsys):
    assert enjoy.main([str(tmp_path / "nowhere"), "--headless"]) == 2
    assert "no run directory and no model file" in capsys.readouterr().err
    assert enjoy.main([str(tmp_path), "--headless"]) == 2
    assert "is not a run directory" in capsys.readouterr().err
    (tmp_path / "model.zip").write_bytes(b"not a model")
    assert enjoy.main([str(tmp_path / "model.zip"), "--headless", "--env", ENV]) == 2
    assert "cannot be loaded" in capsys.readouterr().err


def test_a_view_that_the_environment_does_not_render_is_refused_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    KINDS["ald"].model(make_lanes("Foreign/Vector-v0", 1)).save(tmp_path / "foreign")
    KINDS["ald"].model(make_lanes("CartPole-v1", 1)).save(tmp_path / "cartpole")
    for name, env_id, view, modes in (
        ("cartpole", "CartPole-v1", ["--ansi"], "human, rgb_array"),
        ("foreign", "Foreign/Vector-v0", ["--ansi"], "rgb_array"),
    ):
        arguments = [str(tmp_path / f"{name}.zip"), "--env", env_id, "--episodes", "1"]
        assert enjoy.main([*arguments, *view]) == 2
        message = capsys.readouterr().err
        assert message.startswith(f"error: {env_id} renders {modes}, not ") and message.count("\n") == 1
        assert "--gif FILE or --headless" in message
        assert enjoy.main([*arguments, "--headless"]) == 0
    assert enjoy.main([*arguments, "--gif", str(tmp_path / "shown.gif")]) == 0
    assert "frames in" in capsys.readouterr().out

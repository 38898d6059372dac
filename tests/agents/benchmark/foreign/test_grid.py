"""The bench of other people's tasks, through its command."""

import importlib.util
import json

import pytest

from agents.benchmark.__main__ import main
from agents.benchmark.foreign.contestants import CONTESTANTS, NUM_ENVS
from agents.benchmark.foreign.grid import estimated_hours, make_cells
from agents.benchmark.foreign.records import Records, read_records, write_records
from agents.benchmark.foreign.tasks import TASKS
from agents.runs.command_line import parse
from agents.runs.options import Options
from tests.support.small_benchmark import write_run

FEW = ("--total-timesteps", "300", "--evaluation-episodes", "3")


def arguments(cell):
    """Of the training program, which the first three words are."""
    return cell.command()[3:]


def test_every_agent_has_its_defaults_and_the_same_lanes(tmp_path):
    cells = make_cells([TASKS["CartPole"]], list(CONTESTANTS.values()), [0], tmp_path)
    options = {cell.preset.name.rpartition("/")[2]: parse(arguments(cell)) for cell in cells}
    for name, given in options.items():
        assert given.run.num_envs == NUM_ENVS and given.run.env == TASKS["CartPole"].env
        defaults = Options.of_agent(given.agent).config
        same = defaults.to_dict() | (
            {"n_steps": 128, "batch_size": 64} if name in ("ppo", "ppo-stack") else {}
        )
        assert given.config.to_dict() == same, name
    assert json.loads(options["ppo-stack"].run.env_kwargs) == {"stack": 4}
    frames = {name: given.run.total_timesteps for name, given in options.items()}
    assert frames.pop("random") == 2048 and set(frames.values()) == {TASKS["CartPole"].frames}


def test_the_whole_bench_takes_some_seven_hours_of_one_core(tmp_path):
    cells = make_cells(list(TASKS.values()), list(CONTESTANTS.values()), range(5), tmp_path)
    assert len({cell.run.path for cell in cells}) == len(TASKS) * len(CONTESTANTS) * 5
    assert 6 < estimated_hours(cells) < 8
    assert [cell.seed for cell in cells] == sorted(cell.seed for cell in cells)


def test_cells_that_no_table_has_are_run_resumed_and_not_confused(tmp_path):
    [cell] = make_cells([TASKS["TMaze10"]], [CONTESTANTS["ald"]], [2], tmp_path, 640, ["--num-threads", "1"])
    cell.check()
    cell.run.checkpoints.mkdir(parents=True)
    (cell.run.checkpoints / "000000000640.zip").touch()
    cell.run.write_config(parse(arguments(cell)).to_dict())
    cell.check()
    assert cell.state() == "broken off" and "--trust-env-module" in arguments(cell)
    cell.run.write_config(parse(["--env", "CartPole-v1", "--run-dir", "x"]).to_dict())
    with pytest.raises(
        ValueError, match="another experiment than foreign/TMaze10/ald is now: env is 'CartPole"
    ):
        cell.check()


def test_two_cells_are_run_collected_and_made_a_page_of(tmp_path, capfd):
    folder, out = tmp_path / "runs", tmp_path / "docs" / "foreign.json"
    out.parent.mkdir()
    bench = ["foreign", "--tasks", "MemoryChain10", "--agents", "ppo-stack", "random", "--seeds", "1"]
    bench += [*FEW, "--folder", str(folder)]
    assert main(bench) == 0
    told = capfd.readouterr().out
    assert "1 tasks x 2 agents x 1 seeds: 0.0 M frames, about 0.0" in told and "2 of 2 runs to do" in told
    assert main(bench) == 0
    assert "0 of 2 runs to do" in capfd.readouterr().out
    assert main(["foreign-collect", str(folder), "--out", str(out)]) == 0
    assert main(["foreign-page", str(out)]) == 0
    ppo, chance = read_records(out).runs
    assert (ppo.task, ppo.agent, ppo.frames, ppo.episodes) == ("MemoryChain10", "ppo-stack", 2048, 3)
    assert chance.agent == "random" and -1 <= chance.sampled <= 1 and ppo.cpu_seconds > 0
    assert ppo.curve.frames == [2048] and len(ppo.curve.returns) == 1
    saved = json.loads((folder / "foreign-MemoryChain10-ppo-stack-s0" / "evaluation.json").read_text())
    assert ppo.greedy == pytest.approx(saved["deterministic"]["mean_return"]["mean"], rel=1e-5)
    assert f"| MemoryChain10 | {chance.sampled:.3f} | 1 | — | — | {ppo.sampled:.3f} | — | — |" in (
        out.with_suffix(".md").read_text()
    )
    # Those of one folder, beside what the file held; the other way round nothing is written.
    assert main(["foreign-collect", str(folder), "--out", str(out), "--add"]) == 2
    assert "there are several MemoryChain10/ppo-stack/0" in capfd.readouterr().err
    write_records(Records(["Earlier."], [ppo]), out)
    chance_run = folder / "foreign-MemoryChain10-random-s0"
    assert main(["foreign-collect", str(chance_run), "--out", str(out), "--add"]) == 0
    added = read_records(out)
    assert added.runs == [ppo, chance] and added.made_with[0] == "Earlier." and len(added.made_with) == 2


@pytest.fixture
def no_minigrid(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "minigrid" else find(name, *more)
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--tasks", "MemoryS7"],
            'MemoryS7 needs minigrid, which is not installed: pip install "memory-envs[f',
        ),
        (["--tasks", "CartPol"], "there is no task 'CartPol', did you mean 'CartPole'"),
        (["--tasks", "CartPole", "CartPole"], "--tasks must name each once, got CartPole more than once"),
        (["--agents", "dqn"], "there is no agent 'dqn'"),
        (["--agents", "ald", "ald"], "--agents must name each once, got ald"),
        (["--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["--jobs", "0"], "--jobs must be at least 1, got 0"),
        (["--tasks", "CartPole", "--total-timesteps", "0"], "--total-timesteps must be at least 1, got 0"),
    ],
)
def test_wrong_benches_are_refused_before_anything_is_made(given, message, no_minigrid, tmp_path, capsys):
    assert main(["foreign", *given, "--folder", str(tmp_path / "runs")]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "runs").exists()


def test_what_is_not_installed_is_left_out_in_a_sentence(no_minigrid, tmp_path, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr("agents.benchmark.__main__._run_alone", lambda cells, *rest: ran.extend(cells) or 0)
    assert main(["foreign", "--seeds", "1", "--folder", str(tmp_path / "runs")]) == 0
    told = capsys.readouterr().out
    assert "Left out: DoorKey needs minigrid, which is not installed: pip install" in told
    tasks = {cell.preset.name.split("/")[1] for cell in ran}
    assert tasks == {task.name for task in TASKS.values() if task.library is None or task.is_installed}
    assert "MemoryS7" not in tasks and "RepeatPreviousEasy" in tasks


def of_another_task(run):
    return "which is no task of agents.benchmark.foreign"


def of_another_agent(run):
    config = json.loads((run / "config.json").read_text())
    config["run"] |= {"env": TASKS["CartPole"].env, "env_kwargs": '{"stack": 9}'}
    (run / "config.json").write_text(json.dumps(config))
    return "which is no contestant: ald, "


def not_evaluated_greedily(run):
    config = json.loads((run / "config.json").read_text())
    config["run"]["env"] = TASKS["CartPole"].env
    (run / "config.json").write_text(json.dumps(config))
    evaluation = json.loads((run / "evaluation.json").read_text())
    del evaluation["deterministic"]
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    return "has no evaluation of deterministic actions"


def not_finished(run):
    (run / "evaluation.json").unlink()
    return "has come to its total and been evaluated"


@pytest.mark.parametrize(
    "change",
    [of_another_task, of_another_agent, not_evaluated_greedily, not_finished],
    ids=lambda x: x.__name__,
)
def test_runs_that_are_none_of_the_bench_are_refused(change, tmp_path, capsys):
    run = write_run(tmp_path / "runs", "imaze/ald", 0, [0.5])
    message = change(run)
    assert main(["foreign-collect", str(run), "--out", str(tmp_path / "foreign.json")]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "foreign.json").exists()

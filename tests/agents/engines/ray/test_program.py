"""The training program with the Ray engine: stopped, killed, resumed, and nothing left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runs.directory import RunDirectory
from agents.runs.log import read_rows
from agents.sb3 import checkpoint
from tests.support.processes import alive, listening, ray_session, shared_files, wait_until, workers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SMALL = [
    *("--env", "MemoryEnvs/IMaze-v0", "--num-envs", "4", "--unroll-length", "8", "--learner-layers", "1"),
    *("--learner-width", "16", "--learner-heads", "2", "--learner-mlp-width", "16", "--learner-memory", "8"),
    *("--replay-size", "3", "--num-threads", "1", "--evaluation-episodes", "4", "--device", "cpu"),
]
UNROLL = 4 * 8
# Ray's own servants look only now and then whether their node is still there.
GONE_AFTER = 90.0


class Program:
    """The program in a session of its own, as in a terminal."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "agents.train", *arguments]
        self.process = subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def until_it_learns(self) -> set[int]:
        """Wait for its distiller to be at work; return all processes of Ray."""
        assert wait_until(lambda: bool(workers("DistillerWorker", self.process.pid)), 90)
        time.sleep(3)
        return ray_session(self.process.pid)

    def end(self) -> tuple[int, str]:
        """Wait for it; return its status and what it wrote."""
        output, _ = self.process.communicate(timeout=240)
        return self.process.returncode, output


@pytest.fixture(autouse=True)
def nothing_in_shared_memory_is_left() -> Iterator[None]:
    """Whatever happened."""
    before = shared_files()
    yield
    assert wait_until(lambda: shared_files() <= before)


def train(folder: Path, unrolls: int, *more: str) -> Program:
    run = ("--run-dir", str(folder), "--total-timesteps", str(unrolls * UNROLL))
    return Program(*SMALL, *run, "--engine", "ray", *more)


def frames(folder: Path) -> int:
    return int(RunDirectory(folder).latest_checkpoint().stem)


def test_success_leaves_a_whole_run_directory_and_no_process(tmp_path: Path) -> None:
    program = train(tmp_path / "run", 400, "--num-actors", "2", "--num-distillers", "2", "--log-every", "10")
    rays = program.until_it_learns()
    addresses = listening(rays)
    assert addresses and all(address.endswith("0100007F") for address in addresses)  # 127.0.0.1
    status, output = program.end()
    assert status == 0, output
    assert wait_until(lambda: not alive(rays), GONE_AFTER)
    rows = read_rows(tmp_path / "run" / "progress.csv")
    assert [int(row["time/total_timesteps"]) for row in rows] == [10 * UNROLL * (k + 1) for k in range(40)]
    assert float(rows[-1]["queue/policy_lag"]) >= 0
    assert (tmp_path / "run" / "evaluation.json").exists()


def test_an_interrupted_run_goes_on_with_other_numbers_of_processes_and_with_none(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    program = train(folder, 1_000_000)
    rays = program.until_it_learns()
    os.killpg(program.process.pid, signal.SIGINT)  # as the terminal does, to all that run in it
    status, output = program.end()
    assert status == 130 and "Resume with:" in output, output
    assert wait_until(lambda: not alive(rays), GONE_AFTER)
    reached = frames(folder)
    assert reached > 0
    for more in (("--num-actors", "2"), ("--engine", "serial")):
        reached += 10 * UNROLL
        total = ("--total-timesteps", str(reached))
        status, output = Program("--resume", str(folder), *total, *more).end()
        assert status == 0 and frames(folder) == reached, output


def test_a_run_whose_driver_is_killed_ten_times_resumes_each_time(tmp_path: Path) -> None:
    folder, chance = tmp_path / "run", random.Random(0)
    program = train(folder, 1_000_000, "--checkpoint-every", str(5 * UNROLL))
    reached, rays = 0, set[int]()
    for _ in range(10):
        rays |= program.until_it_learns()
        assert wait_until(lambda: any((folder / "checkpoints").glob("[0-9]*.zip")), 60)
        time.sleep(chance.uniform(0, 2))
        busy = ray_session(program.process.pid, but="Agent")
        assert len(busy) >= 4  # store, node, actor, distiller
        program.process.kill()
        program.end()
        assert wait_until(lambda busy=busy: not alive(busy), 10)  # type: ignore[misc]
        assert frames(folder) >= reached
        reached = frames(folder)
        checkpoint.load(RunDirectory(folder).latest_checkpoint())
        program = Program("--resume", str(folder))
    program.until_it_learns()
    os.kill(program.process.pid, signal.SIGTERM)
    status, output = program.end()
    assert status == 130 and frames(folder) > reached, output
    assert wait_until(lambda: not alive(rays), GONE_AFTER)


def test_an_environment_that_raises_leaves_a_file_that_says_where(tmp_path: Path) -> None:
    module = tmp_path / "fragile_cue.py"
    module.write_text(
        "import gymnasium\n"
        "from tests.support.ray_models import Fragile\n"
        "class Breaks(Fragile):\n"
        "    def __init__(self): super().__init__(60, 'raise')\n"
        "gymnasium.register('BreaksCue-v0', Breaks)\n"
    )
    folder = tmp_path / "run"
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{os.getcwd()}"
    try:
        program = train(folder, 100, "--env", "fragile_cue:BreaksCue-v0")
        status, output = program.end()
    finally:
        os.environ["PYTHONPATH"] = before
    assert status == 1 and "the cue is gone" in output and "fragile_cue" not in output.splitlines()[-1]
    kept = json.loads((folder / "environment_failed.json").read_text())
    assert kept["env"] == "fragile_cue:BreaksCue-v0"
    [lane] = kept["lanes"]
    assert lane["lane"] == 0 and lane["seed"] == 0 and len(lane["actions"]) == 2

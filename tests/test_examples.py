"""The examples run, and what they say is what is found."""

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from memory_envs import certify
from memory_envs.certificate import Bounds, Effort
from tests.support import ROOT

EXAMPLES = ROOT / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_users_own_maze_needs_memory_until_it_is_spoilt(capsys):
    own = example("certify_own_environment")
    assert certify(own.TMaze()).proved
    assert not certify(own.TMaze(arrow_at_the_junction=True)).memory_required
    own.main()
    assert capsys.readouterr().out.count("memory required: ") == 2


def test_without_minigrid_its_example_says_so(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "minigrid", None)
    assert example("certify_minigrid").main() == 1
    assert "pip install minigrid" in capsys.readouterr().err


@pytest.mark.filterwarnings("default")
@pytest.mark.slow
@pytest.mark.parametrize("size, without", [(7, 0.976), (9, 0.984)])
def test_minigrids_memory_tasks_are_one_half_for_fixed_choices_and_more_for_drawn_ones(size, without):
    pytest.importorskip("minigrid")
    task = example("certify_minigrid").MiniGridMemory(f"MiniGrid-MemoryS{size}-v0")
    certificate = certify(task, effort=Effort(restarts=1))
    assert certificate.deterministic.success == Bounds.exactly(0.5)
    assert certificate.memoryless.success.lower == pytest.approx(without, abs=0.002)
    assert certificate.perfect_memory.success == Bounds.exactly(1.0)
    assert certificate.leaks and not certificate.memory_required
    counts = task.start_counts.values()
    assert max(counts) - min(counts) < 6 * max(counts) ** 0.5


def test_the_scale_of_rewards_is_drawn_and_gone_on_with(tmp_path, capsys):
    out = tmp_path / "scale.svg"
    few = example("scale_of_rewards")
    assert few.main(["--frames", "3000", "--seeds", "1", "--out", str(out)]) == 0
    assert out.stat().st_size > 5_000
    first = capsys.readouterr().out
    assert few.main(["--frames", "3000", "--seeds", "1", "--out", str(out)]) == 0
    assert "seed" in first and "seed" not in capsys.readouterr().out


def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch, one_thread):
    """With little training; a cell's last value is shown by a notebook, and not looked at here."""
    content = json.loads((EXAMPLES / "first_steps.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in content["cells"] if cell["cell_type"] == "code")
    install, *code = cells
    assert install.splitlines()[-1] == '%pip install --quiet "memory-envs[agents]"'
    shown = SimpleNamespace(Image=lambda path: Path(path).stat().st_size)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=shown))
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    monkeypatch.chdir(tmp_path)
    found = {}
    for cell in code:
        assert ("FRAMES = 500_000" in cell) == ("model.learn" in cell)
        few = cell.replace("FRAMES = 500_000", "FRAMES = 1_000").replace("progress_bar=True", "")
        exec(compile(few, "first_steps.ipynb", "exec"), found)
    assert found["rates"]["memoryless"] == pytest.approx(0.5, abs=0.1)
    assert found["rates"]["perfect_memory"] == 1.0 and found["shipped_return"] == 1.0
    assert found["certificate"].proved and found["score"] < 0.5
    assert (tmp_path / "episode.gif").stat().st_size > 1_000

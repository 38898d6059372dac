"""A device that is not there is refused in one sentence, before anything is done."""

import subprocess
import sys

import pytest
import torch

from agents.enjoy.__main__ import main as enjoy
from agents.process.devices import checked_device
from agents.train import main as train
from tests.support import ROOT


@pytest.mark.parametrize("name", ["bogus", "mps", "xpu", "meta", "cuda:x", "cuda:-1", "", "cpu:1:2", "gpu"])
def test_names_of_no_device_are_refused_with_the_choices(name):
    with pytest.raises(ValueError, match=f"device must be auto, cpu, cuda or cuda:N.*, got {name!r}"):
        checked_device(name)


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_what_is_always_there_is_taken(name):
    assert checked_device(name) == name


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    for name in ("cuda", "cuda:0", "cuda:3"):
        with pytest.raises(ValueError, match=f"torch finds no GPU here, got {name!r}"):
            checked_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [checked_device(name) for name in ("cuda", "cuda:0", "cuda:1")] == ["cuda", "cuda:0", "cuda:1"]
    with pytest.raises(ValueError, match="from cuda:0 to cuda:1, got 'cuda:3'"):
        checked_device("cuda:3")


@pytest.mark.parametrize("name", ["bogus", "mps", "xpu", "cuda:99"])
def test_programs_refuse_it_and_leave_nothing_behind(name, tmp_path, capsys):
    run = tmp_path / "run"
    arguments = ["--preset", "imaze/ald", "--run-dir", str(run), "--device", name, "--total-timesteps", "64"]
    assert train(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not run.exists()
    assert enjoy(["--pretrained", "imaze/ald", "--headless", "--episodes", "1", "--device", name]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: device must be") and message.count("\n") == 1


@pytest.mark.slow
def test_the_command_prints_no_traceback(tmp_path):
    command = [sys.executable, "-m", "agents.train", "--preset", "imaze/ald", "--device", "bogus"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr

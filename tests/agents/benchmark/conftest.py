"""A small benchmark, and the raw data collected of it."""

import pytest

from agents.benchmark.collect import collect
from agents.results.acting import StepTime, write_acting
from tests.support.small_benchmark import write_benchmark


@pytest.fixture
def folder(tmp_path):
    return write_benchmark(tmp_path / "runs")


@pytest.fixture
def raw(folder, tmp_path):
    collect(folder, tmp_path / "raw", acting=False)
    write_acting(tmp_path / "raw", {"imaze/ald": {1: StepTime(120.0, 1.0), 64: StepTime(250.0, 1.0)}})
    return tmp_path / "raw"

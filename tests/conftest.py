"""What the tests of several files ask for."""

from __future__ import annotations

import importlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from agents.process import torch_modes as processor
from agents.process.interrupts import SIGNALS
from tests.support import ROOT

if TYPE_CHECKING:
    from tests.support.small_report import SmallReport


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: faster on small tensors, and other tests are not slowed down."""
    with processor.one_thread():
        yield


@pytest.fixture
def signals_by_default() -> Iterator[None]:
    """The default handling of signals, of which `nohup`, if the tests run behind it, ignores one."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS if number != signal.SIGINT}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def docs_extension(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """What imports a module of the site's own by its name."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    return importlib.import_module


@pytest.fixture(scope="session")
def small_report(tmp_path_factory: pytest.TempPathFactory) -> SmallReport:
    """Runs, and the report of them."""
    from tests.support.small_report import SmallReport  # here, as it imports all of the agents

    return SmallReport.made_in(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run that was not interrupted, for reading alone."""
    from tests.support.small_run import UNROLLS, run_small

    folder: Path = tmp_path_factory.mktemp("runs") / "whole"
    assert run_small(folder, UNROLLS) == 0
    return folder


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pictures and the evaluation at the end, which take longer than training for a moment."""
    from agents import train

    monkeypatch.setattr(train, "finish", lambda *arguments: None)

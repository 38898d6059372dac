"""What the tests of several files ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from agents import processor

if TYPE_CHECKING:
    from tests.small_report import SmallReport


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: faster on small tensors, and other tests are not slowed down."""
    with processor.one_thread():
        yield


@pytest.fixture(scope="session")
def small_report(tmp_path_factory: pytest.TempPathFactory) -> SmallReport:
    """Runs, and the report of them."""
    from tests.small_report import SmallReport  # here, as it imports all of the agents

    return SmallReport.made_in(tmp_path_factory.mktemp("report"))

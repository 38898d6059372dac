"""What the tests of several files ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agents import processor


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: faster on small tensors, and other tests are not slowed down."""
    with processor.one_thread():
        yield

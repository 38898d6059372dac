"""The run that is watched."""

import pytest


@pytest.fixture
def run(small_run):
    """A run in a maze of 5x5, seen through a keyhole, with short episodes."""
    return small_run

"""What produced a result is known, or None."""

import json

import pytest

from agents.process import provenance
from agents.process.provenance import LIBRARIES, allowed_threads


def test_versions_machine_and_revision_are_plain_values():
    found = provenance.provenance()
    assert json.loads(json.dumps(found)) == found
    assert set(found["libraries"]) == set(LIBRARIES) and found["libraries"]["torch"]
    assert found["cores"] >= 1


def test_outside_a_checkout_the_revision_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.provenance()["git"] is None


@pytest.mark.parametrize(("value", "threads"), [("3", 3), ("0", None), ("2,1", None), ("", None)])
def test_threads_that_the_environment_allows(value, threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert allowed_threads() == threads

"""What produced a result is known, or None."""

import json
import re
import subprocess

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


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"])
def test_variables_of_another_repository_change_nothing(variable, tmp_path, monkeypatch):
    """As they are set while a hook of another repository runs."""
    repositories = [tmp_path / name for name in ("ours", "other")]
    for folder in repositories:
        folder.mkdir()
        (folder / "file").write_text(folder.name)
        for command in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "one"]):
            author = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
            subprocess.run(["git", *author, *command], cwd=folder, check=True)
    monkeypatch.setattr(provenance, "ROOT", repositories[0])
    known = provenance.provenance()["git"]
    assert re.fullmatch("[0-9a-f]{40}", known)
    git = repositories[1] / ".git"
    places = {"GIT_WORK_TREE": repositories[1], "GIT_INDEX_FILE": git / "index"}
    monkeypatch.setenv(variable, str(places.get(variable, git)))
    assert provenance.provenance()["git"] == known

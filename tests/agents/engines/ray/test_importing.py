"""Ray is imported when its engine is asked for, and not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agents.engines.ray import RaySettings, import_ray


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"memory-envs\[distributed\]"):
        import_ray(RaySettings())


@pytest.mark.slow
def test_ray_is_imported_by_its_engine_alone() -> None:
    code = (
        "import sys, agents.ald.train, agents.runs.session, agents.vec_env.remote; "
        "sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""A user's own registry.py, agents.py and tests.py stand in nobody's way, and old names go on working."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

OWN = {"registry.py": "NAME = 'mine'\n", "agents.py": "NAME = 'mine'\n", "tests.py": "NAME = 'mine'\n"}
SUITE = """
import sys
import gymnasium, memory_envs, registry, tests
from memory_envs.registry.envs import ENVS
from memory_envs.policies.reference import reference_policy
from memory_envs.replay import record
env = gymnasium.make(ENVS[0].id)
record(env, reference_policy("optimal", env), seed=0)
assert registry.NAME == tests.NAME == "mine"
import agents
assert agents.NAME == "mine"
print("plays")
"""


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """A folder of somebody who calls files as everybody does."""
    folder = tmp_path / "user"
    folder.mkdir()
    for name, text in OWN.items():
        (folder / name).write_text(text)
    return folder


def python(*arguments: str, cwd: Path, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A process to which the packages of a checkout are known, as after `export PYTHONPATH=...`."""
    environment = os.environ | {"PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONSAFEPATH", None)
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("form", ["script", "-c", "script elsewhere"])
def test_the_suite_plays_beside_files_of_any_name(user: Path, tmp_path: Path, form: str) -> None:
    (user / "train.py").write_text(SUITE)
    if form == "-c":
        done = python("-c", SUITE, cwd=user)
    else:
        done = python(str(user / "train.py"), cwd=user if form == "script" else tmp_path)
    assert done.stdout == "plays\n", done.stderr


def test_the_order_of_imports_does_not_matter(user: Path) -> None:
    for first, then in (("registry", "memory_envs"), ("memory_envs", "registry")):
        done = python(
            "-c", f"import {first}, {then}\nassert registry.NAME == 'mine'; print('both')", cwd=user
        )
        assert done.stdout == "both\n", done.stderr


def test_agents_that_are_hidden_by_another_package_are_named_with_it(user: Path) -> None:
    (user / "agents.py").unlink()
    (user / "agents").mkdir()
    (user / "agents/__init__.py").write_text("NAME = 'mine'\n")
    done = python("-c", "import memory_envs\nfrom agents.ald import ALD", cwd=user)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: agents.ald is hidden")
    assert str(user / "agents/__init__.py") in last and str(ROOT / "agents") in last


def test_the_command_runs_programs_beside_files_of_any_name(user: Path) -> None:
    """As the script that is installed does: its own folder is first on the path, not that of the user."""
    scripts = user.parent / "bin"
    scripts.mkdir()
    script = scripts / "memory-envs"
    script.write_text("import sys\nfrom memory_envs.programs import main\nsys.exit(main())\n")
    done = python(str(script), "pretrained", cwd=user)
    assert done.returncode == 0 and done.stdout.startswith("imaze/ald: return"), done.stderr
    assert python(str(script), "certificate", "--help", cwd=user).returncode == 0
    assert python(str(script), "train", "--preset", "none", cwd=user).returncode == 2
    unknown = python(str(script), "fly", cwd=user)
    assert unknown.returncode == 2 and "invalid choice: 'fly'" in unknown.stderr


def test_the_command_says_which_agents_hide_its_own(user: Path) -> None:
    done = python("-m", "memory_envs.programs", "train", "--help", cwd=user)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert str(user / "agents.py") in done.stderr and str(ROOT / "agents") in done.stderr


def test_the_former_name_of_the_registry_is_this_one(tmp_path: Path) -> None:
    text = "import {first}\nimport registry.presets, registry\nimport memory_envs.registry.presets as own\n"
    text += (
        "assert registry.presets is own and registry.presets.PRESETS is own.PRESETS, registry\nprint('one')"
    )
    for first, cwd in (("sys", ROOT), ("memory_envs", ROOT), ("memory_envs", tmp_path)):
        done = python("-c", text.format(first=first), cwd=cwd)
        assert done.stdout == "one\n", done.stderr
    warned = python("-W", "error", "-c", "import registry", cwd=ROOT)
    assert "DeprecationWarning: registry is now memory_envs.registry" in warned.stderr


def test_what_was_pickled_under_the_former_name_is_read(tmp_path: Path) -> None:
    from memory_envs.registry.presets import get_preset

    content = pickle.dumps(get_preset("imaze/ald"), protocol=0).replace(
        b"cmemory_envs.registry", b"cregistry"
    )
    assert b"cregistry.presets" in content
    (tmp_path / "old.pkl").write_bytes(content)
    text = "import memory_envs, pickle; print(pickle.load(open('old.pkl', 'rb')).name)"
    done = python("-c", text, cwd=tmp_path)
    assert done.stdout == "imaze/ald\n", done.stderr


@pytest.mark.slow
def test_archive_and_wheel_hold_the_registry_once_and_install(user: Path, tmp_path: Path) -> None:
    """Built as it is published: from what git has, the wheel from the source archive."""
    source = tmp_path / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name, follow_symlinks=False)
    build = ["-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(source)]
    done = python(*build, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    installed = tmp_path / "installed"
    [wheel] = (tmp_path / "dist").glob("*.whl")
    shutil.unpack_archive(wheel, installed, "zip")
    assert (installed / "memory_envs/registry/envs.py").is_file() and not (installed / "registry").exists()
    assert python("-c", SUITE, cwd=user, path=installed).stdout == "plays\n"

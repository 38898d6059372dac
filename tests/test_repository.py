"""What the repository says about itself: in its README, its documents and its packaging."""

import configparser
import importlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from memory_envs.registry.presets import PRESETS
from tests.support import ROOT

PACKAGES = ("registry", "memory_envs", "agents")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in path.parts]
PAGES = [ROOT / "README.md", *DOCS]

# An example, and the output that stands right below it where one does.
EXAMPLE = re.compile(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", re.S)

setup = configparser.ConfigParser()
setup.read(ROOT / "setup.cfg", encoding="utf-8")


def requirements() -> Iterator[Requirement]:
    """Every requirement of setup.cfg that is not one of its own extras."""
    fields = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    for line in "\n".join(fields).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            requirement = Requirement(line)
            if requirement.name != setup["metadata"]["name"]:
                yield requirement


def pins() -> dict[str, str]:
    """Normalised name -> pinned version, from constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = (Requirement(line) for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pinned}


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def stories() -> Iterator[Any]:
    """Examples that run one after the other: each of the README alone, those of any other page together."""
    for number, example in enumerate(EXAMPLE.findall(README)):
        yield pytest.param([example], id=f"README.md-{number}")
    for page in DOCS:
        if examples := EXAMPLE.findall(page.read_text(encoding="utf-8")):
            yield pytest.param(examples, id=page_name(page))


def tracked_files() -> list[Path]:
    """What git would put into a clone."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_one_version_everywhere():
    version = setup["metadata"]["version"]
    assert importlib.metadata.version(setup["metadata"]["name"]) == version
    assert re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M).group(1) == version
    assert f"version = {{{version}}}" in (ROOT / "docs" / "citing.md").read_text()
    for package in ("memory_envs.registry", "memory_envs", "agents"):
        assert getattr(importlib.import_module(package), "__version__", version) == version


@pytest.mark.parametrize("requirement", list(requirements()), ids=lambda requirement: requirement.name)
def test_each_requirement_is_pinned_within_its_range(requirement):
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_ship_their_types(package):
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_of_code_is_a_package(package):
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert {folder for folder in folders if not (folder / "__init__.py").is_file()} == set()


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_to_files(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_paths_in_code_font_exist(page):
    paths = re.findall(rf"`((?:{'|'.join(PACKAGES)}|tests|docs)/[\w./]*)`", page.read_text(encoding="utf-8"))
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_commands_of_the_readme_name_modules_that_exist():
    modules = set(re.findall(r"python -m ([\w.]+)", README))
    assert {"agents.train", "agents.enjoy", "memory_envs.benchmark"} <= modules
    assert {module for module in modules if importlib.util.find_spec(module) is None} == set()


def test_presets_of_the_readme_and_the_makefile_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"--preset ([\w/-]+)", README)) | set(
        re.findall(r"^PRESET := (.+)$", makefile, re.M)
    )
    assert named and named <= set(PRESETS)


def test_targets_of_the_readme_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^make (\w+)", README, re.M))
    assert targets == {"train", "test", "docs"}
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in targets)


def shortened(code: str) -> str:
    """An example that trains for one rollout, which is not long either, and an update."""
    return re.sub(r"\bn_steps=\d+", "n_steps=16", re.sub(r"\.learn\([\d_]+\)", ".learn(1)", code))


@pytest.mark.parametrize("story", list(stories()))
def test_examples_run_and_print_what_is_shown(story, tmp_path, monkeypatch, capsys, one_thread):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    namespace: dict[str, Any] = {}
    for code, output in story:
        if path := re.match(r"# ([\w/]+\.py)\n", code):
            (tmp_path / path[1]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path[1]).write_text(code, encoding="utf-8")
            continue
        exec(compile(shortened(code), "example", "exec"), namespace)
        assert capsys.readouterr().out == output or not output


def test_no_file_names_a_home_folder():
    home = re.compile(rb"/(root|home|Users)/\w|[A-Z]:\\\\?Users")
    assert [path.name for path in tracked_files() if home.search(path.read_bytes())] == []


@pytest.fixture
def installed(tmp_path):
    """A copy of the build files beside a virtual environment that is newer than they are."""
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
        os.utime(tmp_path / name, (1e9, 1e9))
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("bin/pip", "installed", "installed-docs"):
        (tmp_path / ".venv" / name).touch()
    return tmp_path


def planned(folder: Path, target: str) -> str:
    """What `make target` would run there."""
    command = ["make", "--dry-run", target]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@needs_make
@pytest.mark.parametrize("target", ["train", "test", "docs"])
def test_second_make_installs_nothing(installed, target):
    assert "install " not in planned(installed, target)


@needs_make
@pytest.mark.parametrize("name", ["setup.cfg", "pyproject.toml", "constraints.txt"])
def test_make_installs_again_when_the_packaging_changed(installed, name):
    (installed / name).touch()
    os.utime(installed / ".venv" / "installed", (1.1e9, 1.1e9))
    assert "--constraint constraints.txt torch" in planned(installed, "train")


@needs_make
def test_make_starts_from_nothing(installed):
    shutil.rmtree(installed / ".venv")
    plan = planned(installed, "test")
    assert (
        plan.index("-m venv")
        < plan.index("constraints.txt torch")
        < plan.index("--editable")
        < plan.index("-m pytest")
    )

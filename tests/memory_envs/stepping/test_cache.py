"""The cache of compiled code, whatever is in its files: never the reason that an environment fails."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core import config

from memory_envs.stepping import compilation
from tests.support import ROOT

SOURCE = "def double(x):\n    return 2 * x\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the cache, and a module to compile beside it."""
    (tmp_path / "doubling.py").write_text(SOURCE)
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "doubling", types.ModuleType("doubling"))
    return tmp_path


def compiled(folder: Path) -> tuple[Any, list[str]]:
    """`double`, as the next process would get it, and the warnings that this comes with."""
    # Known under its name, or Numba could load it only as long as that which was compiled is not collected.
    module = sys.modules["doubling"] = types.ModuleType("doubling")
    exec(compile(SOURCE, str(folder / "doubling.py"), "exec"), module.__dict__)
    compilation._warn_uncached.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        double = compilation._compile(module.double, module, "digest", numba.int64(numba.int64))
        assert double(21) == 42
    return double, [str(each.message) for each in caught]


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted((folder / "cache").rglob(f"*{suffix}"))


def is_loaded(double: Any) -> bool:
    return sum(double.stats.cache_hits.values()) == 1


def flip(seed: int) -> Callable[[bytes], bytes]:
    def flipped(content: bytes) -> bytes:
        place = random.Random(seed).randrange(len(content) * 8)
        return (int.from_bytes(content, "little") ^ 1 << place).to_bytes(len(content), "little")

    return flipped


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "one byte long": lambda content: content + b"x",
    "text": lambda content: b"<html>404 not found</html>",
    "zeros": lambda content: bytes(len(content)),
    "a list": lambda content: b"].",
    "what cannot be imported": lambda content: b"cno_such_module\nName\n.",
    **{f"flip {seed}": flip(seed) for seed in range(6)},
}


def test_sound_files_are_loaded(folder: Path) -> None:
    assert not is_loaded(compiled(folder)[0])
    assert [len(files(folder, suffix)) for suffix in (".nbi", ".nbc")] == [1, 1]
    double, told = compiled(folder)
    assert is_loaded(double) and told == []


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside_and_compiled_again(folder: Path, suffix: str, damage: str) -> None:
    compiled(folder)
    [path] = files(folder, suffix)
    damaged = DAMAGES[damage](path.read_bytes())
    path.write_bytes(damaged)
    double, [told] = compiled(folder)
    assert not is_loaded(double) and "cannot be read" in told
    [aside] = files(folder, ".damaged")
    assert aside.read_bytes() == damaged and aside.name == path.name + ".damaged"
    double, told = compiled(folder)
    assert is_loaded(double) and told == []


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_missing_file_is_written_again_and_a_folder_in_its_place_is_set_aside(
    folder: Path, suffix: str
) -> None:
    compiled(folder)
    for is_folder in (False, True):
        [path] = files(folder, suffix)
        path.unlink()
        if is_folder:
            path.mkdir()
        assert not is_loaded(compiled(folder)[0])
        assert is_loaded(compiled(folder)[0])


def test_what_only_fails_when_it_is_used_is_no_reason_to_fail(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As code of another version of a library may, whatever it raises."""

    def fail(*arguments: Any) -> None:
        raise RuntimeError("no such symbol")

    compiled(folder)
    with monkeypatch.context() as patch:
        patch.setattr(compilation._DigestedCache._impl_class, "rebuild", fail)
        double, [told] = compiled(folder)
    assert not is_loaded(double) and "no such symbol" in told
    with monkeypatch.context() as patch:
        patch.setattr(compilation._DigestedCache._impl_class, "reduce", fail)
        (folder / "doubling.py").touch()
        for each in files(folder, ".nbi"):
            each.unlink()
        assert any("no such symbol" in each for each in compiled(folder)[1])


# Without a home, as users have none who are known by a number alone, paths keep their "~".
NO_HOME = """
import os, warnings
from numba.core import caching
for name in dir(caching):  # as if the folders of the sources could not be written to
    if "InTreeCacheLocator" in name:
        getattr(caching, name).from_function = lambda *arguments: None
os.path.expanduser = lambda path: path
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from memory_envs.imaze import IMazeEnv
    IMazeEnv().reset(seed=0)
print(*[each.message for each in caught], sep="\\n")
"""


@pytest.mark.parametrize(
    "variables",
    [
        {},
        pytest.param({"XDG_CACHE_HOME": "~/.cache"}, marks=pytest.mark.slow),
        pytest.param({"NUMBA_CACHE_DIR": "~/cache"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_no_folder_is_ever_named_after_a_home_that_is_not_known(
    variables: dict[str, str], tmp_path: Path
) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "HOME" and not name.startswith(("NUMBA_", "XDG_"))
    }
    environment |= {"NUMBA_OPT": "0", "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(
        [sys.executable, "-c", NO_HOME],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no folder can be written to" in done.stdout
    assert list(tmp_path.iterdir()) == []

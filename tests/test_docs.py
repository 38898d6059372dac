"""The site: its pages say what the code says, and it builds without a warning."""

import importlib.util
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import gymnasium
import numpy as np
import pytest
from PIL import Image

import memory_envs
from memory_envs.certificate import Bounds, Level
from memory_envs.registry.envs import ENVS
from tests.support import ROOT
from tests.support.chromium import browser, find_chromium

DOCS = ROOT / "docs"
CLASSES = sorted({row.entry_point.partition(":")[2] for row in ENVS})
REPORT = "results/imaze/report.html"
API = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))


@pytest.fixture
def generated(docs_extension) -> ModuleType:
    return docs_extension("generated")


@pytest.fixture
def extension(docs_extension) -> ModuleType:
    return docs_extension("environment_pages")


@pytest.fixture
def tables(docs_extension) -> ModuleType:
    return docs_extension("certificate_tables")


@pytest.fixture
def docstrings(docs_extension) -> ModuleType:
    return docs_extension("docstrings")


@pytest.mark.parametrize("row", ENVS, ids=lambda row: row.id)
def test_the_table_of_ids_has_each_with_its_time_limit(row):
    page = (DOCS / "environments.md").read_text(encoding="utf-8")
    line = re.search(rf"^\| `{re.escape(row.id)}` \|.*\| (\d+) steps \|$", page, re.M)
    assert line and int(line[1]) == gymnasium.make(row.id).unwrapped.config.max_steps


@pytest.mark.parametrize("class_name", CLASSES)
def test_every_environment_has_a_page_that_asks_for_all_generated_parts(class_name, generated, extension):
    pages = [page.read_text(encoding="utf-8") for page in (DOCS / "environments").glob("*.md")]
    asked = [{part for part, named in generated.parts(page) if named == class_name} for page in pages]
    assert set(extension.GENERATORS) in asked


def test_what_is_generated_is_up_to_date(generated):
    pages = list(generated.pages())
    assert len(pages) >= len(CLASSES)
    old = [page.name for page in pages if (text := page.read_text("utf-8")) != generated.expand(text)]
    assert old == [], "bring them up to date with: python docs/_ext/generated.py"


def test_a_part_gets_the_sections_of_the_docstring_in_the_place_of_what_was_there(generated):
    page = "# Title\n\n<!-- docstring: IMazeEnv -->\nsomething old\n<!-- end -->\n\nThe end.\n"
    expanded = generated.expand(page)
    sections = ["Description", "Observation Space", "Action Space", "Starting State", "Rewards"]
    sections += ["Episode End", "Arguments", "Info", "Version History"]
    assert re.findall(r"^## (.+)$", expanded, re.M) == sections
    assert "something old" not in expanded and "The end." in expanded
    assert generated.expand(expanded) == expanded


def test_a_page_that_asks_for_the_unknown_is_refused(generated):
    with pytest.raises(ValueError, match="a page may ask for ids, docstring, .* got 'weather'"):
        generated.expand("<!-- weather: IMazeEnv -->\n<!-- end -->\n")
    with pytest.raises(ValueError, match="class must be one of .*, got 'NoEnv'"):
        generated.expand("<!-- ids: NoEnv -->\n<!-- end -->\n")
    with pytest.raises(ValueError, match="class must be one of ALDConfig, .*, got 'NoConfig'"):
        generated.expand("<!-- settings: NoConfig -->\n<!-- end -->\n")


def test_pictures_of_the_environments_are_up_to_date(extension, tmp_path):
    extension.paint(tmp_path)
    for class_name in CLASSES:
        painted, shown = (
            np.asarray(Image.open(folder / f"{class_name}.png")) for folder in (tmp_path, extension.FRAMES)
        )
        np.testing.assert_array_equal(shown, painted)


def test_tables_hold_the_numbers_of_the_certificates(tables):
    text = tables.tables(["MemoryEnvs/IMaze-v0"])
    certificate = memory_envs.reference("MemoryEnvs/IMaze-v0")
    row = next(line for line in text.splitlines() if line.startswith("| `MemoryEnvs/IMaze-v0` |"))
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    levels = (
        *("random", "guessing", "memoryless", "imitation", "imitation_at_most"),
        *("perfect_memory", "optimum"),
    )
    expected = [getattr(certificate, level).success for level in levels]
    assert [float(cell) for cell in cells] == pytest.approx([each.lower for each in expected], rel=1e-3)
    assert f"{certificate.held_shortest}" in text and "yes, proved" in text


def test_bits_that_are_a_part_of_what_must_be_remembered_are_labelled(tables):
    assert "| 2.585 (order only) |" in tables.tables(["MemoryEnvs/MetaFetch-v0"])


def test_what_is_not_exact_is_set_apart(tables):
    assert tables.number(Bounds(0.25, 0.25)) == "0.25"
    assert tables.number(Bounds(0.25, 0.5, "a search")) == "*0.25 to 0.5*"
    assert tables.number(Bounds(0.25, 0.25, "a sample")) == "*0.25*"


def test_tables_say_where_bounds_come_from_and_what_is_not_proved(tables, monkeypatch):
    exact = memory_envs.reference("MemoryEnvs/IMaze-v0")
    level = Level(Bounds(0.5, 0.75, "a search of 10 nodes"), Bounds.exactly(0.5))
    found = replace(exact, memoryless=level, proved=False, reasons=("a reason", "not proved: at most 0.75"))
    monkeypatch.setattr(memory_envs, "reference", lambda env_id: found, raising=False)
    text = tables.tables(["MemoryEnvs/IMaze-v0"])
    assert "| *0.5 to 0.75* |" in text and "not exact" in text
    assert "- best memoryless: a search of 10 nodes\n" in text
    assert "- required: not proved: at most 0.75\n" in text and "yes, proved" not in text
    assert "| yes, as far as searched |" in text


def test_ids_without_a_certificate_are_named(tables):
    assert "No certificate ships for `CartPole-v1`" in tables.tables(["CartPole-v1"])


def test_the_reference_has_every_module_of_the_environments_that_users_call():
    for module in (
        "stepping.env",
        "stepping.vector",
        "replay",
        "policies",
        "testing",
        "certificate",
        "finite",
    ):
        assert f".. automodule:: memory_envs.{module}\n" in API


def test_every_module_of_the_reference_exists():
    named = re.findall(r"automodule:: ([\w.]+)", API)
    assert [name for name in named if importlib.util.find_spec(name) is None] == []


def test_pictures_in_docstrings_become_literal(docstrings):
    lines = ["A maze:", "", "        ####", "        #..#", "", "Text."]
    assert docstrings.with_literal_blocks(lines) == ["A maze:", "", "::", "", *lines[2:]]
    arguments = ["Args:", "    size: Cells", "        along each side."]
    assert docstrings.with_literal_blocks(arguments) == arguments


def test_sections_of_an_environment_are_not_repeated_in_the_reference(docstrings):
    lines = ["I-Maze.", "", "## Description", "Two bars."]
    assert docstrings.without_sections(lines)[:2] == lines[:2]
    assert "Two bars." not in docstrings.without_sections(lines)


def test_arrays_in_signatures_read_as_in_the_code(docstrings):
    array = "~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.uint8]]"
    assert docstrings.with_short_arrays(f"(view: {array})") == "(view: ~numpy.typing.NDArray[~numpy.uint8])"


def test_reports_are_served_where_they_lie_and_pages_lead_there(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(DOCS / "_ext")
    copies = importlib.import_module("served_reports").copy_reports(DOCS, tmp_path)
    assert [copy.relative_to(tmp_path).as_posix() for copy in copies] == [REPORT]
    assert copies[0].read_bytes() == (DOCS / REPORT).read_bytes()
    for page in ("index.md", "reports.md"):
        assert f'href="{REPORT}"' in (DOCS / page).read_text(encoding="utf-8")
    assert REPORT in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The whole site, built once."""
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("the docs extra is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    command += ["--doctree-dir", str(folder / "doctrees"), str(DOCS), str(folder / "html")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.mark.slow
def test_the_site_builds_without_a_warning(site):
    assert (site / REPORT).is_file()
    for page in ("index", "reports", "environments/imaze", "environments/meta_fetch", "api/environments"):
        assert (site / f"{page}.html").is_file()


@pytest.mark.slow
def test_every_link_to_code_leads_into_the_reference(site):
    code = (site / "ald.html").read_text(encoding="utf-8")
    named = re.findall(r'<code class="xref py py-obj', code)
    linked = re.findall(r'<a class="reference internal" href="api/[^>]*><code class="xref py py-obj', code)
    assert len(linked) == len(named) > 30


WIDER_THAN_ITS_ROOM = """
[...document.querySelectorAll("article table")]
  .filter(table => table.offsetWidth > table.closest(".table-wrapper").clientWidth + 1)
  .map(table => table.querySelector("th").innerText)
"""
BROKEN_OFF = """
[...document.querySelectorAll("article pre")]
  .filter(block => block.scrollWidth > block.clientWidth + 1)
  .map(block => block.innerText.slice(0, 40))
"""


@pytest.mark.slow
@pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")
def test_no_table_or_command_is_cut_off_and_no_page_is_wider_than_a_telephone(site):
    sources = (page.relative_to(DOCS) for page in DOCS.rglob("*.md"))
    pages = [page for source in sources if (page := site / source.with_suffix(".html")).exists()]
    assert len(pages) > 50
    with browser() as chromium:
        for page in pages:
            chromium.screen(1280, 900)
            chromium.open(page)
            for cut_off in (WIDER_THAN_ITS_ROOM, BROKEN_OFF):
                assert (page.name, chromium.evaluate(cut_off)) == (page.name, [])
            chromium.screen(390, 844)
            assert (page.name, chromium.evaluate("document.documentElement.scrollWidth")) == (page.name, 390)
            if page.name == "ald.html":  # its equations are read without scrolling
                assert chromium.evaluate(WIDER_THAN_ITS_ROOM) == []

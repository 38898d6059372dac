"""The site: its pages say what the code says, and it builds without a warning."""

import ast
import dataclasses
import importlib
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
from agents.ald import ALDConfig
from agents.sb3.algorithm import find_algorithm
from memory_envs.certificate import Bounds, Level
from memory_envs.registry.agents import AGENTS
from memory_envs.registry.envs import ENVS
from tests.support import ROOT

DOCS = ROOT / "docs"
CLASSES = sorted({row.entry_point.partition(":")[2] for row in ENVS})
API = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))


@pytest.fixture
def generated(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCS / "_ext")
    return importlib.import_module("generated")


@pytest.fixture
def extension(generated) -> ModuleType:
    return importlib.import_module("environment_pages")


@pytest.fixture
def tables(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCS / "_ext")
    return importlib.import_module("certificate_tables")


@pytest.fixture
def code_links(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCS / "_ext")
    return importlib.import_module("code_links")


@pytest.fixture
def docstrings(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCS / "_ext")
    return importlib.import_module("docstrings")


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


@pytest.mark.parametrize("agent", AGENTS)
def test_the_reference_has_the_settings_of_every_agent_with_their_origins(agent, generated):
    config = find_algorithm(agent).config_class
    asked = [part for page in generated.pages() for part in generated.parts(page.read_text("utf-8"))]
    assert ("settings", config.__name__) in asked
    table = generated.GENERATORS["settings"](config.__name__)
    fields = {field.name: field for field in dataclasses.fields(config)}
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.M))
    assert rows.keys() == fields.keys()
    for name, field in fields.items():
        assert field.metadata["origin"].strip()
        assert rows[name].startswith(f"`{field.default!r}` | ") and rows[name].endswith(
            field.metadata["origin"]
        )


def test_tables_hold_the_numbers_of_the_certificates(tables):
    text = tables.tables(["MemoryEnvs/IMaze-v0"])
    certificate = memory_envs.reference("MemoryEnvs/IMaze-v0")
    row = next(line for line in text.splitlines() if line.startswith("| `MemoryEnvs/IMaze-v0` |"))
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    levels = ("random", "guessing", "memoryless", "perfect_memory", "optimum")
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


@pytest.mark.parametrize(
    "module",
    ["ald", "ald.policy", "baselines", "vec_env", "evaluation.episodes", "export", "export.onnx_actor"],
)
def test_the_reference_has_every_module_of_the_agents_that_users_call(module):
    assert f".. automodule:: agents.{module}\n" in API


def test_every_module_of_the_reference_exists():
    named = re.findall(r"automodule:: ([\w.]+)", API)
    assert [name for name in named if importlib.util.find_spec(name) is None] == []


CODE_LINK = re.compile(r"\[`([A-Za-z_][\w.]*)`\]\(([^)]+\.py)\)")


def names_in(file: Path) -> set[str]:
    """Classes and functions of a file of code, those of classes as Class.function."""
    definitions = (ast.ClassDef, ast.FunctionDef)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    outer = [node for node in tree.body if isinstance(node, definitions)]
    inner = [(each, node) for each in outer for node in each.body if isinstance(node, definitions)]
    return {node.name for node in outer} | {f"{each.name}.{node.name}" for each, node in inner}


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_to_code_name_what_is_in_the_file(page):
    links = CODE_LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if link[0] not in names_in(page.parent / link[1])] == []


ALGORITHM = (DOCS / "ald.md").read_text(encoding="utf-8")


def test_every_equation_of_the_algorithm_says_what_computes_it():
    tables = re.findall(r"^\| equation \|.*\n\|[-|]+\n((?:\|.*\n)+)", ALGORITHM, re.M)
    rows = [row for table in tables for row in table.splitlines()]
    assert len(tables) == 4 and len(rows) > 20
    for row in rows:
        links = CODE_LINK.findall(row)
        assert links or "| the same |" in row
        for _, file in links:
            assert f"`{file.removeprefix('../agents/')}`" in row


def test_numbers_of_the_algorithm_are_the_defaults():
    defaults = {field.name: field.default for field in dataclasses.fields(ALDConfig)}
    told = re.findall(r"`(\w+)` = (True|False|[\d.e-]*\d)", ALGORITHM)
    assert len({name for name, _ in told}) > 25
    assert [(name, value) for name, value in told if ast.literal_eval(value) != defaults[name]] == []


@pytest.mark.parametrize("field", dataclasses.fields(ALDConfig), ids=lambda field: field.name)
def test_every_setting_that_is_not_the_papers_is_among_the_deviations(field):
    deviations = ALGORITHM.partition("## Deviations from the paper")[2]
    if field.metadata["origin"].startswith(("tuned", "ours")):
        assert re.search(rf"^\|.*`{field.name}`", deviations, re.M)


def test_letters_of_the_diagram_are_read_on_a_telephone():
    diagram = (DOCS / "images" / "ald.svg").read_text(encoding="utf-8")
    width = float(re.search(r'viewBox="0 0 (\d+) \d+"', diagram)[1])
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", diagram)]
    assert sizes and min(sizes) * 358 / width >= 8
    assert "prefers-color-scheme: dark" in diagram


def test_links_to_code_lead_to_the_reference_on_the_site(code_links):
    shown = code_links.linked("see [`PopArt.update`](../agents/learning/losses/popart.py).")
    assert shown == "see {py:obj}`PopArt.update <agents.learning.losses.popart.PopArt.update>`."
    assert code_links.linked(page := "[how it does it](../agents/train.py)") == page
    for _, file in CODE_LINK.findall(ALGORITHM):
        module = file.removeprefix("../").removesuffix(".py").replace("/", ".")
        assert f".. automodule:: {module}\n" in API or f".. automodule:: {module.rpartition('.')[0]}\n" in API


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


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="the docs extra is not installed")
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    command += ["--doctree-dir", str(tmp_path / "doctrees"), str(DOCS), str(tmp_path / "html")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    for page in ("index", "environments/imaze", "environments/meta_fetch", "api/environments"):
        assert (tmp_path / "html" / f"{page}.html").is_file()

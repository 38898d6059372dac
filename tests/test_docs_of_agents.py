"""The pages of the agents: the algorithm, the settings, and how one is added."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from agents.ald import ALDConfig
from agents.sb3.algorithm import find_algorithm
from agents.sb3.base import ConfiguredAlgorithm
from agents.train import main
from memory_envs.registry.agents import AGENTS, AgentRow
from memory_envs.registry.looks import LOOKS, Look
from tests.support import ROOT

DOCS = ROOT / "docs"
API = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
ADDING = (DOCS / "adding_an_agent.md").read_text(encoding="utf-8")
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
    assert len(tables) == 5 and len(rows) > 20
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


def test_links_to_code_lead_to_the_reference_on_the_site(docs_extension):
    linked = docs_extension("code_links").linked
    shown = linked("see [`PopArt.update`](../agents/learning/losses/popart.py).")
    assert shown == "see {py:obj}`PopArt.update <agents.learning.losses.popart.PopArt.update>`."
    assert linked(page := "[how it does it](../agents/train.py)") == page


def test_what_links_to_code_name_is_in_the_reference():
    links = [link for page in DOCS.glob("*.md") for link in CODE_LINK.findall(page.read_text("utf-8"))]
    modules = {file.removeprefix("../").removesuffix(".py").replace("/", ".") for _, file in links}
    documented = set(re.findall(r"automodule:: ([\w.]+)", API))
    # A package documents what its modules define where its __all__ has it.
    missing = [each for each in modules if not any(f"{each}.".startswith(f"{name}.") for name in documented)]
    assert missing == []


@pytest.mark.parametrize(
    "module",
    ["ald", "ald.policy", "baselines", "vec_env", "evaluation.episodes", "export", "export.onnx_actor"],
)
def test_the_reference_has_every_module_of_the_agents_that_users_call(module):
    assert f".. automodule:: agents.{module}\n" in API


@pytest.mark.parametrize("agent", AGENTS)
def test_the_reference_has_the_settings_of_every_agent_with_their_origins(agent, docs_extension):
    generated = docs_extension("generated")
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


@pytest.fixture
def added(tmp_path, monkeypatch) -> str:
    """Name of the agent that the page adds, by the steps that it names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    [code] = re.findall(r"```python\n(# a2c_agent\.py\n.*?)```", ADDING, re.S)
    (tmp_path / "a2c_agent.py").write_text(code, encoding="utf-8")
    name, entry_point = re.search(r'`AgentRow\("(\w+)", "agents\.baselines\.\w+:(\w+)"\)`', ADDING).groups()
    monkeypatch.setitem(AGENTS, name, AgentRow(name, f"a2c_agent:{entry_point}"))
    title, colour, dashes = re.search(rf'`"{name}": Look\("(.*?)", "(.*?)", "(.*?)"\)`', ADDING).groups()
    monkeypatch.setitem(LOOKS, name, Look(title, colour, dashes))
    return name


def test_an_agent_added_as_the_page_says_is_trained_and_resumed_bit_for_bit(added, no_report, capsys):
    task = ["--agent", added, "--env", "MemoryEnvs/IMaze-7x7-v0", "--num-envs", "4", "--num-threads", "1"]
    assert main([*task, "--run-dir", "whole", "--total-timesteps", "120"]) == 0
    assert main([*task, "--run-dir", "parts", "--total-timesteps", "60"]) == 0
    assert main(["--resume", "parts", "--total-timesteps", "120"]) == 0
    whole, parts = (weights(folder, added) for folder in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for key, value in whole.items():
        assert value.equal(parts[key])


def test_help_of_an_added_agent_has_its_settings_with_their_origins(added, capsys):
    with pytest.raises(SystemExit):
        main(["--agent", added, "--help"])
    assert "[Mnih et al. 2016; sb3: 0]" in " ".join(capsys.readouterr().out.replace("│", " ").split())


def weights(folder: str, agent: str):
    """The policy's parameters in the latest checkpoint of a run."""
    latest = max(Path(folder, "checkpoints").glob("*.zip"))
    kind: type[ConfiguredAlgorithm] = find_algorithm(agent)
    return kind.load(latest).policy.state_dict()

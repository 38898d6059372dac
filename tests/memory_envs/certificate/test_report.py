"""A certificate can be read, written and read again."""

import json

import pytest

import memory_envs
from memory_envs.certificate import Certificate, Effort
from tests.support.registered import certified
from tests.support.toys import Alias, Drawn, NamedTMaze


@pytest.mark.parametrize("env", [NamedTMaze(shown=(0, 2)), Drawn(1), Alias()])
def test_a_certificate_survives_json(env):
    certificate = memory_envs.certify(env, effort=Effort(restarts=1, iterations=20))
    content = json.loads(json.dumps(certificate.to_json()))
    assert Certificate.from_json(content) == certificate
    assert str(Certificate.from_json(content)) == str(certificate)


def test_something_else_is_no_certificate():
    with pytest.raises(ValueError, match="format 'memory-envs certificate 1'"):
        Certificate.from_json({"id": "x"})


def test_the_report_can_be_read():
    text = str(certified("MemoryEnvs/IMaze-7x7-v0"))
    for phrase in (
        "random actions",
        "guessing",
        "perfect memory",
        "imitation of the optimum",
        "1 bit for 5 steps",
        "required: yes, proved",
    ):
        assert phrase in text
    assert max(map(len, text.splitlines())) < 80


def test_the_certificate_of_a_task_with_many_words_fits_a_terminal_too():
    text = str(memory_envs.reference("MemoryEnvs/MetaFetch-4-v0"))
    assert max(map(len, text.splitlines())) < 80
    assert "imitation of the optimum: not certified" in text


def test_three_lines_under_the_table_explain_its_rows():
    lines = str(certified("MemoryEnvs/IMaze-7x7-v0")).splitlines()
    table = next(number for number, line in enumerate(lines) if line.startswith("random actions"))
    end = next(number for number, line in enumerate(lines) if line.startswith("optimum"))
    names = (line[:26].strip().partition(",")[0] for line in lines[table : end + 1])
    rows = {name.removesuffix(" of the optimum") for name in names}
    legend = lines[end + 1 : end + 4]
    explained = {part.partition(":")[0].strip() for line in legend for part in line.split(";")}
    assert rows - {"random actions"} <= explained

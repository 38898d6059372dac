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
        "1 bit for 5 steps",
        "required: yes, proved",
    ):
        assert phrase in text
    assert max(map(len, text.splitlines())) <= 110

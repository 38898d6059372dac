"""The command certifies, prints and judges."""

import pytest

from memory_envs.certificate.__main__ import main
from memory_envs.certificate.shipped import load


def test_the_command_prints_writes_and_judges(tmp_path, capsys):
    file = tmp_path / "certificates.json"
    assert main(["MemoryEnvs/IMaze-7x7-v0", "--json", str(file), "--env-kwargs", '{"delay": 3}']) == 0
    assert "memory required: yes, proved" in capsys.readouterr().out
    assert load(file.read_text())["MemoryEnvs/IMaze-7x7-v0"].settings["delay"] == 3
    assert main(["MemoryEnvs/IMaze-7x7-v0", "--env-kwargs", '{"observability": "full"}']) == 1
    for wrong in ("{", "[1]"):
        with pytest.raises(SystemExit):
            main(["MemoryEnvs/IMaze-7x7-v0", "--env-kwargs", wrong])
    assert "must be a JSON object" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["MemoryEnvs/IMaz-v0"], "IMaz"),
        (["nosuchmodule:MemoryEnvs/IMaze-v0"], "nosuchmodule"),
        (["CartPole-v1"], "CartPole"),
        (["MemoryEnvs/IMaze-7x7-v0", "--env-kwargs", '{"size": 8}'], "size must be an odd integer"),
        (["MemoryEnvs/IMaze-7x7-v0", "--env-kwargs", '{"sise": 9}'], "sise"),
        (["MemoryEnvs/IMaze-7x7-v0", "--env-kwargs", '{"max_episode_steps": 0}'], "max_episode_steps"),
        (["MemoryEnvs/IMaze-7x7-v0", "--json", "nowhere/at/all.json"], "folder that does not exist"),
        (["MemoryEnvs/IMaze-7x7-v0", "--json", "/"], "must name a file"),
    ],
)
def test_a_typo_is_one_sentence_and_not_a_verdict(arguments, message, capsys):
    assert main(["MemoryEnvs/IMaze-7x7-v0", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.startswith("error: ") and err.count("\n") == 1

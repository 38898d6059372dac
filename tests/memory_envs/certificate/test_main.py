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

"""The command that lists what ships."""

from agents import pretrained
from agents.pretrained.__main__ import main


def test_command_without_a_run_lists_what_ships(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == pretrained.names()
    assert "success 1.000 over 1000 episodes, trained for 700,000 frames in MemoryEnvs/IMaze-v0" in lines[0]

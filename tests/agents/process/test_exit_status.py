"""Mistakes end a program with a sentence and status 2; faults of ours with a traceback."""

import pytest

from agents.process.exit_status import exit_status


def raising(problem):
    def command():
        raise problem

    return command


class Refused(RuntimeError):
    """An error of a program of its own."""


def test_a_command_that_ends_well_says_its_status():
    assert exit_status(lambda: 1) == 1


@pytest.mark.parametrize(
    "problem", [ValueError("no"), FileNotFoundError("no"), ImportError("no"), Refused("no")]
)
def test_a_refusal_is_one_line_and_status_2(problem, capsys):
    assert exit_status(raising(problem), Refused) == 2
    assert capsys.readouterr().err == "error: no\n"


def test_an_interrupt_is_status_130_and_a_fault_passes(capsys):
    assert exit_status(raising(KeyboardInterrupt())) == 130
    with pytest.raises(Refused):
        exit_status(raising(Refused("no")))
    assert capsys.readouterr().err == ""

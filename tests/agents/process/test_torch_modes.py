"""Blocks that change how torch uses the processor leave it as they found it."""

import pytest
import torch

from agents.process.torch_modes import denormals_as_zero, one_thread

TINY = 1e-40


def flushed() -> bool:
    return bool(torch.tensor(TINY) * 1.0 == 0.0)


def test_denormals_are_zero_in_the_block_and_numbers_after_it() -> None:
    assert not flushed()
    with denormals_as_zero():
        assert flushed()
        with denormals_as_zero():
            assert flushed()
        assert flushed()
    assert not flushed()


def test_an_error_restores_both() -> None:
    threads = torch.get_num_threads()
    with pytest.raises(KeyError), denormals_as_zero(), one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == threads and not flushed()

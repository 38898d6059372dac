"""Ctrl-C inside a block is a request, announced once; outside it is what it was."""

import os
import signal
import threading

import pytest

from agents.process.interrupts import SIGNALS, deferred_interrupts


@pytest.mark.parametrize("number", SIGNALS)
def test_signals_are_requests_inside_the_block_alone(number):
    before, announced = signal.getsignal(number), []
    with deferred_interrupts(lambda: announced.append(number)) as interrupt:
        assert not interrupt.requested
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert interrupt.requested and announced == [number]
    assert signal.getsignal(number) is before


def test_other_threads_leave_the_handlers_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with deferred_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]

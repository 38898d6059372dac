"""Ctrl-C inside a block is a request, announced once; outside it is what it was."""

import os
import signal
import threading
import time

import pytest

from agents.process.interrupts import SIGNALS, deferred_interrupts, raised_interrupts

pytestmark = pytest.mark.usefixtures("signals_by_default")


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


@pytest.mark.parametrize("number", SIGNALS)
def test_every_signal_may_be_raised_as_ctrl_c_is(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), raised_interrupts():
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert signal.getsignal(number) is before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="terminals hang up on POSIX alone")
def test_a_hang_up_that_nohup_ignores_is_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raised_interrupts(), deferred_interrupts() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt.requested
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)

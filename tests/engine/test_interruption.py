"""Signals as an event: heard once it is a wish, twice it is an order; elsewhere left alone."""

import signal
import threading

import pytest

from scaling_lab.engine import interruption

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_sets_the_event_and_a_second_ctrl_c_ends_at_once(first):
    # A job without a terminal inherits that it ignores SIGHUP.
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    before = [signal.getsignal(number) for number in NUMBERS]
    try:
        with interruption.heard() as stop:
            assert not stop.is_set()
            signal.raise_signal(first)
            assert stop.is_set()
            signal.raise_signal(signal.SIGTERM)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert [signal.getsignal(number) for number in NUMBERS] == before
    finally:
        signal.signal(signal.SIGHUP, inherited)


def test_a_hangup_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption.heard() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_signals_are_left_alone():
    before, found = signal.getsignal(signal.SIGINT), []

    def work():
        with interruption.heard() as stop:
            found.extend([stop.is_set(), signal.getsignal(signal.SIGINT)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False, before]

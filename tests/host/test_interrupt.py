import os
import signal
import threading
import time
import weakref

import pytest

from cvflow.host.interrupt import Terminated, deferred_interrupt, terminable


def test_ctrl_c_comes_when_it_is_asked_for():
    before = signal.getsignal(signal.SIGINT)
    done = []
    with deferred_interrupt() as check:
        check()
        os.kill(os.getpid(), signal.SIGINT)
        done.append("what belongs together")
        with pytest.raises(KeyboardInterrupt):
            check()
    assert done
    assert signal.getsignal(signal.SIGINT) is before


def test_what_comes_after_the_last_look_comes_at_the_end():
    done = []

    def work():
        with deferred_interrupt() as check:
            check()
            os.kill(os.getpid(), signal.SIGINT)
            done.append("what belongs together")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done


class Thing:
    """Something to refer to."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_comes_while_python_swallows_exceptions_is_sent_again(number):

    def work():
        thing = Thing()
        watched = weakref.ref(thing, lambda _: os.kill(os.getpid(), number))
        with terminable():
            del thing
            assert watched() is None
            time.sleep(30)

    with pytest.raises(KeyboardInterrupt) as raised:
        work()
    assert isinstance(raised.value, Terminated) == (number == signal.SIGTERM)


def test_other_threads_are_left_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with deferred_interrupt() as check:
            check()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]

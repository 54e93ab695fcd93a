import os
import signal
import threading

import pytest

from cvflow.host.interrupt import deferred_interrupt


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

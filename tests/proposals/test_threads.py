"""A flow computes with one thread while walkers have the cores, and its user gets the others back."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from cvflow.proposals.threads import one_thread
from tests.exchanging import TWO, Hopping, begun, plan, untrained


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_a_run_proposes_and_trains_with_one_thread_and_gives_them_back():
    seen = set()

    class Asking(Hopping):
        def take_turn(self, *arguments):
            seen.add(("proposed", torch.get_num_threads()))
            return super().take_turn(*arguments)

    def learn(*arguments):
        with ThreadPoolExecutor(1) as pool:  # a thread that torch has not seen yet, as that of a training
            seen.add(("trained", pool.submit(torch.get_num_threads).result()))
        return untrained(*arguments)

    the_plan = replace(plan(TWO, 8, adapt_jumps=20, jumps=5), learn=learn)
    run, _ = begun(the_plan, [Asking(tuple(range(8)), TWO, 0.5, 1)])
    with ThreadPoolExecutor(1) as pool:
        run.go(pool)
    assert seen == {("proposed", 1), ("trained", 1)}
    assert torch.get_num_threads() == 3


def test_numpy_computes_with_one_thread_as_well():
    def blas():
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        before = blas()
        with one_thread():
            assert blas() == {1}
        assert blas() == before != {1}


@pytest.mark.usefixtures("three_threads")
def test_threads_come_back_after_a_failure():
    with pytest.raises(ArithmeticError), one_thread():
        raise ArithmeticError
    assert torch.get_num_threads() == 3

"""How many threads torch and numpy have for a flow's arithmetic while walkers work."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and numpy compute with one thread, and with as many as before afterwards.

    A flow over a few CVs has nothing to share out. More threads wait for each other in busy loops, the longer the fewer
    cores are free of walkers, and the last digits of a flow would follow from how many cores there are.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)

"""CVs that are no functions of the positions alone, and functions that fail, as a user's file might hold them."""

import sys

import torch

_NET = torch.nn.Linear(3, 1)
_CALLS = []


def _apart(x):
    return (x[:, 0] - x[:, 1]).norm(dim=-1)


def noisy(x):
    return _apart(x) + 0.003 * torch.randn(len(x), dtype=x.dtype)


def remembering(x):
    _CALLS.append(len(x))
    return _apart(x) + 0.001 * len(_CALLS)


def single(x):
    return _NET(x[:, 0])[:, 0]


def column(x):
    return _apart(x)[:, None]


def leaving(x):
    sys.exit("no licence")


def undefined(x):
    return _apart(x) * torch.nan


def in_single_precision(x):
    return _apart(x.float())

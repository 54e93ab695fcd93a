"""torch.compile: functions through it, and whether it can be had here."""

import warnings
from collections.abc import Callable
from typing import Any

import torch


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function through torch.compile, for any number of chains.

    torch counts recompilations by code object, so each function gets one of its own: or a process with several systems
    would soon run uncompiled.
    """
    function.__code__ = function.__code__.replace()
    return torch.compile(function, dynamic=True)


def compiler_available() -> bool:
    """Whether torch.compile finds the C++ compiler that it needs on a CPU."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return False
    return True


def compile_or_not(wanted: bool) -> bool:
    """Whether to compile; where no compiler is found, say so and go on without."""
    if wanted and not compiler_available():
        warnings.warn(
            "no C++ compiler found (g++ or clang++, or CXX): paths run without torch.compile, several times slower",
            stacklevel=2,
        )
        return False
    return wanted

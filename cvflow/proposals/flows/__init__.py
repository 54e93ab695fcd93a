"""Flows by their architectures: each is one file, and one line here."""

from cvflow.proposals.flows import continuous, coupling_spline, realnvp, spline
from cvflow.proposals.flows.base import Architecture

ARCHITECTURES: tuple[type[Architecture], ...] = (
    spline.AutoregressiveSpline,
    coupling_spline.CouplingSpline,
    realnvp.RealNVP,
    continuous.Continuous,
)
"""All there are; the first is the one of a config that names none."""


def architecture(kind: object) -> type[Architecture]:
    """The architecture of a word in a config or a file.

    Raises:
        ValueError: there is none of that name.
    """
    known = {each.kind: each for each in ARCHITECTURES}
    if not isinstance(kind, str) or kind not in known:
        raise ValueError(f"architecture must be one of {', '.join(map(repr, known))}")
    return known[kind]

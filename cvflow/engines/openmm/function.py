"""An OpenMM System that a user's function makes, in each process anew: whatever it holds, no code is stored."""

from typing import Any, NamedTuple

import openmm
from openmm import app

from cvflow.host.faults import called
from cvflow.host.functions import NamedFunction

_OTHERS = {
    "TorchSystem": 'a system of torch functions runs on [engine] name = "batch", not "openmm"',
    "Atoms": 'an ase.Atoms runs on [engine] name = "ase", not "openmm"',
}
"""What other engines' functions give, by the name of its type."""


class Made(NamedTuple):
    """The atoms and their potential."""

    topology: app.Topology
    system: openmm.System


def made_by(function: NamedFunction) -> Made:
    """What the function makes.

    Raises:
        ValueError: it fails, or makes no openmm.System with its openmm.app.Topology.
    """
    given = called(function, function.reference)
    topology, system = _parts(given)
    if not isinstance(topology, app.Topology) or not isinstance(system, openmm.System):
        mend = "on OpenMM it has to give an app.Topology and an openmm.System (return topology, system)"
        raise ValueError(
            f"{function.reference} gives {_kinds(given)}: {_OTHERS.get(type(given).__name__, mend)}"
        )
    if topology.getNumAtoms() != system.getNumParticles():
        raise ValueError(
            f"{function.reference}: its topology has {topology.getNumAtoms()} atoms and its system "
            f"{system.getNumParticles()}: give the same"
        )
    return Made(topology, system)


def _parts(given: Any) -> tuple[Any, Any]:
    """Of a pair, in any order, or of an object that has both, such as a Simulation."""
    if isinstance(given, tuple | list) and len(given) == 2:
        first, second = given
        return (second, first) if isinstance(first, openmm.System) else (first, second)
    return getattr(given, "topology", None), getattr(given, "system", None)


def _kinds(given: Any) -> str:
    if isinstance(given, tuple | list):
        return f"({', '.join(type(each).__name__ for each in given)})"
    return f"a {type(given).__name__}"

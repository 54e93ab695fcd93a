"""A molecule as a script may give it: OpenMM's objects, or a function that makes them in each process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openmm
from openmm import app

from cvflow.config.references import absolute
from cvflow.core.quantities import positive
from cvflow.engines.openmm import with_hydrogen_mass
from cvflow.engines.openmm.function import made_by
from cvflow.host.functions import NamedFunction, load_function, reference_to
from cvflow.setup.files.molecule import parametrised


@dataclass(frozen=True)
class MolecularSystem:
    """A topology with its potential, at a temperature [K].

    Attributes:
        topology: names and bonds.
        system: the potential.
        temperature: K.
        function: what makes both, in each worker process anew, if they are not to be stored.
    """

    topology: app.Topology
    system: openmm.System
    temperature: float
    function: NamedFunction | None = None


def molecular_system(given: Any, potential: Any, temperature: Any, hydrogen_mass: Any) -> MolecularSystem:
    """OpenMM's objects as a system: `cvflow.openmm_system` says which.

    Raises:
        ValueError: they are others, or the temperature is missing.
    """
    if isinstance(given, app.Simulation):
        if potential is not None:
            raise ValueError("openmm_system: a Simulation has its System already: give it alone, with a temperature")
        given, potential, temperature = given.topology, given.system, _temperature_of(given, temperature)
    topology = given.topology if isinstance(given, app.Modeller) else given
    if not isinstance(topology, app.Topology) or not isinstance(potential, openmm.System | app.ForceField):
        raise ValueError(
            "openmm_system takes an openmm.app.Topology or Modeller with an openmm.System or openmm.app.ForceField, a "
            f"Simulation, or a function, got {type(given).__name__} and {type(potential).__name__}"
        )
    kelvin = positive(temperature, "temperature")
    if isinstance(potential, app.ForceField):
        potential = parametrised(topology, potential)
    if hydrogen_mass is not None:
        potential = with_hydrogen_mass(potential, topology, positive(hydrogen_mass, "hydrogen_mass"))
    return MolecularSystem(topology, potential, kelvin)


def from_function(
    function: Callable[..., object] | str, temperature: Any, parameters: Mapping[str, float | int]
) -> MolecularSystem:
    """What a function at the top level of a file makes, or one named "file.py:function".

    Raises:
        ValueError: it is not where workers find it, fails, or makes something else.
    """
    what, kelvin = "openmm_system", positive(temperature, "temperature")
    reference = absolute(function, Path(), what) if isinstance(function, str) else reference_to(function, what)
    load_function(reference, what)
    named = NamedFunction(reference, tuple(parameters.items()))
    made = made_by(named)
    return MolecularSystem(made.topology, made.system, kelvin, named)


def _temperature_of(simulation: app.Simulation, given: Any) -> Any:
    """The one that is given, or else that of the Simulation's thermostat."""
    has_one = given is None and hasattr(simulation.integrator, "getTemperature")
    return simulation.integrator.getTemperature() if has_one else given

"""Molecules that a user's Python function makes, in each worker process anew."""

from pathlib import Path

from cvflow.config.cv_section import cv_section
from cvflow.config.references import absolute
from cvflow.config.resolved import with_timestep
from cvflow.config.settings import Config
from cvflow.core.units import thermal_energy
from cvflow.engines.openmm.function import made_by
from cvflow.host.functions import NamedFunction, load_function
from cvflow.setup.files.molecule import check_molecule, structures_of, walker_starts
from cvflow.setup.magnitudes import check_timestep, temperature_notes, usual_timestep
from cvflow.setup.molecules.cvs import cvs_from
from cvflow.setup.molecules.openmm import assemble
from cvflow.setup.specification import Setup


def from_python(config: Config, folder: Path, with_starts: bool) -> Setup:
    """A run of the OpenMM System that `system.python` makes.

    Raises:
        ValueError: it makes none, or something in the config is not possible.
    """
    reference = absolute(str(config.system.python), folder, "system.python")
    load_function(reference, "system.python")
    function = NamedFunction(reference, tuple(config.system.parameters.items()))
    topology, system = made_by(function)
    check_molecule(config)
    temperature = config.engine.temperature or 0.0
    config, kT = with_timestep(config, usual_timestep(system)), thermal_energy(temperature)
    check_timestep(config)
    starts = walker_starts(config, structures_of(config, folder) if with_starts else {}, topology, system)
    cvs = cvs_from(config.cv, folder, topology)
    files = {state: str((folder / name).resolve()) for state, name in config.system.starts.items()}
    config = config.changed(system={"python": reference, "starts": files}, cv=[cv_section(cv) for cv in cvs])
    setup = assemble(config, "openmm", system, topology, cvs, kT, starts, function)
    return setup.noted(*temperature_notes(temperature))

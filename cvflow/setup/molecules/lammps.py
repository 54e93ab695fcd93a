"""Molecular systems on LAMMPS."""

from pathlib import Path

from cvflow.config.settings import Config, ConfigError
from cvflow.engines.lammps import LammpsSpec
from cvflow.setup.engine_walkers import check_moves
from cvflow.setup.molecules.atoms import AtomicSystem, check_atoms, of_atoms
from cvflow.setup.molecules.openmm import built_in_starts, settled
from cvflow.setup.specification import Setup
from cvflow.setup.starts.walker_starts import WalkerStarts
from cvflow.systems import AtomsReference


def from_built_in(reference: AtomsReference, config: Config, folder: Path, with_starts: bool) -> Setup:
    """A run of a built-in system.

    Raises:
        ValueError: LAMMPS is missing, has no model of the system, or something in the config is not possible.
    """
    reference, config, cvs = settled(reference, config, folder)
    model = reference.lammps()
    if model is None:
        raise ConfigError(f'system {reference.name!r} has no LAMMPS model: take [engine] name = "{reference.engine}"')
    check_moves(config, "LAMMPS")
    starts = built_in_starts(reference, config) if with_starts else WalkerStarts()
    topology = reference.topology()
    check_atoms(starts, topology.getNumAtoms())
    spec, files = LammpsSpec(model, cvs, reference.kT, config.path.timestep), {"in.lammps": model.script}
    return of_atoms(AtomicSystem(reference.name, topology, cvs, reference.kT, spec, files), config, starts)

"""Molecular systems on LAMMPS."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cvflow.config.settings import Config, ConfigError
from cvflow.core.schedule import BY_NAME
from cvflow.engines.lammps import LammpsModel, LammpsSpec
from cvflow.host.atomic import write_whole
from cvflow.setup.molecular import built_in_starts, settled
from cvflow.setup.setup import checked_states, without_auto
from cvflow.setup.starts import Starts
from cvflow.setup.walkers import AtomsSetup, check_atoms, check_moves, started
from cvflow.systems import MolecularReference


@dataclass(frozen=True)
class LammpsSetup(AtomsSetup):
    """A LAMMPS model with the names of its atoms."""

    model: LammpsModel

    @cached_property
    def spec(self) -> LammpsSpec:
        """The engine, as data for worker processes."""
        path = self.config.path
        schedule = BY_NAME[path.schedule]()
        return LammpsSpec(self.model, self.cvs, self.kT, path.timestep, self.friction, schedule)

    @property
    def input_names(self) -> tuple[str, ...]:
        return ("in.lammps",)

    def write_inputs(self, folder: Path) -> None:
        write_whole(folder / "in.lammps", self.model.script)


def from_built_in(reference: MolecularReference, config: Config, folder: Path, with_starts: bool) -> LammpsSetup:
    """A run of a built-in system.

    Raises:
        ValueError: LAMMPS is missing, has no model of the system, or something in the config is not possible.
    """
    reference, config, cvs = settled(reference, config, folder)
    model = reference.lammps()
    if model is None:
        raise ConfigError(f'system {reference.name!r} has no LAMMPS model: take [engine] name = "{reference.engine}"')
    check_moves(config, "LAMMPS")
    starts = built_in_starts(reference, config) if with_starts else Starts()
    topology = reference.topology()
    check_atoms(starts, topology.getNumAtoms())
    config, auto = without_auto(config)
    names = tuple(cv.name for cv in cvs)
    setup = LammpsSetup(
        config, reference.name, names, tuple(cv.unit for cv in cvs), tuple(cv.period for cv in cvs),
        checked_states(config, names), reference.kT, (), start_frames=starts.frames, topology=topology, cvs=cvs,
        model=model, auto=auto,
    )  # fmt: skip
    setup.check()
    return started(setup, starts)

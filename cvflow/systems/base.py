"""What a built-in system has to bring."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from openmm import app

from cvflow.core.frames import Frame
from cvflow.cv import CollectiveVariable
from cvflow.engines.batch.system import TorchSystem
from cvflow.engines.lammps import LammpsModel


class ReferenceSystem(ABC):
    """A frozen dataclass whose fields are the system's parameters, by the names of the reference table.

    Reduced units are the same numbers read as nm, ps, amu and kJ/mol, with kT a parameter.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str]
    """Where the system comes from, and what its free energy is known from."""
    engine: ClassVar[str]
    """The engine that runs it, as `[engine] name` has it."""

    @property
    @abstractmethod
    def kT(self) -> float:  # noqa: N802
        """Thermal energy [kJ/mol]: a parameter in reduced units, made from the `temperature` [K] of real molecules."""

    @property
    @abstractmethod
    def states(self) -> dict[str, str]:
        """Named states as expressions of the CV; free energies are differences from the first."""

    @abstractmethod
    def system(self) -> Any:
        """What the engine takes: an openmm.System, an ase.Atoms with its calculator, a `TorchSystem` for a batch.

        Raises:
            ImportError: the engine's library is missing; the engine says so first.
        """

    def check_state(self, state: str) -> None:
        """Whether a state is one of the system's.

        Raises:
            ValueError: it is not.
        """
        if state not in self.states:
            raise ValueError(f"{self.name} has no state {state!r}, only {', '.join(self.states)}")


class AtomsReference(ReferenceSystem):
    """A built-in system of atoms, one walker an engine."""

    timestep: ClassVar[float] = 0.01
    """`path.timestep` [ps] where the config has none."""
    platform: ClassVar[str] = "CPU"
    """OpenMM's, `engine.platform`, where the config has none: the faster one on a CPU."""

    @abstractmethod
    def topology(self) -> app.Topology:
        """Names, residues and bonds, for files."""

    @abstractmethod
    def cvs(self) -> tuple[CollectiveVariable, ...]:
        """The system's own CVs, used when the config names none."""

    @abstractmethod
    def start(self, state: str, rng: np.random.Generator) -> Frame:
        """A structure in the named state, built from nothing, to be minimised and equilibrated."""

    def lammps(self) -> LammpsModel | None:
        """The same potential and masses in LAMMPS; None for a system that LAMMPS does not run."""
        return None


class BatchReference(ReferenceSystem):
    """A built-in system for the batch engine."""

    engine: ClassVar[str] = "batch"

    @abstractmethod
    def system(self) -> TorchSystem:
        """The potential, the CV, the states and the starts."""

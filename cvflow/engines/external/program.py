"""An external program's law."""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from openmm import app

from cvflow.core.frames import Exactness, Frame
from cvflow.engines.external.process import last_lines

INPUT, COLVAR, ROW = "plumed.dat", "COLVAR", "jumps.dat"
"""PLUMED's files in the folder of a path: its input, the CVs at both ends, and the row of the action CVFLOW."""


class PathOrder(NamedTuple):
    """One path to be run.

    Attributes:
        frame: where it begins.
        steps: how many time steps.
        timestep: of the dynamics [ps, or the unit of a model].
        kT: thermal energy [kJ/mol, or the unit of a model].
    """

    frame: Frame
    steps: int
    timestep: float
    kT: float


class PathEnds(NamedTuple):
    """What a program leaves behind.

    Attributes:
        before: potential plus kinetic energy at the first step, without PLUMED's biases [kJ/mol]; NaN if unknown.
        after: the same at the last step.
        frame: the configuration at the last step.
        potentials: potential energies alone, of both steps; NaN if unknown.
    """

    before: float
    after: float
    frame: Frame
    potentials: tuple[float, float] = (float("nan"), float("nan"))


class Program(ABC):
    """A program as plain data.

    Law: a path is velocity Verlet at constant energy, from velocities drawn from the Maxwell distribution by `rng`;
    nothing removes or rescales momenta; PLUMED is called at every step from 0 to the last, both included.
    """

    inputs: tuple[str, ...]
    """Files of which every path's folder gets a copy, absolute paths: what the program or PLUMED's input reads."""

    @property
    @abstractmethod
    def exactness(self) -> Exactness:
        """Whether the one-jump stationarity test has passed through this very program and its files."""

    @property
    def knows_energies(self) -> bool:
        """Whether the program tells its total energy, so that its time step's error is in the work."""
        return True

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that its processes have beside those of this one."""
        return {}

    def bring_inputs(self, folder: Path) -> None:
        """Copy the inputs into the folder of a path."""
        for name in self.inputs:
            shutil.copy(name, folder)

    @abstractmethod
    def read_start(self, path: Path) -> Frame:
        """A structure to start from.

        Raises:
            ValueError: the file cannot be read.
        """

    def topology(self) -> app.Topology | None:
        """Names of the atoms, for trajectories; None for models without."""
        return None

    def plumed_lines(self, order: PathOrder) -> tuple[str, ...]:
        """What it needs beside the CVs in PLUMED's input."""
        return ()

    @abstractmethod
    def write(self, folder: Path, order: PathOrder, rng: np.random.Generator) -> None:
        """Write the inputs of one path; PLUMED's are there already."""

    @abstractmethod
    def commands(self) -> list[list[str]]:
        """What is run, one after the other, in the folder of a path."""

    def last_words(self, folder: Path) -> list[str]:
        """What the program said before it failed."""
        return last_lines(folder)

    @abstractmethod
    def ends(self, folder: Path, order: PathOrder) -> PathEnds:
        """Read both ends of the path.

        Raises:
            PathFailedError: they are not there, or not what they should be.
        """

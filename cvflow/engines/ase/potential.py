"""An ase.Atoms with its calculator as a potential in this project's units; the only place that knows ASE's."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cvflow.core.frames import Frame, Positions
from cvflow.core.units import ANGSTROM, ELECTRONVOLT
from cvflow.cv import Particles
from cvflow.engines.motion import BlownUpError
from cvflow.engines.walls import WallsOfAtoms
from cvflow.host.faults import USERS_FAULTS, UserFunctionError, called, said

LARGEST_SPREAD = 1e4
"""Distance from the centre [nm] from which a configuration counts as blown up, and the calculator is not asked."""

ASE_MEND = "pip install ase"


class Evaluation(NamedTuple):
    """Potential energy [kJ/mol] and forces [kJ/mol/nm]."""

    energy: float
    forces: Positions


class AsePotential:
    """The potential of an ase.Atoms, which its calculator computes, and of walls beside it.

    Attributes:
        walls: none to begin with; relaxation goes without them.

    Raises:
        ValueError: ASE is missing, what `source` makes is no Atoms with a calculator, or it has constraints or atoms
            without mass.
    """

    def __init__(self, source: Callable[[], Any]) -> None:
        self._errors = _errors()
        self.walls = WallsOfAtoms()
        atoms = made(lambda: called(source, "the function that makes the ase.Atoms"))
        self._atoms = atoms
        self.masses = np.array(atoms.get_masses(), dtype=float)[:, None]
        if not (self.masses > 0).all():
            raise ValueError("the ase.Atoms has atoms without mass: every atom of a path moves; give them masses")
        charges = tuple(float(charge) for charge in atoms.get_initial_charges())
        # Where ASE has none they are zero; a CV that reads them would be zero throughout.
        known = charges if any(charges) else ()
        a, b, c = (bool(direction) for direction in atoms.pbc)
        self.particles = Particles(tuple(self.masses[:, 0].tolist()), known, a or b or c, (a, b, c))

    def begin(self) -> None:
        """Forget what was computed before, so that a path does not depend on it."""
        self._atoms.calc.reset()

    def frame(self) -> Frame:
        """Where the Atoms were made."""
        return frame_of(self._atoms)

    def evaluate(self, frame: Frame) -> Evaluation:
        """Energy and forces, of one calculation.

        Raises:
            BlownUpError: the calculator says that it failed, or what it gives is not finite.
            UserFunctionError: it fails in any other way.
        """
        spread = np.abs(frame.positions - frame.positions.mean(axis=0))
        if not (spread < LARGEST_SPREAD).all():
            raise BlownUpError(f"atoms are more than {LARGEST_SPREAD} nm apart")
        if frame.box is not None:
            self._atoms.set_cell(frame.box / ANGSTROM)
        self._atoms.set_positions(frame.positions / ANGSTROM)
        try:
            forces = np.asarray(self._atoms.get_forces(), dtype=float)
            energy = float(self._atoms.get_potential_energy())
        except self._errors as error:
            raise BlownUpError(f"the calculator failed: {error}") from error
        except USERS_FAULTS as error:
            raise UserFunctionError(f"the calculator {type(self._atoms.calc).__name__} fails: {said(error)}") from error
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise BlownUpError("the calculator's energy or forces are not finite")
        walls = self.walls.energy(frame), self.walls.forces(frame)
        return Evaluation(energy * ELECTRONVOLT + walls[0], forces * (ELECTRONVOLT / ANGSTROM) + walls[1])

    def relaxed(self, frame: Frame) -> Frame:
        """Downhill in energy, by ASE's FIRE, until no force exceeds 0.05 eV/Å or for 500 steps."""
        from ase.optimize import FIRE

        self.evaluate(frame)
        what = f"the calculator {type(self._atoms.calc).__name__}, while the start is relaxed,"
        called(lambda: FIRE(self._atoms, logfile=None).run(fmax=0.05, steps=500), what)
        return Frame(self._atoms.get_positions() * ANGSTROM, frame.box)


def made(source: Callable[[], Any]) -> Any:
    """The Atoms that a source makes.

    Raises:
        ValueError: it is no Atoms with a calculator that gives forces, or it has constraints.
    """
    atoms_class = _ase("ase").Atoms
    atoms = source()
    if not isinstance(atoms, atoms_class):
        raise ValueError(f"the ASE system gives a {type(atoms).__name__}: it has to be an ase.Atoms")
    if atoms.calc is None:
        raise ValueError("the ase.Atoms has no calculator: set atoms.calc = …, e.g. ase.calculators.emt.EMT()")
    if atoms.constraints:
        raise ValueError(
            "the ase.Atoms has constraints: paths with them are not tested for exactness; take atoms.constraints off, "
            "or a force field on OpenMM, where bonds may be rigid"
        )
    return atoms


def frame_of(atoms: Any) -> Frame:
    """Positions, and the cell where any direction is periodic [nm]."""
    box = np.array(atoms.cell) * ANGSTROM if atoms.pbc.any() else None
    return Frame(atoms.get_positions() * ANGSTROM, box)


def _errors() -> tuple[type[Exception], ...]:
    """What a calculator raises when a configuration is too much for it."""
    return _ase("ase.calculators.calculator").CalculatorError, ArithmeticError, np.linalg.LinAlgError


def _ase(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise ValueError(f"ASE is missing: {ASE_MEND} (or the extra cvflow[ase])") from error

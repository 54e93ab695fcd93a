"""A potential as LAMMPS knows it."""

from dataclasses import dataclass

import numpy as np

from cvflow.core.frames import Frame


@dataclass(frozen=True)
class LongBond:
    """A bond with the energy Σ_n c_n (r - r0)^n, n = 0, 1, …, of two atoms' distance as their coordinates are.

    LAMMPS's own bonds take the nearest periodic image, which is another one beyond half a box.

    Attributes:
        atoms: counted from 0.
        r0: where the polynomial is written around [nm].
        coefficients: c_0, c_1, … [kJ/mol/nm^n].
    """

    atoms: tuple[int, int]
    r0: float
    coefficients: tuple[float, ...]

    def energy(self, frame: Frame) -> float:
        """Of a configuration [kJ/mol]."""
        first, second = frame.positions[list(self.atoms)]
        return float(np.polynomial.polynomial.polyval(np.linalg.norm(second - first) - self.r0, self.coefficients))

    @property
    def slopes(self) -> tuple[float, ...]:
        """Coefficients of the derivative, the highest power first."""
        return tuple(n * c for n, c in enumerate(self.coefficients))[:0:-1]


@dataclass(frozen=True)
class LammpsModel:
    """Box, atoms, masses and forces, as plain data.

    Attributes:
        commands: of a LAMMPS script in `units lj`, whose numbers are read as nm, ps, amu and kJ/mol. Atoms must have
            identifiers from 1 without gaps; their places do not matter. There must be no fix, hence no integrator.
        long_bonds: beyond what LAMMPS has a style for.
    """

    commands: tuple[str, ...]
    long_bonds: tuple[LongBond, ...] = ()

    @property
    def script(self) -> str:
        """For a person to read, the bonds as comments."""
        bonds = [
            f"# bond of atoms {i} and {j}, counted from 0, as their coordinates are: "
            + " + ".join(f"{c!r} (r - {bond.r0!r})^{n}" for n, c in enumerate(bond.coefficients) if c)
            for bond in self.long_bonds
            for i, j in (bond.atoms,)
        ]
        return "\n".join([*self.commands, *bonds, ""])

    @property
    def highest_atom(self) -> int:
        """Of the long bonds, counted from 0; -1 without any."""
        return max((max(bond.atoms) for bond in self.long_bonds), default=-1)

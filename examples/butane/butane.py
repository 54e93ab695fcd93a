"""n-Butane with a semi-empirical potential: GFN2-xTB by tblite (`pip install tblite`)."""

from pathlib import Path

from ase import Atoms
from ase.io import read
from tblite.ase import TBLite

HYDROGEN_MASS = 4.0
"""amu: masses leave the distribution of positions as it is, and with this a time step of 2 fs is short enough."""


def molecule() -> Atoms:
    """The molecule, its calculator set."""
    atoms = read(Path(__file__).with_name("anti.xyz"))
    atoms.set_masses([HYDROGEN_MASS if symbol == "H" else None for symbol in atoms.get_chemical_symbols()])
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    return atoms

"""The projection of velocities, and the rigid bonds of `gmx dump`."""

import numpy as np
import pytest

from cvflow.engine.external.gromacs_topology import rigid_pairs
from cvflow.engine.external.rigid import tangential

PAIRS = np.array([[0, 1], [1, 2], [0, 2], [2, 3], [4, 5]])
BOX = np.array([[2.0, 0.0, 0.0], [0.5, 1.8, 0.0], [-0.4, 0.6, 2.1]])


def system(rng):
    """A triangle with a tail and a pair apart, whole: positions, masses, velocities."""
    x = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.05, 0.09, 0], [0.1, 0.15, 0.1], [0.8, 0.8, 0.8], [0.8, 0.9, 0.85]])
    return x + 0.01 * rng.standard_normal((6, 3)), rng.uniform(1, 16, 6), rng.standard_normal((6, 3))


def constraints(x):
    """Gradients of the bonds' lengths, one row a bond."""
    rows = np.zeros((len(PAIRS), *x.shape))
    for row, (a, b) in zip(rows, PAIRS, strict=True):
        row[a] = (x[a] - x[b]) / np.linalg.norm(x[a] - x[b])
        row[b] = -row[a]
    return rows.reshape(len(PAIRS), -1)


def test_the_projection_keeps_the_bonds_and_is_orthogonal_in_the_metric_of_the_masses():
    x, masses, v = system(np.random.default_rng(1))
    kept, m = tangential(v, x, BOX, masses, PAIRS), np.repeat(masses, 3)
    assert np.abs(constraints(x) @ kept.ravel()).max() < 1e-10
    null = np.linalg.svd(constraints(x))[2][len(PAIRS) :]
    assert np.abs(null @ (m * (v - kept).ravel())).max() < 1e-10
    assert np.abs(v - kept).max() > 0.1


def test_images_make_no_difference():
    rng = np.random.default_rng(2)
    x, masses, v = system(rng)
    scattered = x + rng.integers(-2, 3, (6, 3)) @ BOX
    assert tangential(v, scattered, BOX, masses, PAIRS) == pytest.approx(tangential(v, x, BOX, masses, PAIRS), abs=1e-9)


DUMP = """topology:
   molblock (0):
      moltype              = 0 "chain"
      #molecules                     = 2
      #posres_xA                     = 0
   molblock (1):
      moltype              = 1 "SOL"
      #molecules                     = 2
   molblock (2):
      moltype              = 0 "chain"
      #molecules                     = 1
   ffparams:
         functype[0]=CONSTR, dA= 1.5e-01, dB= 1.5e-01
   moltype (0):
      name="chain"
      atoms:
         atom (4):
            atom[     0]={type=  0, typeB=  0, ptype=    Atom, m= 1.2e+01}
      Constraint:
         nr: 6
         iatoms:
            0 type=0 (CONSTR)   0   1
      Constr. No Co.:
         nr: 3
         iatoms:
            0 type=1 (CONSTRNC)   2   3
   moltype (1):
      name="SOL"
      atoms:
         atom (3):
      Settle:
         nr: 4
         iatoms:
            0 type=2 (SETTLE)   0   1   2
"""


def test_rigid_bonds_of_all_molecules_in_their_order():
    water = [(0, 1), (0, 2), (1, 2)]
    assert rigid_pairs(DUMP) == (
        (0, 1), (2, 3), (4, 5), (6, 7),
        *((8 + a, 8 + b) for a, b in water), *((11 + a, 11 + b) for a, b in water),
        (14, 15), (16, 17),
    )  # fmt: skip


def test_virtual_sites_are_refused():
    with pytest.raises(ValueError, match="VSITE3"):
        rigid_pairs(DUMP.replace("functype[0]=CONSTR,", "functype[0]=VSITE3,"))

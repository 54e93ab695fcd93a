"""What `gmx dump` prints of a run's topology."""

import pytest

from cvflow.engines.external.gromacs_dump import molecules

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
            atom[     0]={type=  0, typeB=  0, ptype=    Atom, m= 1.20100e+01, q= 0.0, resind=    0, atomnumber=  6}
            atom[     1]={type=  0, typeB=  0, ptype=    Atom, m= 1.00800e+00, q= 0.0, resind=    0, atomnumber=  1}
            atom[     2]={type=  0, typeB=  0, ptype=    Atom, m= 1.40100e+01, q= 0.0, resind=    1, atomnumber=  7}
            atom[     3]={type=  0, typeB=  0, ptype=    Atom, m= 1.00800e+00, q= 0.0, resind=    1, atomnumber=  1}
         atom (4):
            atom[0]={name="C"}
            atom[1]={name="H'1"}
            atom[2]={name="N"}
            atom[3]={name="H"}
         type (4):
            type[0]={name="CT",nameB="CT"}
         residue (2):
            residue[0]={name="ALA", nr=7, ic=' '}
            residue[1]={name="NME", nr=8, ic=' '}
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
            atom[     0]={type=  1, typeB=  1, ptype=    Atom, m= 1.60000e+01, q= 0.0, resind=    0, atomnumber=  8}
            atom[     1]={type=  2, typeB=  2, ptype=    Atom, m= 1.00800e+00, q= 0.0, resind=    0, atomnumber=  1}
            atom[     2]={type=  2, typeB=  2, ptype=    Atom, m= 1.00800e+00, q= 0.0, resind=    0, atomnumber=  1}
         atom (3):
            atom[0]={name="OW"}
            atom[1]={name="HW1"}
            atom[2]={name="HW2"}
         residue (1):
            residue[0]={name="SOL", nr=1, ic=' '}
      Settle:
         nr: 4
         iatoms:
            0 type=2 (SETTLE)   0   1   2
"""


def test_rigid_bonds_of_all_molecules_in_their_order():
    water = [(0, 1), (0, 2), (1, 2)]
    assert molecules(DUMP).rigid == (
        (0, 1), (2, 3), (4, 5), (6, 7),
        *((8 + a, 8 + b) for a, b in water), *((11 + a, 11 + b) for a, b in water),
        (14, 15), (16, 17),
    )  # fmt: skip


def test_atoms_have_their_names_and_masses():
    found = molecules(DUMP)
    chain, water = (("ALA", ("C", "H'1")), ("NME", ("N", "H"))), (("SOL", ("OW", "HW1", "HW2")),)
    assert found.chains == (2 * chain, 2 * water, chain)
    of_chain, of_water = (12.01, 1.008, 14.01, 1.008), (16.0, 1.008, 1.008)
    assert found.masses == (*of_chain, *of_chain, *of_water, *of_water, *of_chain)


def test_virtual_sites_are_refused():
    with pytest.raises(ValueError, match="VSITE3"):
        molecules(DUMP.replace("functype[0]=CONSTR,", "functype[0]=VSITE3,"))

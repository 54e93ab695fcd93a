"""The chain with rigid bonds in files for GROMACS."""

from pathlib import Path

import numpy as np

from cvflow.doctor.verify.rigid_chain import CHAIN_MASSES as MASSES
from cvflow.doctor.verify.rigid_chain import RigidChain
from cvflow.engines.external import ExternalSpec, Gromacs
from cvflow.engines.external.gromacs import prepared
from tests.engines.external.butane import BOX, KT, LENGTH, MDP, PLUMED
from tests.engines.external.butane import TOP as FLEXIBLE


def write_files(chain: RigidChain, folder: Path) -> None:
    """topol.top and a structure."""
    masses = "".join(f"{i} X{i} 1 CHN C{i} {i} 0.0 {mass}\n" for i, mass in enumerate(MASSES, 1))
    head, tail = FLEXIBLE.split("[ atoms ]\n")[0], "[ dihedrals ]" + FLEXIBLE.split("[ dihedrals ]")[1]
    bonds = "".join(f"{i} {i + 1} 1 {LENGTH} 1000\n" for i in (1, 2, 3))
    angles = "".join(f"{i} {i + 1} {i + 2} 1 {chain.angle} {chain.bend}\n" for i in (1, 2))
    (folder / "topol.top").write_text(f"{head}[ atoms ]\n{masses}[ bonds ]\n{bonds}[ angles ]\n{angles}{tail}")
    x = chain.exact_draws(1, np.random.default_rng(0))[0]
    rows = (
        f"{1:5d}{'CHN':<5s}{f'C{i}':>5s}{i:5d}{''.join(f'{c:8.3f}' for c in row)}\n" for i, row in enumerate(x, 1)
    )
    (folder / "start.gro").write_text(f"chain\n    4\n{''.join(rows)}{BOX:10.5f}{BOX:10.5f}{BOX:10.5f}\n")


def spec(folder: str, action: str, timestep: float) -> ExternalSpec:
    """The files of `write_files` with all bonds as constraints."""
    files = Path(folder)
    mdp = f"{MDP}constraints = all-bonds\n"
    program = prepared(Gromacs(mdp, str(files / "topol.top"), str(files / "start.gro"), maxwarn=3))
    return ExternalSpec(program, PLUMED, ("phi",), action, KT, timestep)

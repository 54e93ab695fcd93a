"""Two molecules of rigid water for GROMACS, the first across the border of the box."""

from pathlib import Path

import numpy as np

from cvflow.doctor.verify.rigid_water import HH, OH
from cvflow.engines.external import ExternalSpec, Gromacs
from cvflow.engines.external.gromacs import prepared
from tests.engines.external.butane import BOX, KT, MDP

MASSES = (15.999, 1.008, 1.008) * 2
PLUMED = ("d: DISTANCE ATOMS=1,4",)
TOP = f"""[ defaults ]
1 2 no 1.0 1.0
[ atomtypes ]
OW 8 15.999 0.0 A 0.315061 0.636386
HW 1 1.008 0.0 A 0.0 0.0
[ moleculetype ]
SOL 2
[ atoms ]
1 OW 1 SOL OW 1 -0.834 15.999
2 HW 1 SOL HW1 1 0.417 1.008
3 HW 1 SOL HW2 1 0.417 1.008
[ settles ]
1 1 {OH} {HH}
[ exclusions ]
1 2 3
2 1 3
3 1 2
[ system ]
water
[ molecules ]
SOL 2
"""


def positions() -> np.ndarray:
    """(6, 3) [nm]; oxygens 0.3 nm apart; a hydrogen lies on the box's other side."""
    along = np.sqrt(OH**2 - (HH / 2) ** 2)
    molecule = np.array([[0.0, 0.0, 0.0], [along, HH / 2, 0.0], [along, -HH / 2, 0.0]])
    first = molecule + np.array([BOX - 0.02, 1.5, 0.02])
    second = molecule[:, [1, 0, 2]] + np.array([BOX - 0.3, 1.55, 0.1])
    return np.concatenate([first, second]) % BOX


def spec(folder: Path, action: str, timestep: float) -> ExternalSpec:
    (folder / "topol.top").write_text(TOP)
    rows = (
        f"{1 + i // 3:5d}{'SOL':<5s}{('OW', 'HW1', 'HW2')[i % 3]:>5s}{i + 1:5d}{''.join(f'{c:8.3f}' for c in row)}\n"
        for i, row in enumerate(positions())
    )
    (folder / "start.gro").write_text(f"water\n    6\n{''.join(rows)}{BOX:10.5f}{BOX:10.5f}{BOX:10.5f}\n")
    program = prepared(Gromacs(MDP, str(folder / "topol.top"), str(folder / "start.gro"), maxwarn=3))
    return ExternalSpec(program, PLUMED, ("d",), action, KT, timestep)

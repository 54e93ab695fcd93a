"""The rigid water in files for GROMACS, its landscape PLUMED's."""

from pathlib import Path

import numpy as np

from cvflow.doctor.verify.rigid_water import BARRIER, CENTRE, FOLD, LEAN, OH, SPRING, TILT, exact_draws
from cvflow.engines.external import ExternalSpec, Gromacs
from cvflow.engines.external.gromacs import prepared
from tests.engines.external.butane import BOX, KT, MDP
from tests.engines.external.rigid_water import TOP

PLUMED = (
    "o: POSITION ATOM=1 NOPBC",
    "h: POSITION ATOM=2 NOPBC",
    "i: POSITION ATOM=3 NOPBC",
    f"a: CUSTOM ARG=h.z,o.z FUNC=(x-y)/{OH} PERIODIC=NO",
    f"b: CUSTOM ARG=i.z,o.z FUNC=(x-y)/{OH} PERIODIC=NO",
    f"spring: CUSTOM ARG=o.x,o.y,o.z,a,b VAR=x,y,z,a,b PERIODIC=NO "
    f"FUNC={SPRING / 2}*((x-{CENTRE}-{LEAN}*b)^2+(y-{CENTRE}-{LEAN}*a)^2+(z-{CENTRE})^2)",
    f"well: CUSTOM ARG=a FUNC={BARRIER}*((x/0.6)^2-1)^2+({TILT})*x PERIODIC=NO",
    f"fold: CUSTOM ARG=a,b FUNC={FOLD}*(y+0.5*x-0.3*x^2)^2 PERIODIC=NO",
    "landscape: BIASVALUE ARG=spring,well,fold",
    f"v: CUSTOM ARG=h.z FUNC=(x-{CENTRE})/{OH} PERIODIC=NO",
)
"""v, the CV, is the height of a hydrogen over the middle of the box, in bonds."""


def write_files(folder: Path) -> None:
    """topol.top, of one molecule without charges or a radius, and a structure."""
    text = TOP.replace("0.315061 0.636386", "0.0 0.0").replace("-0.834", "0.0").replace("0.417", "0.0")
    (folder / "topol.top").write_text(text.removesuffix("SOL 2\n") + "SOL 1\n")
    x = exact_draws(1, np.random.default_rng(0))[0]
    rows = "".join(
        f"{1:5d}{'SOL':<5s}{name:>5s}{i:5d}{''.join(f'{c:8.3f}' for c in row)}\n"
        for i, (name, row) in enumerate(zip(("OW", "HW1", "HW2"), x, strict=True), 1)
    )
    (folder / "start.gro").write_text(f"water\n    3\n{rows}{BOX:10.5f}{BOX:10.5f}{BOX:10.5f}\n")


def spec(folder: str, action: str, timestep: float) -> ExternalSpec:
    """The files of `write_files`."""
    files = Path(folder)
    program = prepared(Gromacs(MDP, str(files / "topol.top"), str(files / "start.gro"), maxwarn=3))
    return ExternalSpec(program, PLUMED, ("v",), action, KT, timestep)

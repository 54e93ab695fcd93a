"""One rigid water for GROMACS in a landscape of PLUMED's, with exact draws: a place and a rotation are all that moves.

The metric's determinant is the same for every configuration of a rigid triangle, so its positions have the density
exp(-U/kT) in the oxygen's place and the uniform measure of rotations.
"""

from pathlib import Path

import numpy as np

from cvflow.engines.external import ExternalSpec, Gromacs
from cvflow.engines.external.gromacs import prepared
from cvflow.proposals import GaussianMixture
from tests.engines.external.butane import BOX, KT, MDP
from tests.engines.external.rigid_water import HH, OH, TOP

MASSES = (15.999, 1.008, 1.008)
SHAPE = np.array([[0.0, 0.0], [HH / 2, np.sqrt(OH**2 - (HH / 2) ** 2)], [-HH / 2, np.sqrt(OH**2 - (HH / 2) ** 2)]])
"""The triangle in its plane [nm], the oxygen in the origin."""

CENTRE = BOX / 2
SPRING, LEAN = 600_000.0, 0.004
"""Holds the oxygen near a place that leans with the hydrogens' heights [kJ/mol/nm², nm]; its reach is 0.002 nm."""

BARRIER, TILT, FOLD = 6.0, -3.0, 60.0
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

BAD_FLOW = GaussianMixture(((-0.5,), (0.75,)), ((0.3,), (0.2,)), (0.2, 0.8))
"""Wrong weights, widths and places."""


def exact_draws(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 3, 3) [nm], in single precision: a rotation by rejection, then the oxygen's place."""
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < count:
        turned = np.einsum("nij,aj->nai", rotations(10000, rng)[:, :, :2], SHAPE)
        parts.append(turned[rng.random(10000) < np.exp(-(turning(*heights(turned)) + abs(TILT)) / KT)])
    turned = np.concatenate(parts)[:count]
    places = leaning(*heights(turned)) + np.sqrt(KT / SPRING) * rng.standard_normal((count, 3))
    return (places[:, None] + turned).astype(np.float32).astype(float)


def rotations(count: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform ones, (count, 3, 3)."""
    turns, triangular = np.linalg.qr(rng.standard_normal((count, 3, 3)))
    turns *= np.sign(np.einsum("nii->ni", triangular))[:, None]
    turns[:, :, 2] *= np.linalg.det(turns)[:, None]
    return turns


def heights(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of both hydrogens over the oxygen, a and b [bonds]."""
    return (x[:, 1, 2] - x[:, 0, 2]) / OH, (x[:, 2, 2] - x[:, 0, 2]) / OH


def folded(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far the second hydrogen is from where the first wants it."""
    return b + 0.5 * a - 0.3 * a**2


def turning(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Energy of the rotation alone [kJ/mol]; without the tilt it is nowhere below 0."""
    return BARRIER * ((a / 0.6) ** 2 - 1) ** 2 + TILT * a + FOLD * folded(a, b) ** 2


def leaning(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The place that the spring holds the oxygen to [nm]."""
    return CENTRE + LEAN * np.stack([b, a, np.zeros_like(a)], axis=-1)


def energy(x: np.ndarray) -> np.ndarray:
    """Of configurations [kJ/mol]."""
    a, b = heights(x)
    return turning(a, b) + 0.5 * SPRING * ((x[:, 0] - leaning(a, b)) ** 2).sum(axis=1)


def value(x: np.ndarray) -> np.ndarray:
    return (x[:, 1, 2] - CENTRE) / OH


def observables(x: np.ndarray) -> dict[str, np.ndarray]:
    (a, b), v, off = heights(x), value(x), (x[:, 0] - CENTRE) / LEAN
    first, second = (x[:, 1] - x[:, 0]) / OH, (x[:, 2] - x[:, 0]) / OH
    fold, stray = folded(a, b), ((x[:, 0] - leaning(a, b)) ** 2).sum(axis=1) / LEAN**2
    return {
        "up": (a > 0).astype(float),
        "a": a,
        "a²": a**2,
        "a³": a**3,
        "v": v,
        "v²": v**2,
        "b": b,
        "b²": b**2,
        "a b": a * b,
        "fold²": fold**2,
        "fold² a": fold**2 * a,
        "well": turning(a, b),
        "oxygen": off[:, 0],
        "oxygen a": off[:, 1] * a,
        "oxygen b": off[:, 0] * b,
        "stray": stray,
        "stray a": stray * a,
        "normal": (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) ** 2,
        "azimuth": first[:, 0] ** 2 - first[:, 1] ** 2,
    }


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

"""One rigid water in a landscape, with exact draws: a place and a rotation are all that moves.

The metric's determinant is the same for every configuration of a rigid triangle, so its positions have the density
exp(-U/kT) in the oxygen's place and the uniform measure of rotations. With a virtual site on its axis the landscape is
the same, told by where the site is in the place of the second hydrogen.
"""

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.cv import ForceCV, from_force
from cvflow.doctor.verify.four_atoms import BOX, Drawn
from cvflow.doctor.verify.four_atoms import KT_AT_300 as KT
from cvflow.proposals import GaussianMixture

OH, HH = 0.09572, 0.15139
WATER_MASSES = (15.999, 1.008, 1.008)
SHAPE = np.array([[0.0, 0.0], [HH / 2, np.sqrt(OH**2 - (HH / 2) ** 2)], [-HH / 2, np.sqrt(OH**2 - (HH / 2) ** 2)]])
"""The triangle in its plane [nm], the oxygen in the origin."""

CENTRE = BOX / 2
SPRING, LEAN = 600_000.0, 0.004
"""Holds the oxygen near a place that leans with the hydrogens' heights [kJ/mol/nm², nm]; its reach is 0.002 nm."""

SITE = 0.106676721
"""Weight of each hydrogen in the place of the site: that of TIP4P-Ew, whose charge is there."""

BARRIER, TILT, FOLD = 6.0, -3.0, 60.0
"""The value, v, is the height of a hydrogen over the middle of the box, in bonds."""

HEIGHT_FLOW = GaussianMixture(((-0.5,), (0.75,)), ((0.3,), (0.2,)), (0.2, 0.8))
"""Wrong weights, widths and places."""


_PerDraw = Float[np.ndarray, " *draws"]


def exact_draws(count: int, rng: np.random.Generator) -> Drawn:
    """Drawn [nm], in single precision: a rotation by rejection, then the oxygen's place."""
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < count:
        turned = np.einsum("nij,aj->nai", rotations(10000, rng)[:, :, :2], SHAPE)
        parts.append(turned[rng.random(10000) < np.exp(-(turning(*heights(turned)) + abs(TILT)) / KT)])
    turned = np.concatenate(parts)[:count]
    places = leaning(*heights(turned)) + np.sqrt(KT / SPRING) * rng.standard_normal((count, 3))
    return (places[:, None] + turned).astype(np.float32).astype(float)


def exact_draws_with_site(count: int, rng: np.random.Generator) -> Drawn:
    """The same with the site as fourth particle."""
    x = exact_draws(count, rng)
    site = x[:, :1] + SITE * (x[:, 1:] - x[:, :1]).sum(axis=1, keepdims=True)
    return np.concatenate([x, site], axis=1)


def rotations(count: int, rng: np.random.Generator) -> Float[np.ndarray, "count 3 3"]:
    """Uniform ones."""
    turns, triangular = np.linalg.qr(rng.standard_normal((count, 3, 3)))
    turns *= np.sign(np.einsum("nii->ni", triangular))[:, None]
    turns[:, :, 2] *= np.linalg.det(turns)[:, None]
    return turns


def heights(x: Drawn) -> tuple[_PerDraw, _PerDraw]:
    """Of both hydrogens over the oxygen, a and b [bonds]."""
    return (x[:, 1, 2] - x[:, 0, 2]) / OH, (x[:, 2, 2] - x[:, 0, 2]) / OH


def folded(a: _PerDraw, b: _PerDraw) -> _PerDraw:
    """How far the second hydrogen is from where the first wants it."""
    return b + 0.5 * a - 0.3 * a**2


def turning(a: _PerDraw, b: _PerDraw) -> _PerDraw:
    """Energy of the rotation alone [kJ/mol]; without the tilt it is nowhere below 0."""
    return BARRIER * ((a / 0.6) ** 2 - 1) ** 2 + TILT * a + FOLD * folded(a, b) ** 2


def leaning(a: _PerDraw, b: _PerDraw) -> Float[np.ndarray, "draws 3"]:
    """The place that the spring holds the oxygen to [nm]."""
    return CENTRE + LEAN * np.stack([b, a, np.zeros_like(a)], axis=-1)


def energy(x: Drawn) -> _PerDraw:
    """Of configurations [kJ/mol]."""
    a, b = heights(x)
    return turning(a, b) + 0.5 * SPRING * ((x[:, 0] - leaning(a, b)) ** 2).sum(axis=1)


def value(x: Drawn) -> _PerDraw:
    """Of the CV: the height of a hydrogen over the middle of the box [bonds]."""
    return (x[:, 1, 2] - CENTRE) / OH


def observables(x: Drawn) -> dict[str, _PerDraw]:
    """Functions of configurations, joint ones among them."""
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


def system() -> openmm.System:
    """The landscape in OpenMM's algebra."""
    return _in_landscape(_molecule(), f"(z3-z1)/{OH}")


def system_with_site() -> openmm.System:
    """The same of four particles: what pulls at the second hydrogen pulls at the site."""
    system = _molecule()
    system.addParticle(0.0)
    system.setVirtualSite(3, openmm.ThreeParticleAverageSite(0, 1, 2, 1 - 2 * SITE, SITE, SITE))
    return _in_landscape(system, f"(z4-z1)/{OH * SITE}-a")


def cv() -> ForceCV:
    """Its value is `value`."""
    height = openmm.CustomExternalForce(f"(z-{CENTRE})/{OH}")
    height.addParticle(1, [])
    return from_force("v", height)


def _molecule() -> openmm.System:
    system = openmm.System()
    for mass in WATER_MASSES:
        system.addParticle(mass)
    for first, second, length in ((0, 1, OH), (0, 2, OH), (1, 2, HH)):
        system.addConstraint(first, second, length)
    return system


def _in_landscape(system: openmm.System, second_height: str) -> openmm.System:
    particles = range(system.getNumParticles())
    landscape = openmm.CustomCompoundBondForce(
        len(particles),
        f"{SPRING / 2}*((x1-{CENTRE}-{LEAN}*b)^2+(y1-{CENTRE}-{LEAN}*a)^2+(z1-{CENTRE})^2)"
        f"+{BARRIER}*((a/0.6)^2-1)^2+({TILT})*a+{FOLD}*(b+0.5*a-0.3*a^2)^2; b={second_height}; a=(z2-z1)/{OH}",
    )
    landscape.addBond(list(particles), [])
    system.addForce(landscape)
    return system

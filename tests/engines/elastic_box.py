"""A gas of dumbbells in a box that springs hold: three lengths with a known distribution, under any barostat.

One particle, the corner, is tied to a fixed place far from the origin, and by a second spring, through the boundary, to
the origin's image there. Both are harmonic, so that each length L of the box is normal about that place but for what
the pressure, the surface tension and the molecules' centres make of it:

    p(L) ∝ Π exp(-(L_a - C_a)²/(2σ²)) · V^N exp(-β(PV - γA)),    σ² = kT (1/k_far + 1/k_near).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import openmm

from cvflow.core.frames import Frame
from cvflow.core.units import thermal_energy
from cvflow.cv import distance
from cvflow.engines.openmm import OpenMMEngine, OpenMMSpec
from cvflow.engines.openmm.volume import BAR, VolumeMove

MOLECULES, TEMPERATURE = 4, 240.0
KT = thermal_energy(TEMPERATURE)
CORNER, FAR, NEAR = np.array([1.5, 1.6, 1.7]), 60.0, 90.0
WIDTH = np.sqrt(KT * (1 / FAR + 1 / NEAR))
SPRING, LENGTH = 50.0, 0.3
DRAWS = 4_000
HALF_BOND = 0.1 * np.array([[[1.0, 0, 0], [-1.0, 0, 0]]])


@dataclass(frozen=True)
class Conditions:
    """A barostat and what it should keep.

    Attributes:
        barostat: OpenMM's.
        pressure: bar.
        tension: of the surface [bar nm].
        volume_kept: lengths x and y are free at each volume; else all three.
    """

    barostat: Callable[[], openmm.Force]
    pressure: float = 0.0
    tension: float = 0.0
    volume_kept: bool = False


def system(barostat: openmm.Force) -> openmm.System:
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*np.diag(CORNER))
    bond = openmm.HarmonicBondForce()
    bond.setUsesPeriodicBoundaryConditions(True)
    for molecule in range(MOLECULES):
        system.addParticle(1.0)
        system.addParticle(3.0)
        bond.addBond(2 * molecule, 2 * molecule + 1, LENGTH, SPRING)
    x, y, z = CORNER
    corner = openmm.CustomExternalForce(
        f"{FAR}/2*((x-{x})^2+(y-{y})^2+(z-{z})^2)+{NEAR}/2*periodicdistance(x,y,z,0,0,0)^2"
    )
    corner.addParticle(system.addParticle(2.0), [])
    for force in (bond, corner, barostat):
        system.addForce(force)
    return system


def engine(conditions: Conditions) -> OpenMMEngine:
    xml = openmm.XmlSerializer.serialize(system(conditions.barostat()))
    return OpenMMSpec(xml, (distance("d", 0, 1),), KT, 0.01, platform="Reference").build()


def _log_density(lengths: np.ndarray, conditions: Conditions) -> np.ndarray:
    """ln p(L), but for a constant; where the volume is kept, p(L) dx dy dV has another factor dV/dz."""
    volumes, areas = lengths.prod(axis=-1), lengths[..., :2].prod(axis=-1)
    energy = BAR * (conditions.pressure * volumes - conditions.tension * areas)
    measure = np.log(areas) if conditions.volume_kept else 0.0
    return _log_normal(lengths, CORNER, WIDTH) + MOLECULES * np.log(volumes) - energy / KT + measure


def _log_normal(lengths: np.ndarray, centre: np.ndarray, width: float) -> np.ndarray:
    return -0.5 * (((lengths - centre) / width) ** 2).sum(axis=-1)


def lengths(conditions: Conditions, count: int, rng: np.random.Generator) -> np.ndarray:
    """Exact draws of the box's lengths (count, 3), by rejection from a wider normal about the likeliest."""
    grid = np.stack(np.meshgrid(*[np.linspace(0.3, 4.0, 75)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    centre, width = grid[_log_density(grid, conditions).argmax()], 1.3 * WIDTH

    def excess(at: np.ndarray) -> np.ndarray:
        return _log_density(at, conditions) - _log_normal(at, centre, width)

    most = excess(grid).max() + 0.1
    found = np.zeros((0, 3))
    while len(found) < count:
        drawn = centre + width * rng.standard_normal((8 * count, 3))
        drawn = drawn[(drawn > 0.3).all(axis=1)]
        found = np.concatenate([found, drawn[np.log(rng.random(len(drawn))) < excess(drawn) - most]])
    return found[:count]


def frames(conditions: Conditions, count: int, rng: np.random.Generator) -> list[Frame]:
    """Exact draws: lengths, molecules anywhere in the box, and the corner between its two springs' ends."""
    return [_frame(sides, rng) for sides in lengths(conditions, count, rng)]


def _frame(sides: np.ndarray, rng: np.random.Generator) -> Frame:
    centres = sides * rng.random((MOLECULES, 1, 3))
    middle = (FAR * CORNER + NEAR * sides) / (FAR + NEAR)
    corner = middle + np.sqrt(KT / (FAR + NEAR)) * rng.standard_normal(3)
    return Frame(np.concatenate([(centres + HALF_BOND).reshape(-1, 3), corner[None]]), np.diag(sides))


def observables(moved: list[Frame]) -> dict[str, np.ndarray]:
    """Of the box's lengths, and of where the corner is in it."""
    boxes = np.array([frame.box for frame in moved])
    x, y, z = boxes[:, 0, 0], boxes[:, 1, 1], boxes[:, 2, 2]
    offset = np.array([frame.positions[-1] for frame in moved]) - np.stack([x, y, z], axis=1)
    volume = x * y * z
    return {"x": x, "y": y, "z": z, "x²": x**2, "y²": y**2, "z²": z**2, "V": volume, "A": x * y, "ln V": np.log(volume),
            "x/y": x / y, "z/x": z / x, "offset x": offset[:, 0], "offset z²": offset[:, 2] ** 2}  # fmt: skip


@cache
def started(conditions: Conditions, count: int) -> list[Frame]:
    return frames(conditions, count, np.random.default_rng(31))


def largest_z(
    conditions: Conditions, count: int = DRAWS, moves: int = 1, wrong: Callable[[VolumeMove], VolumeMove] = lambda m: m
) -> float:
    """Of the paired differences that moves make; `wrong` makes a mutant of them."""
    made, rng = engine(conditions), np.random.default_rng(32)
    move = wrong(made._volume_move)
    before = started(conditions, count)
    after = before
    for _ in range(moves):
        after = [move(frame, made.potential_energy, rng)[0] for frame in after]
    first, then = observables(before), observables(after)
    moved = np.mean([not np.array_equal(a.box, b.box) for a, b in zip(before, after, strict=True)])
    assert 0.1 < moved < 0.98, "moves that are always or never made prove nothing"
    return max(_z(then[name] - first[name]) for name in first)


def _z(difference: np.ndarray) -> float:
    """In standard errors; of lengths that do not move, none."""
    return 0.0 if np.allclose(difference, 0, atol=1e-9) else float(
        abs(difference.mean()) / (difference.std() / np.sqrt(len(difference)))
    )  # fmt: skip


def asked_for(**wrong) -> Callable[[VolumeMove], VolumeMove]:
    """A move that another piston asks for."""
    return lambda move: replace(move, piston=move.piston._replace(**wrong))

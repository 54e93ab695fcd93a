"""Umbrella sampling of alanine dipeptide: the reference free energy, without cvflow's paths and jumps.

Only the molecule's atoms and start structures come from cvflow; the torsions are written a second time here. One
umbrella covers the torus: hills fill F(φ, ψ) until the molecule wanders freely, then the bias is frozen and the
statistics begin, in runs from both states, whose difference would show hysteresis. (Windows in φ alone do not do it: 20
of them, with replica exchange between neighbours, gave 6.3 kT from starts in C7eq and 3.1 kT from starts in C7ax, for
where φ crosses its barriers they do not get from one ψ to the other.)

    python -m tests.systems.alanine_umbrella --steps 3000000 --seed 0 --solvent vacuum
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openmm
from openmm import app

from cvflow.systems.peptide import PHI, PSI, alanine_dipeptide_positions, alanine_dipeptide_topology

FORCE_FIELDS = {
    "vacuum": ["amber99sbildn.xml"],
    "obc": ["amber99sbildn.xml", "amber99_obc.xml"],
    "rigid ff96 in vacuum": ["amber96.xml"],
}
CONSTRAINTS = {"rigid ff96 in vacuum": app.HBonds}
"""Where bonds are rigid, the distribution is that on their surface, which any dynamics with these constraints has."""
TEMPERATURE = 300.0
KT = 0.00831446261815324 * TEMPERATURE
STARTS = {"C7eq": (-1.4, 1.1), "C7ax": (1.1, -0.8)}
"""φ and ψ [rad]."""
AXIAL = (0.0, 2.1)
"""C7ax is 0 < φ < 2.1, C7eq all the rest."""

HYDROGEN_MASS = 4.0
"""amu: masses do not touch the distribution of positions, and a heavier hydrogen takes a longer step."""
TIMESTEP, FRICTION, INTERVAL = 0.002, 1.0, 50
"""ps, 1/ps, steps between two samples or hills. LangevinMiddle samples positions with a bias of O(dt²), without one in
a harmonic well."""

GRID = 20
"""Points of the bias along each angle, from 0; OpenMM copies the whole table at each step."""
LINE = 2 * np.pi * np.arange(GRID) / GRID
HILLS, HEIGHT, WIDTH, BIAS_FACTOR = 8_000, 2.0, 0.32, 15.0
"""Number, first height [kJ/mol] and width [rad] of the hills; they shrink as in well-tempered metadynamics."""
EQUILIBRATION, BLOCKS = 20_000, 16
"""Steps left out of each run; stretches of a run, whose spread is the error."""

REFERENCE_FILE = Path(__file__).with_name("alanine_reference.json")


class UmbrellaResult(NamedTuple):
    """ΔF = F(C7ax) - F(C7eq) in kT."""

    delta_f: float
    stderr: float


class Series(NamedTuple):
    """φ and ψ [rad], and the weight of each sample without the bias, up to a common factor."""

    angles: np.ndarray
    weight: np.ndarray


def reference(solvent: str) -> UmbrellaResult:
    """What was computed once with this script: the mean of its runs, weighted by their errors."""
    runs = json.loads(REFERENCE_FILE.read_text())[solvent]
    weights = np.array([run["stderr"] ** -2 for run in runs])
    value = float(weights @ np.array([run["delta_f"] for run in runs]) / weights.sum())
    return UmbrellaResult(value, float(weights.sum() ** -0.5))


class Umbrella:
    """The molecule with a bias on (φ, ψ) that is a table."""

    def __init__(self, solvent: str, seed: int, timestep: float) -> None:
        topology = alanine_dipeptide_topology()
        field = app.ForceField(*FORCE_FIELDS[solvent])
        rigid = CONSTRAINTS.get(solvent)
        system = field.createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=rigid, removeCMMotion=False)
        for atom in topology.atoms():
            if atom.element is app.element.hydrogen and rigid is None:
                system.setParticleMass(atom.index, HYDROGEN_MASS)
        self.bias = np.zeros((GRID, GRID))
        self._force = openmm.CMAPTorsionForce()
        self._force.addMap(GRID, self.bias.T.ravel())
        self._force.addTorsion(0, *PHI, *PSI)
        self._force.setForceGroup(1)
        system.addForce(self._force)
        integrator = openmm.LangevinMiddleIntegrator(TEMPERATURE, FRICTION, timestep)
        integrator.setRandomNumberSeed(seed + 1)
        self.context = openmm.Context(system, integrator, openmm.Platform.getPlatform("Reference"))

    def start(self, angles: tuple[float, float], seed: int) -> None:
        self.context.setPositions(alanine_dipeptide_positions(*angles))
        openmm.LocalEnergyMinimizer.minimize(self.context)
        self.context.setVelocitiesToTemperature(TEMPERATURE, seed + 1)

    def run(self) -> tuple[float, float]:
        """One interval; φ and ψ [rad] at its end."""
        self.context.getIntegrator().step(INTERVAL)
        positions = self.context.getState(getPositions=True).getPositions(asNumpy=True)._value
        return torsion(positions, PHI), torsion(positions, PSI)

    def add_hill(self, angles: tuple[float, float]) -> None:
        apart = [shortest(LINE - angle) for angle in angles]
        row, column = (int(np.argmin(np.abs(a))) for a in apart)
        height = HEIGHT * np.exp(-self.bias[row, column] / (KT * (BIAS_FACTOR - 1)))
        shapes = [np.exp(-0.5 * (a / WIDTH) ** 2) for a in apart]
        self.bias += height * np.outer(*shapes)
        self._force.setMapParameters(0, GRID, self.bias.T.ravel())
        self._force.updateParametersInContext(self.context)

    def energy(self) -> float:
        """The bias where the molecule is, in kT."""
        return self.context.getState(getEnergy=True, groups={1}).getPotentialEnergy()._value / KT


def torsion(positions: np.ndarray, atoms: tuple[int, int, int, int]) -> float:
    a, b, c, d = positions[list(atoms)]
    axis = (c - b) / np.linalg.norm(c - b)
    first, last = (a - b) - ((a - b) @ axis) * axis, (d - c) - ((d - c) @ axis) * axis
    return float(np.arctan2(np.cross(axis, first) @ last, first @ last))


def shortest(difference: np.ndarray) -> np.ndarray:
    return difference - 2 * np.pi * np.round(difference / (2 * np.pi))


def sample(steps: int, seed: int, solvent: str, timestep: float = TIMESTEP, hills: int = HILLS) -> dict[str, Series]:
    """Fill, freeze, and run half of the steps from each state."""
    umbrella = Umbrella(solvent, seed, timestep)
    umbrella.start(STARTS["C7eq"], seed)
    for _ in range(hills):
        umbrella.add_hill(umbrella.run())
    found = {}
    for name, angles in STARTS.items():
        umbrella.start(angles, seed)
        for _ in range(EQUILIBRATION // INTERVAL):
            umbrella.run()
        series = np.array([(*umbrella.run(), umbrella.energy()) for _ in range(steps // 2 // INTERVAL)])
        found[name] = Series(series[:, :2], np.exp(series[:, 2] - umbrella.bias.max() / KT))
    return found


def axial(series: Series) -> np.ndarray:
    return (series.angles[:, 0] > AXIAL[0]) & (series.angles[:, 0] < AXIAL[1])


def analyse(parts: list[Series]) -> UmbrellaResult:
    """ΔF from the weights, its error by the delta method over blocks of all runs."""
    inside, outside = [], []
    for part in parts:
        here = axial(part)
        inside += [block.sum() for block in np.array_split(part.weight * here, BLOCKS)]
        outside += [block.sum() for block in np.array_split(part.weight * ~here, BLOCKS)]
    a, b = np.array(inside), np.array(outside)
    influence = a / a.mean() - b / b.mean()
    return UmbrellaResult(float(np.log(b.sum() / a.sum())), float(influence.std(ddof=1) / np.sqrt(len(a))))


def crossings(series: Series) -> int:
    """Passages between the cores of the states, 0.6 < φ < 1.5 and φ < -0.6."""
    phi = series.angles[:, 0]
    core = np.where((phi > 0.6) & (phi < 1.5), 1, np.where(phi < -0.6, 0, -1))
    visited = core[core >= 0]
    return int(np.count_nonzero(np.diff(visited)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Umbrella-sampling reference of alanine dipeptide")
    parser.add_argument("--steps", type=int, default=10_000_000, help="time steps with the frozen bias")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--solvent", choices=list(FORCE_FIELDS), default="vacuum")
    parser.add_argument("--timestep", type=float, default=TIMESTEP, help="ps")
    arguments = parser.parse_args()
    series = sample(arguments.steps, arguments.seed, arguments.solvent, arguments.timestep)
    result = analyse(list(series.values()))
    passages = {name: crossings(part) for name, part in series.items()}
    print(json.dumps({**vars(arguments), **result._asdict(), "passages": sum(passages.values())}), flush=True)
    for name, part in series.items():
        alone = analyse([part])
        print(f"from {name} alone: {alone.delta_f:.3f} +- {alone.stderr:.3f} kT, {passages[name]} passages")


if __name__ == "__main__":
    main()

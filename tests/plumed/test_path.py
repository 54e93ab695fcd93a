"""Paths of the action under velocity Verlet: reversible to rounding, and jumps made of them leave the target alone.

The engine is written out here and calls PLUMED through its Python wrapper, as an MD program does.
"""

import numpy as np
import pytest

from cvflow.core.acceptance import log_acceptance
from cvflow.proposals.export import to_cvf
from cvflow.proposals.mixture import GaussianMixture

KT, MASS, TIMESTEP = 1.3, 1.7, 0.45
FLOW = GaussianMixture(((2.6,), (-0.4,)), ((0.5,), (0.5,)), (0.15, 0.85), (2 * np.pi,))
"""Wrong weights, and too narrow."""
INPUT = (
    "LOAD FILE={library}",
    "p: POSITION ATOM=1 NOPBC",
    "phi: CUSTOM ARG=p.x,p.y FUNC=atan2(y,x) PERIODIC=-pi,pi",
    "jump: CVFLOW ARG=phi KAPPA=12 MODEL={folder}/flow.cvf FILE={folder}/jumps.dat STEPS={steps} {words}",
)


def radius(phi):
    """The valley is no circle: its radius, so that φ and r are not independent."""
    return 1.0 + 0.25 * np.cos(phi - 0.5)


def energy(x):
    phi, r = np.arctan2(x[..., 1], x[..., 0]), np.hypot(x[..., 0], x[..., 1])
    return 10.0 * (r - radius(phi)) ** 2 - 1.5 * np.cos(phi - 2.8) - 1.2 * np.cos(2 * (phi - 0.3))


def force(x):
    (px, py), r = x, np.hypot(*x)
    phi = np.arctan2(py, px)
    by_r = 20.0 * (r - radius(phi))
    by_phi = by_r * 0.25 * np.sin(phi - 0.5) + 1.5 * np.sin(phi - 2.8) + 2.4 * np.sin(2 * (phi - 0.3))
    return -np.array([by_r * px / r - by_phi * py / r**2, by_r * py / r + by_phi * px / r**2])


def exact_draws(count, rng):
    """From exp(-U/kT) in the plane: φ and r from a fine grid, smeared over its cells."""
    edges = np.linspace(-np.pi, np.pi, 721), np.linspace(1e-3, 4.0, 2001)
    phi, r = (0.5 * (edge[1:] + edge[:-1]) for edge in edges)
    grid = np.stack([r * np.cos(phi[:, None]), r * np.sin(phi[:, None])], axis=-1)
    weight = (r * np.exp(-energy(grid) / KT)).ravel()
    cell = rng.choice(weight.size, count, p=weight / weight.sum())
    phi = phi[cell // len(r)] + (rng.random(count) - 0.5) * np.diff(edges[0])[0]
    r = r[cell % len(r)] + (rng.random(count) - 0.5) * np.diff(edges[1])[0]
    return np.stack([r * np.cos(phi), r * np.sin(phi)], axis=1)


class Engine:
    """Velocity Verlet of one particle in the plane, biased by PLUMED."""

    def __init__(self, wrapper, library, folder):
        self.wrapper, self.library, self.folder = wrapper, library, folder
        (folder / "flow.cvf").write_bytes(to_cvf(FLOW, ["phi"], ["rad"]))

    def path(self, x, p, steps, words):
        """End and momentum of a path, its change of energy with both ends' bias [kT], and PLUMED's row."""
        for name in ("jumps.dat", "log"):  # or PLUMED would keep a copy of each
            (self.folder / name).unlink(missing_ok=True)
        with self.wrapper.Plumed() as plumed:
            for key, value in (("setNatoms", 1), ("setKbT", KT), ("setTimestep", TIMESTEP), ("setNoVirial", None)):
                plumed.cmd(key) if value is None else plumed.cmd(key, value)
            plumed.cmd("setLogFile", str(self.folder / "log"))
            plumed.cmd("init")
            for line in INPUT:
                plumed.cmd(
                    "readInputLine", line.format(library=self.library, folder=self.folder, steps=steps, words=words)
                )
            before = energy(x) + 0.5 * p @ p / MASS
            for step in range(steps + 1):
                p = p + 0.5 * TIMESTEP * (forces := self._forces(plumed, step, x))
                if step == 0:
                    x = x + TIMESTEP * p / MASS
                elif step < steps:
                    p = p + 0.5 * TIMESTEP * forces
                    x = x + TIMESTEP * p / MASS
            after = energy(x) + 0.5 * p @ p / MASS
        row = self._row()
        return x, p, (after - before + row["bias_new"] - row["bias_old"]) / KT, row

    def _forces(self, plumed, step, x):
        positions, forces = np.array([[*x, 0.0]]), np.zeros((1, 3))
        plumed.cmd("setStep", step)
        plumed.cmd("setPositions", positions)
        plumed.cmd("setMasses", np.array([MASS]))
        plumed.cmd("setForces", forces)
        plumed.cmd("calc")
        return force(x) + forces[0, :2]

    def _row(self):
        lines = (self.folder / "jumps.dat").read_text().splitlines()
        names, values = lines[0].split()[2:], lines[-1].split()
        return {name: float(value) for name, value in zip(names, values, strict=True) if name != "decision"}


@pytest.fixture
def engine(wrapper, library, tmp_path):
    return Engine(wrapper, library, tmp_path)


def test_the_force_is_minus_the_gradient():
    """Of the engine written here."""
    for x in np.random.default_rng(0).normal(size=(20, 2)):
        rise = [(energy(x + d) - energy(x - d)) / 2e-6 for d in 1e-6 * np.eye(2)]
        np.testing.assert_allclose(force(x), -np.array(rise), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("schedule", ["LINEAR", "COSINE"])
@pytest.mark.parametrize("steps", [1, 2, 30])
def test_a_path_run_backwards_comes_back(engine, steps, schedule):
    """Over ±π, the shortest arc: x, p and W return, whatever the step's length."""
    x, p = np.array([-0.9, 0.35]), np.array([0.4, -1.1])
    there = engine.path(x, p, steps, f"SCHEDULE={schedule} FROM=2.5 TO=-2.2")
    back = engine.path(there[0], -there[1], steps, f"SCHEDULE={schedule} FROM=-2.2 TO=2.5")
    np.testing.assert_allclose(back[0], x, atol=1e-10)
    np.testing.assert_allclose(-back[1], p, atol=1e-10)
    assert back[2] == pytest.approx(-there[2], abs=1e-9)
    assert back[3]["protocol_work"] == pytest.approx(-there[3]["protocol_work"], abs=1e-9)


def test_the_work_is_that_of_the_protocol_but_for_the_step(engine, monkeypatch):
    """Shadow work goes down with the square of the time step, at equal duration of the path."""
    x, p, shadow = np.array([-0.9, 0.35]), np.array([0.4, -1.1]), []
    for refined in (1, 2, 4):
        monkeypatch.setattr(f"{__name__}.TIMESTEP", 0.04 / refined)
        _, _, work, row = engine.path(x, p, 50 * refined, "FROM=2.5 TO=-2.2")
        shadow.append(abs(work - row["protocol_work"] / KT))
        assert abs(row["protocol_work"] / KT) > 0.1
    assert shadow[0] / shadow[1] == pytest.approx(4, rel=0.25)
    assert shadow[1] / shadow[2] == pytest.approx(4, rel=0.25)


def jumped(engine, count, steps, log_ratio):
    """Exact draws and what one jump makes of them; `log_ratio(row, work)` is what decides."""
    rng = np.random.default_rng(steps)
    starts, accepted = exact_draws(count, rng), 0
    ends = starts.copy()
    for i, x in enumerate(starts):
        p = np.sqrt(MASS * KT) * rng.standard_normal(2)
        end, _, work, row = engine.path(x, p, steps, f"SEED={i}")
        if np.log(1 - rng.random()) < log_ratio(row, work):
            ends[i], accepted = end, accepted + 1
    return starts, ends, accepted / count


def scores(starts, ends):
    """Standard scores of the changes of means that stationarity leaves at zero."""

    def functions(x):
        phi, r = np.arctan2(x[:, 1], x[:, 0]), np.hypot(x[:, 0], x[:, 1])
        off = r - radius(phi)
        around = [np.cos(phi), np.sin(phi), np.cos(2 * phi), np.sin(2 * phi)]
        return np.stack([*around, r, off, off**2, *(off**2 * each for each in around[:2]), r * np.cos(phi)], axis=1)

    change = functions(ends) - functions(starts)
    return change.mean(axis=0) / (change.std(axis=0) / np.sqrt(len(change)))


def exact(row, work):
    return log_acceptance(row["log_q_old"], row["log_q_new"], work)


MUTANTS = {
    "no q": lambda row, work: -work,
    "work of the protocol": lambda row, work: exact(row, row["protocol_work"] / KT),
    "no work": lambda row, work: exact(row, 0.0),
}
COUNT = 1500


@pytest.mark.parametrize("steps", [1, 6])
def test_one_jump_leaves_the_target_alone(engine, steps):
    starts, ends, acceptance = jumped(engine, COUNT, steps, exact)
    assert acceptance > 0.05
    assert np.abs(scores(starts, ends)).max() < 4.5


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_decisions_show(engine, mutant):
    """The same test sees what the row's ingredients and the engine's energy are for."""
    starts, ends, _ = jumped(engine, COUNT, 6, MUTANTS[mutant])
    assert np.abs(scores(starts, ends)).max() > 5.5

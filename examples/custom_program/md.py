"""One path of a program of one's own, for `cvflow drive`: `python md.py STEPS SEED TIMESTEP KT`.

Velocity Verlet of one particle in the plane, with PLUMED through py-plumed. The state file is start.npy to begin with
and after/start.npy in the end; energies.dat gets the total energies of both ends, without PLUMED's biases. This is all
that cvflow asks of a program: put your own in its place.
"""

import sys

import numpy as np
import plumed

MASS = 1.0


def energy(x: np.ndarray) -> float:
    """An asymmetric double well along x, and a spring across, whose rest depends on x."""
    return 4.0 * (x[0] ** 2 - 1) ** 2 + 0.6 * x[0] + 3.0 * (x[1] - 0.5 * x[0] ** 2) ** 2


def force(x: np.ndarray) -> np.ndarray:
    across = 6.0 * (x[1] - 0.5 * x[0] ** 2)
    return -np.array([16.0 * x[0] * (x[0] ** 2 - 1) + 0.6 - across * x[0], across])


def bias_force(md: plumed.Plumed, step: int, x: np.ndarray) -> np.ndarray:
    """Of PLUMED's biases; PLUMED is called once a step, from the first to the last."""
    positions, forces = np.array([[*x, 0.0]]), np.zeros((1, 3))
    md.cmd("setStep", step)
    md.cmd("setPositions", positions)
    md.cmd("setMasses", np.array([MASS]))
    md.cmd("setForces", forces)
    md.cmd("setBox", np.zeros((3, 3)))
    md.cmd("calc")
    return forces[0, :2]


def main(steps: int, seed: int, timestep: float, kT: float) -> None:
    x = np.load("start.npy")
    v = np.sqrt(kT / MASS) * np.random.default_rng(seed).standard_normal(2)
    before = energy(x) + 0.5 * MASS * v @ v
    with plumed.Plumed() as md:
        for key, value in (("setNatoms", 1), ("setKbT", kT), ("setTimestep", timestep), ("setPlumedDat", "plumed.dat")):
            md.cmd(key, value)
        md.cmd("setNoVirial")
        md.cmd("setLogFile", "plumed.log")
        md.cmd("init")
        f = force(x) + bias_force(md, 0, x)
        for step in range(1, steps + 1):
            v = v + 0.5 * timestep / MASS * f
            x = x + timestep * v
            f = force(x) + bias_force(md, step, x)
            v = v + 0.5 * timestep / MASS * f
    after = energy(x) + 0.5 * MASS * v @ v
    np.save("after/start.npy", x)
    np.savetxt("energies.dat", [before, after])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))

"""The dumbbell's potential in numpy: the same as OpenMM's, written once more."""

import numpy as np

from cvflow.doctor.verify import dumbbell


def energy_and_gradient(x):
    a, b, c = x
    bond = b - a
    r = np.linalg.norm(bond)
    n = bond / r
    z = (r - 2.3) / 0.8
    energy, slope = 1.6 * (1 - z**2) ** 2 + 0.8 * (r - 2.3), -6.4 * (1 - z**2) * z / 0.8 + 0.8
    if r < dumbbell.LJ_CUTOFF:
        s6, e4 = (dumbbell.LJ_SIGMA / r) ** 6, 4 * dumbbell.LJ_EPSILON
        energy, slope = energy + e4 * (s6**2 - s6), slope - e4 * (12 * s6**2 - 6 * s6) / r
    offset = c - np.array([dumbbell.SLOPE * r, 0, 0])
    energy += dumbbell.TETHER / 2 * a @ a + dumbbell.COUPLING / 2 * offset @ offset
    slope -= dumbbell.COUPLING * dumbbell.SLOPE * offset[0]
    return energy, np.array([dumbbell.TETHER * a - slope * n, slope * n, dumbbell.COUPLING * offset])

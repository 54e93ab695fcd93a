"""Prints how deviations of the estimators of log Z spread, in units of their own errors, over a thousand seeds:

python -m tests.estimate.calibration
"""

import numpy as np

from cvflow.estimate.bennett import bennett
from cvflow.estimate.importance import log_normalisation, weighted_mean
from tests.estimate.targets import LOG_Z
from tests.estimate.test_bennett import EXACT, against_the_target, works
from tests.estimate.test_importance import RIGHT_HALF, log_weights, narrow

SEEDS = range(1000)


def average(seed):
    points, weights = log_weights(seed)
    return weighted_mean((points[:, 0] > 0)[None].astype(float), weights)


def one_way(seed):
    return log_normalisation(-works(seed)[0])


def by_difference(seed):
    one, other = (bennett(*against_the_target(seed, log_z)) for log_z in (LOG_Z, 1.2))
    return one._replace(value=other.value - one.value, stderr=float(np.hypot(one.stderr, other.stderr)))


def too_narrow(scale):
    return lambda seed: log_normalisation(narrow(scale, seed))


ROWS = {
    "log Z, importance": (lambda seed: log_normalisation(log_weights(seed)[1]), LOG_Z),
    "average, importance": (average, RIGHT_HALF),
    "log Z, BAR from the density": (lambda seed: bennett(*against_the_target(seed)), -LOG_Z),
    "the same, correlated chains": (lambda seed: bennett(*against_the_target(seed, memory=0.8, draws=800)), -LOG_Z),
    "two targets by difference": (by_difference, LOG_Z - 1.2),
    "by a map, both ways": (lambda seed: bennett(*works(seed)), EXACT),
    "by a map, one way": (one_way, -EXACT),
} | {f"too narrow, k = {1 - scale**2:.2f}": (too_narrow(scale), 0.0) for scale in (0.8, 0.7, 0.5, 0.3)}

if __name__ == "__main__":
    for name, (estimate, exact) in ROWS.items():
        found = [estimate(seed) for seed in SEEDS]
        value, stderr = np.array([one[:2] for one in found if np.isfinite(one.stderr)]).T
        z, without = (value - exact) / stderr, 1 - len(value) / len(found)
        print(f"| {name} | {z.mean():+.2f} | {z.std():.2f} | {np.median(stderr):.3f} | {without:.3f} |")

"""Densities to learn, by topology, and proposals trained on them once."""

from dataclasses import replace
from functools import cache
from math import inf, pi

import numpy as np

from cvflow.core.cv_space import CVSpace
from cvflow.core.periodic import wrapped
from cvflow.proposals.fit import FitSettings, fit
from cvflow.proposals.flows import architecture

LINE, CIRCLE, BOX = (inf, (-inf, inf)), (2 * pi, (-pi, pi)), (inf, (1.0, 3.5))
SHORT = FitSettings(epochs=50)


def space(*axes):
    names = tuple(f"q{i}" for i in range(len(axes)))
    return CVSpace(names, ("",) * len(axes), tuple(period for period, _ in axes), tuple(limits for _, limits in axes))


def line(cvs):
    return space(*[LINE] * cvs)


SPACES = {
    "line": line(1),
    "circle": space(CIRCLE),
    "box": space(BOX),
    "torus": space(CIRCLE, CIRCLE),
    "mixed": space(CIRCLE, LINE),
    "three": space(BOX, CIRCLE, LINE),
}


PLANE = {"plane": line(2)}
"""For what takes lines alone."""


def samples(count, rng, where):
    """Two correlated modes of weights .7 and .3; on circles one lies across ±π, in boxes one is cut by the edge."""
    second = rng.random(count) < 0.3
    periods, columns = np.array(where.periods), []
    for i, (period, (low, high)) in enumerate(zip(where.periods, where.ranges, strict=True)):
        if np.isfinite(period):
            column = np.where(second, 0.4, 2.9) + np.where(second, 0.5, 0.35) * rng.normal(size=count)
        elif np.isfinite(low):
            column = low + np.abs(np.where(second, 1.6, 0.0) + 0.3 * rng.normal(size=count)).clip(max=high - low)
        else:
            column = np.where(second, 5.7, 3.5) + np.where(second, 0.35, 0.2) * rng.normal(size=count)
        columns.append(column + (0.4 * np.sin(columns[i - 1]) if i and not np.isfinite(low) else 0.0))
    return wrapped(np.stack(columns, axis=1), periods)


def chains(count, rng, where, walkers=4):
    return np.array_split(samples(count, rng, where), walkers)


@cache
def learned(name, seed=0, kind="spline", epochs=SHORT.epochs):
    """A proposal trained for a short while."""
    rng, where = np.random.default_rng(seed), (SPACES | PLANE)[name]
    blur = np.where(np.isfinite(np.array(where.ranges)[:, 0]) & np.isinf(where.periods), 0.0, 0.05)
    settings = replace(SHORT, architecture=architecture(kind)(), epochs=epochs)
    return fit(chains(1500, rng, where), where, blur, settings, None, rng).proposal


def grid(where, per_axis, reach=(-10.0, 20.0)):
    """Midpoints of equal cells over circles, boxes and a stretch of each line; and the cells' volume."""
    axes, cell = [], 1.0
    for period, limits in zip(where.periods, where.ranges, strict=True):
        low, high = (-period / 2, period / 2) if np.isfinite(period) else limits if np.isfinite(limits[0]) else reach
        axes.append(low + (np.arange(per_axis) + 0.5) / per_axis * (high - low))
        cell *= (high - low) / per_axis
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes)), cell

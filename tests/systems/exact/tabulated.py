"""Draws from densities that are known point by point, and the conditional densities that the molecules share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Tabulated:
    """A density on a box, constant within each of many small cells.

    With cells of a thousandth of the density's width, moments are wrong by less than 1e-6 of themselves.

    Attributes:
        density: not normalised; takes one array a dimension.
        edges: of the box, one (low, high) a dimension.
        cells: along each dimension.
    """

    density: Callable[..., np.ndarray]
    edges: tuple[tuple[float, float], ...]
    cells: int

    @cached_property
    def widths(self) -> np.ndarray:
        return np.array([(high - low) / self.cells for low, high in self.edges])

    @cached_property
    def middles(self) -> tuple[np.ndarray, ...]:
        lines = [
            low + width * (np.arange(self.cells) + 0.5) for (low, _), width in zip(self.edges, self.widths, strict=True)
        ]
        return tuple(np.meshgrid(*lines, indexing="ij"))

    @cached_property
    def weights(self) -> np.ndarray:
        """Of the cells, adding up to one."""
        values = self.density(*self.middles)
        return values / values.sum()

    @cached_property
    def normalisation(self) -> float:
        return float(self.density(*self.middles).sum() * self.widths.prod())

    def probability(self, region: Callable[..., np.ndarray]) -> float:
        return float(self.weights[region(*self.middles)].sum())

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        total = np.cumsum(self.weights)
        flat = np.searchsorted(total, rng.uniform(0, total[-1], count), side="right")
        cell = np.unravel_index(flat, self.weights.shape)
        return tuple(
            low + width * (index + rng.uniform(size=count))
            for (low, _), width, index in zip(self.edges, self.widths, cell, strict=True)
        )


def free_energy_difference(table: Tabulated, first: Callable[..., np.ndarray]) -> float:
    """-ln of the weight outside the first state over the weight in it."""
    inside = table.probability(first)
    return float(np.log(inside / (1 - inside)))


def gauss(x: np.ndarray, mean: np.ndarray | float, width: float) -> np.ndarray:
    """One at the mean."""
    return np.exp(-(((x - mean) / width) ** 2) / 2)


def thinned(
    propose: Callable[[np.ndarray], np.ndarray],
    accept: Callable[[np.ndarray], np.ndarray],
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Rejection sampling of one number in each of `count` rows; `propose` and its result are indexed by rows."""
    drawn = np.empty(count)
    open_ = np.arange(count)
    while len(open_):
        proposed = propose(open_)
        kept = rng.uniform(size=len(open_)) < accept(proposed)
        drawn[open_[kept]] = proposed[kept]
        open_ = open_[~kept]
    return drawn


def radial(mean: np.ndarray | float, width: float, power: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths with the density r^power N(r; mean, width) on r > 0; those beyond 7 widths, one in 1e11, are not drawn
    any more often there."""
    mean = np.broadcast_to(mean, count)
    longest = mean.max() + 7 * width
    return thinned(
        lambda rows: rng.normal(mean[rows], width), lambda r: np.clip(r / longest, 0, 1) ** power, count, rng
    )


def polar(mean: np.ndarray | float, width: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Angles with the density sin(θ) N(θ; mean, width) on (0, π)."""
    mean = np.broadcast_to(mean, count)
    return thinned(
        lambda rows: rng.normal(mean[rows], width),
        lambda theta: np.where((theta > 0) & (theta < np.pi), np.sin(theta), 0.0),
        count,
        rng,
    )


def tilted_cosine(kappa: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Numbers in (-1, 1) with the density e^(κ c): the height of von Mises-Fisher's density on the sphere."""
    size = np.maximum(np.abs(kappa), 1e-9)
    u = rng.uniform(size=len(kappa))
    return np.sign(kappa) * (1 + np.log(u + (1 - u) * np.exp(-2 * size)) / size)


def sinhc(kappa: np.ndarray) -> np.ndarray:
    """sinh(κ)/κ: half the integral of e^(κ c) over c in (-1, 1)."""
    size = np.maximum(np.abs(kappa), 1e-6)
    return np.sinh(size) / size


def placed(shapes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Molecules turned at random about their centres of geometry, which are normal with unit width."""
    count, _, dimensions = shapes.shape
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    if dimensions == 2:
        angle = rng.uniform(0, 2 * np.pi, count)
        turn = np.moveaxis(np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]), 2, 0)
    else:
        turn = Rotation.random(count, random_state=rng).as_matrix()
    return np.einsum("nij,naj->nai", turn, centred) + rng.normal(size=(count, 1, dimensions))

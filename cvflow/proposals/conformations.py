"""The proposal over shapes of a few atoms: distances along the chain, torsions, and learned functions of distances.

A spline flow learns nothing of a chain in solvent from some thousand samples: what ties its torsions together is that
two atoms far apart along the chain are close in space, or are not (docs/beads.md has the likelihoods). So each kind of
coordinate has a simple density, and learned functions of all other distances tilt their product.
"""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Point
from cvflow.cv.internal_coordinates import Beads, Shapes, Values
from cvflow.proposals import contaminated_normal, torsion_histograms
from cvflow.proposals.base import CVPoints, Proposal
from cvflow.proposals.contaminated_normal import ContaminatedNormal
from cvflow.proposals.fit import FitSettings, Training
from cvflow.proposals.history import Split, Visits, effective_size, replayed, split
from cvflow.proposals.pair_functions import PairFunctions, distances, learn
from cvflow.proposals.torsion_histograms import TorsionHistograms

CEILING = 0.98
"""The tilt is cut where this part of the samples lies below: drawing rejects with exp(tilt - ceiling)."""

DRAWS = 30_000
"""Of the untilted density, for the fit of the tilt and for its normalisation."""

FLOOR = -25.0
"""Lowest tilt below the ceiling [nats], so that log q is finite wherever a chain can be."""

Internal = Float[np.ndarray, "count numbers"]


@dataclass(frozen=True)
class Untilted:
    """Distances along the chain from a normal distribution, torsions from densities of their own.

    Attributes:
        lengths: of neighbours' and next neighbours' distances.
        torsions: of the torsions.
    """

    lengths: ContaminatedNormal
    torsions: TorsionHistograms

    def draw(self, count: int, rng: np.random.Generator) -> Internal:
        """Draw internal coordinates; a shape that has them may not exist."""
        return np.hstack([self.lengths.draw(count, rng), self.torsions.draw(count, rng)])

    def log_density(self, internal: Internal) -> Values:
        """Log density of internal coordinates."""
        lengths, torsions = np.split(internal, [len(self.lengths.mean)], axis=1)
        return self.lengths.log_density(lengths) + self.torsions.log_density(torsions)


@dataclass(frozen=True)
class ConformationProposal(Proposal):
    """q ∝ untilted(internal coordinates) exp(min(tilt - ceiling, 0)) / J: a density of positions up to rigid motion.

    Attributes:
        shapes: the CV space.
        untilted: density of internal coordinates.
        tilt: functions of distances.
        ceiling: the tilt is cut above it.
        log_mass: ln of what the tilt leaves. An estimate; in acceptances and free energies it cancels.
        version: counts trainings.
    """

    shapes: Shapes
    untilted: Untilted
    tilt: PairFunctions
    ceiling: float
    log_mass: float
    version: int

    def draw(self, count: int, rng: np.random.Generator) -> CVPoints:
        kept: list[np.ndarray] = []
        while (missing := count - sum(map(len, kept))) > 0:
            drawn = self.untilted.draw(min(20_000, 1 + int(missing * np.exp(-self.log_mass))), rng)
            drawn = drawn[self.shapes.chain.exists(drawn)]
            beads = self.shapes.chain.beads_at(drawn)
            kept.append(self.shapes.points(beads[np.log(1 - rng.random(len(beads))) < self.log_tilt(beads)]))
        return np.concatenate(kept)[:count]

    def log_density(self, points: CVPoints) -> Values:
        """Log density of the positions [nm^-(3n-6)], at points whose shape exists."""
        internal = self.shapes.internal(points)
        log_tilt = self.log_tilt(self.shapes.chain.beads_at(internal))
        return self.untilted.log_density(internal) + log_tilt - self.log_mass - self.shapes.chain.log_volume(internal)

    def log_tilt(self, beads: Beads) -> Values:
        """Log of the probability to keep a draw of the untilted density."""
        return np.clip(self.tilt(distances(beads)) - self.ceiling, FLOOR, 0.0)


@dataclass(frozen=True)
class ConformationLearner:
    """Trains shape proposals; called as `cvflow.proposals.fit.fit` is.

    Attributes:
        shapes: the CV space.
        blur: standard deviation of λ around each coordinate of the positions [nm], zero where they are held.
    """

    shapes: Shapes
    blur: float

    def __call__(
        self,
        chains: Visits,
        space: CVSpace,
        blur: Point,
        settings: FitSettings,
        previous: Proposal | None,
        rng: np.random.Generator,
    ) -> Training:
        """Train on the walkers' histories; likelihoods are of the internal coordinates.

        `space` and `blur` are those of the CV values one by one, and unused: a centre is a blurred set of positions.
        """
        begun = time.perf_counter()
        chain = self.shapes.chain
        histories = [self._centres(history, rng) for history in chains]
        parts = split(replayed(histories, settings.most_samples), round(1 / settings.holdout), rng)
        version = 0 if previous is None else previous.version + 1
        proposal = self._with_images(parts, settings.epsilon, version, rng)
        return Training(
            proposal=proposal,
            holdout_nll=_nll(proposal, parts.held_out),
            training_nll=_nll(proposal, parts.seen),
            epochs=1,
            kept_epoch=1,
            samples=sum(map(len, chains)),
            effective_samples=effective_size(histories, np.array(chain.periods)),
            seconds=time.perf_counter() - begun,
        )

    def _centres(self, history: CVPoints, rng: np.random.Generator) -> Internal:
        """Internal coordinates of λ for each sample."""
        beads = self.shapes.beads(history)
        return self.shapes.chain.coordinates(beads + self.blur * rng.standard_normal(beads.shape))

    def _with_images(
        self, parts: Split, epsilon: float, version: int, rng: np.random.Generator
    ) -> ConformationProposal:
        """The fit to the samples and to their images, of each kind unless held-out samples are less likely then.

        Many potentials are the same for mirror images, or for a chain that is read backwards, and images of samples are
        as good as samples then. Where they are not, as in a chiral molecule, they are left out: held-out samples have
        lost more than two standard errors. All fits have the same random numbers, so that those do not decide.
        """
        samples, seed = parts.seen, int(rng.integers(2**63))
        best = self._fitted(samples, epsilon, version, np.random.default_rng(seed))
        for image in (self.shapes.chain.mirrored, self.shapes.chain.reversed):
            more = np.concatenate([samples, image(samples)])
            other = self._fitted(more, epsilon, version, np.random.default_rng(seed))
            gain = _log_density(other, parts.held_out) - _log_density(best, parts.held_out)
            if gain.mean() > -2 * gain.std() / np.sqrt(len(gain)):
                samples, best = more, other
        return best

    def _fitted(
        self, samples: Internal, epsilon: float, version: int, rng: np.random.Generator
    ) -> ConformationProposal:
        lengths, angles = np.split(samples, [self.shapes.chain.lengths], axis=1)
        untilted = Untilted(contaminated_normal.fitted(lengths, epsilon), torsion_histograms.fitted(angles))
        return self._tilted(untilted, samples, version, rng)

    def _tilted(
        self, untilted: Untilted, samples: Internal, version: int, rng: np.random.Generator
    ) -> ConformationProposal:
        chain = self.shapes.chain
        drawn = untilted.draw(DRAWS, rng)
        base = distances(chain.beads_at(drawn[chain.exists(drawn)]))
        wanted = distances(chain.beads_at(samples))
        tilt = learn(wanted, base)
        ceiling = float(np.quantile(tilt(wanted), CEILING))
        left = np.exp(np.clip(tilt(base) - ceiling, FLOOR, 0.0)).sum() / len(drawn)
        return ConformationProposal(self.shapes, untilted, tilt, ceiling, float(np.log(left)), version)


def _nll(proposal: ConformationProposal, internal: Internal) -> float:
    return -float(_log_density(proposal, internal).mean())


def _log_density(proposal: ConformationProposal, internal: Internal) -> Values:
    """Of internal coordinates: without their volume."""
    log_tilt = proposal.log_tilt(proposal.shapes.chain.beads_at(internal))
    return proposal.untilted.log_density(internal) + log_tilt - proposal.log_mass

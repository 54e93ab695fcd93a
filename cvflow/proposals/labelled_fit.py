"""Training of labelled proposals: one flow for each named state, from what walkers visited of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Point
from cvflow.core.states import States, last_named
from cvflow.proposals.base import Proposal
from cvflow.proposals.fit import FEWEST_SAMPLES, FitSettings, Training, fit
from cvflow.proposals.history import Visits, effective_size, recalled
from cvflow.proposals.labelled import LabelledProposal
from cvflow.proposals.learned import LearnedProposal

SampleLabels = Int[np.ndarray, " _samples"]
Shares = Float[np.ndarray, " labels"]


@dataclass(frozen=True)
class LabelledLearner:
    """Trains labelled proposals; called as `cvflow.proposals.fit.fit` is.

    A sample in no named state has the label of the one that its walker visited last, and before the first of the first.
    A state of which there are too few samples to train has no label, and is proposed by the other states' broad
    densities alone. With fewer than two labels one flow is trained for all.

    Attributes:
        states: the named states.
        within: whether jumps that keep the label are proposed.
        unweighted: samples at the beginning of each history that say nothing of the weights: those of an equilibration
            that goes on for long within the state of its start.
        even: whether all labels weigh the same: the chains have a bias under which their states do.
    """

    states: States
    within: bool
    unweighted: int = 0
    even: bool = False

    def __call__(
        self,
        chains: Visits,
        space: CVSpace,
        blur: Point,
        settings: FitSettings,
        previous: Proposal | None,
        rng: np.random.Generator,
    ) -> Training:
        """Train on the walkers' histories; likelihoods are those of samples and their labels together."""
        labels = [labels_of(self.states.assign(chain)) for chain in chains]
        counts = np.bincount(np.concatenate(labels) + 1, minlength=len(self.states.names) + 1)[1:]
        known = np.flatnonzero(counts >= FEWEST_SAMPLES).tolist()
        if len(known) < 2:
            return fit(chains, space, blur, settings, previous if isinstance(previous, LearnedProposal) else None, rng)
        begun = time.perf_counter()
        each = replace(settings, most_samples=max(FEWEST_SAMPLES, settings.most_samples // len(known)))
        trainings = [
            fit(_visits_of(k, chains, labels), space, blur, each, _part(previous, self.states.names[k]), rng)
            for k in known
        ]
        seen = [chain[self.unweighted :] for chain in labels]
        weights = np.full(len(known), 1 / len(known)) if self.even else shares_of(known, seen)
        return Training(
            proposal=LabelledProposal(
                tuple(self.states.names[k] for k in known),
                tuple(training.proposal for training in trainings),
                tuple(weights.tolist()),
                self.within,
                0 if previous is None else previous.version + 1,
            ),
            holdout_nll=_joint(weights, [training.holdout_nll for training in trainings]),
            training_nll=_joint(weights, [training.training_nll for training in trainings]),
            epochs=max(training.epochs for training in trainings),
            kept_epoch=max(training.kept_epoch for training in trainings),
            samples=sum(map(len, chains)),
            effective_samples=effective_size(chains, np.array(space.periods)),
            seconds=time.perf_counter() - begun,
        )


def labels_of(visited: SampleLabels) -> SampleLabels:
    """Label of each sample of one walker, given the named states that they lie in; -1 where it visited none at all."""
    named = visited[visited >= 0]
    return last_named(np.concatenate([named[:1], visited]))[len(named[:1]) :]


def shares_of(known: Sequence[int], labels: Sequence[SampleLabels]) -> Shares:
    """Part of the samples that each label has, which is its weight; late ones count more, as they do in training."""
    late = np.concatenate([chain[recalled(len(chain), _ALL)] for chain in labels])
    counts = np.array([(late == k).sum() for k in known]) + 0.5
    return np.asarray(counts / counts.sum())


_ALL = 2**62
"""More samples than there are."""


def _visits_of(label: int, chains: Visits, labels: Sequence[SampleLabels]) -> Visits:
    visits = [chain[own == label] for chain, own in zip(chains, labels, strict=True)]
    return [chain for chain in visits if len(chain)]


def _part(previous: Proposal | None, state: str) -> LearnedProposal | None:
    if not isinstance(previous, LabelledProposal) or state not in previous.states:
        return None
    part = previous.parts[previous.states.index(state)]
    return part if isinstance(part, LearnedProposal) else None


def _joint(weights: Shares, nll: Sequence[float]) -> float:
    return float(weights @ (np.array(nll) - np.log(weights)))

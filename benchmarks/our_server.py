"""cvflow's side of `against_peer.py`: the built-in systems, the kernels that the peer has too, the given proposal."""

import argparse
import time
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from json_lines import serve

from cvflow.core.frames import Outcome
from cvflow.core.schedule import Linear
from cvflow.cv.batch import SplitCV
from cvflow.engines.batch.compilation import compile_or_not
from cvflow.engines.batch.kernels.base import RelaxationKernel
from cvflow.engines.batch.kernels.constrained import ConstrainedLangevin
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.paths import Paths
from cvflow.engines.batch.system import TorchSystem
from cvflow.proposals.base import Proposal
from cvflow.proposals.mixture import GaussianMixture
from cvflow.sampler.ensemble import EnsembleState, jump_along, step
from cvflow.sampler.jump_proposal import Learned
from cvflow.systems import BatchReference, Dimer, GaussianTunnel, Phi4

BLOCKS = {"tunnel": 32, "phi4": 16, "dimer": 8}
"""Steps compiled as one piece: many where a step is a microsecond's work, since a call of a piece costs a hundred."""

PROBLEMS: dict[str, type[BatchReference]] = {"tunnel": GaussianTunnel, "phi4": Phi4, "dimer": Dimer}


@dataclass(frozen=True)
class Bounded(Proposal):
    """A proposal whose draws are repeated until they are within a range: the peer's for its dimer.

    The density is not normalised, and need not be: only its ratios matter while the proposal stays what it is.
    """

    inner: Proposal
    lowest: float
    highest: float
    version: int = 0

    def draw(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count cvs"]:
        points = self.inner.draw(count, rng)
        while (outside := ((points <= self.lowest) | (points >= self.highest)).any(axis=1)).any():
            points[outside] = self.inner.draw(int(outside.sum()), rng)
        return points

    def log_density(self, points: Float[np.ndarray, "count cvs"]) -> Float[np.ndarray, " count"]:
        return self.inner.log_density(points)


def kernel(system: TorchSystem, settings: dict[str, Any]) -> RelaxationKernel:
    """K3 where the CV splits the configuration, K4 where it does not: the peer's choice as well."""
    shared = (system.potential, system.cv, system.kT, sqrt(settings["dt2_over_m"]), settings["gamma"])
    if isinstance(system.cv, SplitCV):
        return UnderdampedLangevin(*shared)
    return ConstrainedLangevin(*shared, solver=system.solver)


class Chains:
    """Chains of one problem, which go on where the run before left them."""

    def __init__(
        self, problem: str, chains: int, settings: dict[str, Any], precision: torch.dtype, compiled: bool
    ) -> None:
        system = PROBLEMS[problem]().system()
        paths = Paths(kernel(system, settings), Linear(), BLOCKS[problem], compile_or_not(compiled))
        self._paths, self._jump = paths, jump_along(paths, settings["steps"], np.ones(1))
        proposal = settings["proposal"]
        weights = (proposal["weight"], 1 - proposal["weight"])
        means = tuple((mean,) for mean in proposal["means"])
        mixture = GaussianMixture(means, ((proposal["sigma"],),) * 2, weights)
        self._learned = Learned(Bounded(mixture, *system.cv.ranges[0]), settings["distance"])
        x = _starts(system, chains).to(precision)
        self._state = EnsembleState(x, system.cv.value(x))

    def run(self, jumps: int, seed: int) -> dict[str, Any]:
        """Some jumps of every chain, timed."""
        generator = torch.Generator().manual_seed(seed)
        compiled, infos, state = _compilations(), [], self._state
        begun, begun_cpu = time.perf_counter(), time.process_time()
        for _ in range(jumps):
            state, info = step(state, self._jump, self._learned, self._paths, generator)
            infos.append((state.cv[:, 0], info.path.steps, info.path.outcome))
        seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - begun_cpu
        z, steps, outcomes = (torch.stack(columns, dim=1) for columns in zip(*infos, strict=True))
        z = torch.hstack([self._state.cv, z])
        self._state = state
        return {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "compiled": _compilations() - compiled,
            "failed": int((outcomes != Outcome.COMPLETED).sum()),
            "z": z.tolist(),
            "steps": steps.tolist(),
        }


def _starts(system: TorchSystem, chains: int) -> torch.Tensor:
    """Every other chain in every other state."""
    rng, names = np.random.default_rng(0), list(system.states)
    counts = [len(range(i, chains, len(names))) for i in range(len(names))]
    starts = [system.starts(name, count, rng) for name, count in zip(names, counts, strict=True)]
    return torch.as_tensor(np.concatenate(starts)).flatten(1)


def _compilations() -> int:
    """Programs that torch.compile has made so far."""
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", choices=["float32", "float64"], default="float32", help="the peer's is float32")
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch._dynamo.config.fail_on_recompile_limit_hit = True  # instead of going on without compiling
    held: dict[tuple[str, int], Chains] = {}

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["ask"] == "versions":
            return {"torch": torch.__version__, "numpy": np.__version__, "precision": arguments.precision}
        which = (request["problem"], request["chains"])
        if which not in held:
            precision = getattr(torch, arguments.precision)
            held[which] = Chains(*which, request["settings"], precision, not arguments.eager)
        return held[which].run(request["jumps"], request["seed"])

    serve(answer)


if __name__ == "__main__":
    main()

"""The peer's side of `against_peer.py`, run by the peer's own Python inside a clone of cschoenle/mcmc_nonlincv.

Systems, samplers, proposals and starts are the clone's, put together as its `experiments/*_global.py` do. The clone is
the working directory and on PYTHONPATH. Nothing here is part of cvflow.
"""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from cvsampler import BiModalGaussian1D
from cvsampler.bimodal_gaussian import BiModalGaussian1DLowerUpperBounded
from json_lines import serve
from models import DimerLagrangeSolver, DimerModel, DimerUnderdampedCV, GaussianTunnel, Phi41D
from samplers import UnderdampedSubsetCV, ZSchedulerLinear

DATA = Path("experiments") / "data"
MASS = 1.0


class Experiment(NamedTuple):
    """One of the peer's experiments, with its start."""

    sampler: Any
    x: np.ndarray
    z: np.ndarray


def tunnel(proposal: dict[str, Any]) -> Experiment:
    model = GaussianTunnel(**_parameters("gaussian_tunnel", "gaussian_params.json"))
    z = np.zeros(1, dtype=np.float32)
    x = np.full(model.dimx, model.mux(jnp.array(z))[0])
    draws = BiModalGaussian1D(*proposal["means"], proposal["sigma"], proposal["weight"])
    return Experiment(UnderdampedSubsetCV(model, draws, ZSchedulerLinear()), x, z)


def phi4(proposal: dict[str, Any]) -> Experiment:
    model = Phi41D(**_parameters("phi4", "phi4_params.json"))
    x, z = np.load(DATA / "phi4" / "x0_perp.npy"), np.load(DATA / "phi4" / "z0.npy")
    draws = BiModalGaussian1D(*proposal["means"], proposal["sigma"], proposal["weight"])
    return Experiment(UnderdampedSubsetCV(model, draws, ZSchedulerLinear()), x, z)


def dimer(proposal: dict[str, Any]) -> Experiment:
    model = DimerModel(**_parameters("dimer", "dimer_params.json"))
    bounds = jnp.array([model.zmin]), jnp.array([model.zmax])
    draws = BiModalGaussian1DLowerUpperBounded(*proposal["means"], *bounds, proposal["sigma"], proposal["weight"])
    x = model.apply_boundaries(jnp.array(np.load(DATA / "dimer" / "x0.npy")))
    sampler = DimerUnderdampedCV(model, draws, ZSchedulerLinear(), DimerLagrangeSolver(model))
    return Experiment(sampler, np.asarray(x), np.asarray(model.xi(x)))


def _parameters(problem: str, name: str) -> dict[str, Any]:
    return json.loads((DATA / problem / name).read_text())


EXPERIMENTS = {"tunnel": tunnel, "phi4": phi4, "dimer": dimer}


class Chains:
    """Chains of one experiment, which go on where the run before left them."""

    def __init__(self, problem: str, chains: int, settings: dict[str, Any]) -> None:
        self._experiment = EXPERIMENTS[problem](settings["proposal"])
        shape = self._experiment.x.shape
        self._vector = len(shape)
        self._x = np.broadcast_to(self._experiment.x, (chains, *shape)).astype(np.float32)
        self._z = np.broadcast_to(self._experiment.z, (chains, 1)).astype(np.float32)
        self._chains = chains
        self._dt = np.sqrt(settings["dt2_over_m"] * MASS)
        self._velocity = settings["distance"] / (self._dt * settings["steps"])
        self._parameters = {"mass": MASS, "gamma": np.float64(settings["gamma"])}

    def run(self, jumps: int, seed: int) -> dict[str, Any]:
        """Some jumps of every chain, timed to the end of the computation."""
        key = jax.random.PRNGKey(seed)
        compiled = len(COMPILATIONS)
        begun, begun_cpu = time.perf_counter(), time.process_time()
        _, result = self._experiment.sampler.get_samples_parallel(
            self._x,
            self._z,
            self._velocity,
            self._dt,
            jumps,
            self._chains,
            key,
            vectordimension=self._vector,
            parameters=self._parameters,
        )
        jax.block_until_ready(result)
        seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - begun_cpu
        compiled = len(COMPILATIONS) - compiled
        z, x, _, steps, _, success = (np.asarray(array) for array in result)
        self._x, self._z = x[:, -1], z[:, -1]
        return {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "compiled": compiled,
            "failed": int((~success).sum()),
            "z": z[:, :, 0].tolist(),
            "steps": steps.tolist(),
        }


COMPILATIONS: list[str] = []
"""Names of the compilations since the start: a timed run must not add to them."""


def _note_compilation(event: str, _seconds: float, **_labels: Any) -> None:
    if event.endswith("backend_compile_duration"):
        COMPILATIONS.append(event)


def main() -> None:
    jax.monitoring.register_event_duration_secs_listener(_note_compilation)
    held: dict[tuple[str, int], Chains] = {}

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["ask"] == "versions":
            return {"jax": jax.__version__, "numpy": np.__version__, "precision": "float32"}
        which = (request["problem"], request["chains"])
        if which not in held:
            held[which] = Chains(*which, request["settings"])
        return held[which].run(request["jumps"], request["seed"])

    serve(answer)


if __name__ == "__main__":
    main()

"""Runs on the batch engine: every kernel and local move, over built-in systems and CVs of the user's own."""

from typing import Any

from tests.same_chains.short_run import FLOW, ShortRun, fixed, made_of

_DIMER = {"name": "dimer", "parameters": {"n_particles": 10, "box": 12.0}}


def _batch(
    system: str | dict[str, Any], path: dict[str, Any], run: dict[str, Any] | None = None, quick: bool = True,
    **rest: Any,
) -> ShortRun:  # fmt: skip
    """Four chains on the batch engine; a learned flow unless there is a proposal."""
    jumps, files = rest.pop("jumps", None), rest.pop("files", None)
    learned = {} if "proposal" in rest else {"flow": FLOW}
    sections = {
        "run": {
            "seed": 7,
            "walkers": 4,
            "adapt_jumps": 4,
            "adapt_limit": 1,
            "jumps": 4,
            "local_steps": 5,
            **(run or {}),
        },
        "system": {"name": system} if isinstance(system, str) else system,
        "engine": {"name": "batch", "compile": False, "threads": 1, **rest.pop("engine", {})},
        "path": {"steps": 12, **path},
        **learned,
        **rest,
    }
    return made_of(sections, jumps, files, quick=quick)


_CVS = """
def along(x):
    return x[:, 0] + 0.1 * x[:, 1].sin()


def turn(x):
    return x[:, 1] - (x[:, 1] + 0.5).floor()
"""
_TUNNEL = fixed([0.0], [10.0], sigmas=[1.5])
_AROUND = fixed([1.0], [2.2], sigmas=[0.5])

BATCH: dict[str, ShortRun] = {
    "tunnel, langevin, flow": _batch(
        "gaussian_tunnel", {"kernel": "langevin", "timestep": 0.8}, {"local_timestep": 0.2}
    ),
    "tunnel, langevin with friction, cosine, resumed": _batch(
        "gaussian_tunnel", {"kernel": "langevin", "timestep": 0.4, "friction": 0.5, "schedule": "cosine"},
        {"local_timestep": 0.2, "jumps": 2}, proposal=_TUNNEL, jumps=4,
    ),
    "tunnel, euler, cosine, local mala": _batch(
        "gaussian_tunnel", {"kernel": "euler", "timestep": 0.1, "schedule": "cosine"},
        {"local": "mala", "local_timestep": 0.05}, proposal=_TUNNEL,
    ),
    "tunnel, everything found by the program": _batch(
        "gaussian_tunnel",
        {"kernel": "langevin", "timestep": 0.4, **dict.fromkeys(("steps", "friction", "schedule"), "auto")},
        {"local_timestep": 0.2, "adapt_jumps": 0, "jumps": 2}, proposal=_TUNNEL, quick=False,
    ),
    "tunnel, early rejection from adaptation's works": _batch(
        "gaussian_tunnel", {"kernel": "langevin", "timestep": 0.4, "steps": 40},
        {"local_timestep": 0.2, "adapt_jumps": 24}, proposal=_TUNNEL,
    ),
    "tunnel, float32": _batch(
        "gaussian_tunnel", {"kernel": "langevin", "timestep": 0.4}, {"local_timestep": 0.2}, proposal=_TUNNEL,
        engine={"precision": "float32"}, quick=False,
    ),
    "mixture, mala, local ghmc, skips, no early rejection": _batch(
        {"name": "gaussian_mixture", "parameters": {"dim": 4}},
        {"kernel": "mala", "timestep": 0.2, "early_rejection": False, "within_states": False},
        {"local": "ghmc", "local_timestep": 0.3}, proposal=fixed([-4.0], [4.0], sigmas=[1.2]),
    ),
    "mixture, mala-coin, local langevin": _batch(
        {"name": "gaussian_mixture", "parameters": {"dim": 4}}, {"kernel": "mala-coin", "timestep": 0.2},
        {"local": "langevin", "local_timestep": 0.3}, proposal=fixed([-4.0], [4.0], sigmas=[1.2]),
    ),
    "mixture, none, no local moves": _batch(
        {"name": "gaussian_mixture", "parameters": {"dim": 2}}, {"kernel": "none"}, {"local_steps": 0},
        proposal=fixed([-4.0], [4.0], sigmas=[1.2]),
    ),
    "phi4, langevin, flow, skips": _batch(
        {"name": "phi4", "parameters": {"n": 8}},
        {"kernel": "langevin", "timestep": 0.02, "steps": 20, "within_states": False}, {"local_timestep": 0.02},
    ),
    "phi4_modes, restraint, cosine": _batch(
        {"name": "phi4_modes", "parameters": {"n": 8}},
        {"kernel": "restraint", "timestep": 0.1, "friction": 1.0, "schedule": "cosine"}, {"local_timestep": 0.1},
        proposal=fixed([-2.5], [2.5], sigmas=[0.5]),
    ),
    "dimer, restraint, flow": _batch(_DIMER, {"kernel": "restraint", "timestep": 0.01, "friction": 1.0}),
    "dimer, constrained, flow of a bounded CV": _batch(_DIMER, {"kernel": "constrained", "timestep": 0.01}),
    "angle, constrained, flow of a bounded CV": _batch("angle", {"kernel": "constrained", "timestep": 0.05}),
    "torsion, constrained, flow on a circle": _batch(
        "torsion", {"kernel": "constrained", "timestep": 0.05, "friction": 1.0, "schedule": "cosine"}
    ),
    "torsion, restraint, mixture on a circle": _batch(
        "torsion", {"kernel": "restraint", "timestep": 0.05}, proposal=fixed([0.0], [3.0], sigmas=[0.5])
    ),
    "ellipsoid, restraint, kappa given, local mala": _batch(
        "ellipsoid", {"kernel": "restraint", "timestep": 0.05, "kappa": 60.0, "schedule": "cosine"}, {"local": "mala"},
        proposal=_AROUND,
    ),
    "two distances, restraint, flow of two CVs": _batch("two_distances", {"kernel": "restraint", "timestep": 0.05}),
    "two distances, constrained": _batch(
        "two_distances", {"kernel": "constrained", "timestep": 0.05},
        proposal=fixed([1.0, 2.0], [2.0, 1.0], sigmas=[0.5, 0.5]),
    ),
    "mixture, restraint, CVs of the user's": _batch(
        {"name": "gaussian_mixture", "parameters": {"dim": 3}},
        {"kernel": "restraint", "timestep": 0.1, "kappa": [4.0, 9.0]}, {"local_timestep": 0.3}, files={"cvs.py": _CVS},
        cv=[{"name": "s", "python": "cvs.py:along"}, {"name": "t", "python": "cvs.py:turn", "period": 1.0}],
        states={"left": "s < 0", "right": "s >= 0"}, proposal=fixed([-2.3, 0.0], [2.3, 0.2], sigmas=[0.8, 0.2]),
    ),
}  # fmt: skip


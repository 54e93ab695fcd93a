"""How the files beside this one were made: `python make.py`. Torsions in rad, distances in nm."""

from pathlib import Path

import numpy as np
import torch

from cvflow.core.cv_space import Domain
from cvflow.proposals.export import to_cvf
from cvflow.proposals.flows.spline import AutoregressiveSpline
from cvflow.proposals.learned import LearnedProposal
from cvflow.proposals.mixture import GaussianMixture
from cvflow.proposals.standard_coordinates import StandardCoordinates

HERE = Path(__file__).parent
ARCHITECTURE = AutoregressiveSpline(transforms=2, hidden=(8,), bins=4)
SCALES = {Domain.CIRCLE: 2 * np.pi / 10, Domain.BOX: 0.2, Domain.LINE: 0.3}


def spline(*axes: Domain) -> LearnedProposal:
    """Untrained splines, with weights so large that no place is like another."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        flow = ARCHITECTURE.build(axes)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(4.0)
    standard = StandardCoordinates(axes, np.full(len(axes), 1.0), np.array([SCALES[axis] for axis in axes]))
    return LearnedProposal(flow, ARCHITECTURE, standard, 0.05, 5)


def frames(r: np.ndarray, phi: np.ndarray, lever: float) -> np.ndarray:
    """Four atoms: distance 1-2 and torsion, the fourth atom at this distance [nm] from its axis."""
    made = np.zeros((len(r), 4, 3))
    made[:, 0, 0], made[:, 1, 2], made[:, 2, 2] = np.sqrt(r**2 - 0.04), 0.2, 0.5
    made[:, 3] = np.stack([lever * np.cos(phi), -lever * np.sin(phi), 0.9 + 0 * phi], axis=1)
    return made


def write(name: str, positions: np.ndarray) -> None:
    """As xyz."""
    lines = ["4\n9 9 9\n" + "".join(f"X {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in frame) for frame in positions]
    (HERE / name).write_text("".join(lines))


def torsions_and_distances() -> tuple[np.ndarray, np.ndarray]:
    """Going to and fro across ±π."""
    step = np.arange(12)
    return np.pi + 0.6 * np.sin(step / 1.7 + 0.3), 1.0 + 0.3 * np.cos(step / 2)


def main() -> None:
    """Write them all."""
    mixture = GaussianMixture(((2.9, 1.2), (-2.4, 0.7)), ((0.5, 0.1), (0.4, 0.15)), (0.7, 0.3), (2 * np.pi, np.inf), 3)
    torus = GaussianMixture(((2.9, 1.2),), ((0.5, 0.4),), (1.0,), (2 * np.pi, 2 * np.pi))
    files = {
        "mixture.cvf": to_cvf(mixture, ["phi", "r"], ["rad", "nm"]),
        "spline.cvf": to_cvf(spline(Domain.CIRCLE, Domain.LINE), ["phi", "r"], ["rad", "nm"]),
        "torus.cvf": to_cvf(torus, ["phi", "psi"], ["rad", "rad"]),
        "box.cvf": to_cvf(spline(Domain.BOX), ["r"], ["nm"]),
        "area.cvf": to_cvf(spline(Domain.BOX), ["r"], ["nm^2"]),
    }
    for name, data in files.items():
        (HERE / name).write_bytes(data)
    phi, r = torsions_and_distances()
    write("trajectory.xyz", frames(r, phi, lever=1.0))
    # Differences of what PLUMED knows to 1e-13 show less of its rounding where the fourth atom is near its axis.
    write("levers.xyz", frames(r, phi, lever=0.1))


if __name__ == "__main__":
    main()

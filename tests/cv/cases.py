"""One CV of each kind on ten atoms, each with the torch function of all positions that it should be."""

from collections.abc import Callable
from dataclasses import replace
from math import pi
from typing import NamedTuple

import numpy as np
import openmm
import torch
from torch import Tensor

from cvflow.cv import (
    AtomsCV,
    CollectiveVariable,
    Combination,
    alpha_beta,
    angle,
    anisotropy,
    centre_distance,
    combination,
    coordination,
    distance,
    from_force,
    from_plumed,
    from_torch,
    functions,
    gyration,
    native_contacts,
    path_distance,
    path_progress,
    plane_angle,
    plane_distance,
    puckering_amplitude,
    puckering_coordinate,
    puckering_phase,
    puckering_theta,
    rmsd,
    torsion,
)
from tests.cv.with_plumed import missing

ATOMS = 10


class CvCase(NamedTuple):
    cv: CollectiveVariable
    function: Callable[[Tensor], Tensor]


def shape(x: Tensor) -> Tensor:
    """Not symmetric in its atoms."""
    return functions.gyration(x) + 0.3 * functions.angle(x[:, [2, 0, 1]]) * x[:, 3, 0]


def turned(x: Tensor) -> Tensor:
    """On a circle of circumference 3, not yet wrapped."""
    return 3 * functions.torsion(x) / pi


def _centres(x: Tensor) -> Tensor:
    weights = torch.tensor([1.0, 2.0, 5.0], dtype=x.dtype)[:, None] / 8
    return torch.linalg.vector_norm((weights * x[:, [5, 3, 8]]).sum(dim=1) - x[:, [1, 0]].mean(dim=1), dim=1)


def _anisotropy(x: Tensor) -> Tensor:
    """From the eigenvalues of the gyration tensor, as PLUMED writes it."""
    apart = x - x.mean(dim=1, keepdim=True)
    a, b, c = torch.linalg.eigvalsh(apart.transpose(1, 2) @ apart).unbind(dim=1)
    return (1 - 3 * (a * b + b * c + c * a) / (a + b + c) ** 2).sqrt()


def _dihedral() -> openmm.Force:
    force = openmm.CustomTorsionForce("theta")
    force.addTorsion(0, 1, 2, 3, [])
    return force


_REFERENCE = ((0.0, 0.1, 0.2), (0.3, 0.0, 0.1), (0.2, 0.4, 0.0), (0.5, 0.2, 0.3), (0.1, 0.3, 0.6))


def _rmsd(x: Tensor) -> Tensor:
    """By the singular values of the covariance, with a proper rotation."""
    group = x[:, [8, 1, 2, 4, 9]]
    apart, reference = group - group.mean(dim=1, keepdim=True), torch.tensor(_REFERENCE, dtype=x.dtype)
    reference = reference - reference.mean(dim=0)
    covariance = apart.transpose(1, 2) @ reference
    singular = torch.linalg.svdvals(covariance)
    last = torch.linalg.det(covariance).sign()
    overlap = singular[:, 0] + singular[:, 1] + last * singular[:, 2]
    return ((((apart**2).sum((1, 2)) + (reference**2).sum()) - 2 * overlap) / 5).sqrt()


_CONTACTS = ((8, 4), (9, 2), (1, 4))


def _native_contacts(x: Tensor) -> Tensor:
    """As Best, Hummer and Eaton write it, for contacts that are longer by now."""
    order, reference = [8, 1, 2, 4, 9], torch.tensor(_REFERENCE, dtype=x.dtype)
    terms = []
    for i, j in _CONTACTS:
        native = torch.linalg.vector_norm(reference[order.index(i)] - reference[order.index(j)])
        terms.append(1 / (1 + torch.exp(15 * (functions.distance(x[:, [i, j]]) - 1.1 * native))))
    return torch.stack(terms).mean(dim=0)


_FRAMES = tuple(
    tuple(tuple(x) for x in frame)
    for frame in (np.array(_REFERENCE) + np.random.default_rng(3).normal(0, 0.05, (3, 5, 3))).tolist()
)


def _deviations(x: Tensor) -> Tensor:
    """From each frame, by quaternions: the largest eigenvalue of Horn's matrix."""
    group = x[:, [8, 1, 2, 4, 9]]
    apart, found = group - group.mean(dim=1, keepdim=True), []
    for frame in torch.tensor(_FRAMES, dtype=x.dtype):
        frame = frame - frame.mean(dim=0)
        (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (apart.transpose(1, 2) @ frame).permute(1, 2, 0)
        rows = [[xx + yy + zz, yz - zy, zx - xz, xy - yx], [yz - zy, xx - yy - zz, xy + yx, zx + xz],
                [zx - xz, xy + yx, yy - xx - zz, yz + zy], [xy - yx, zx + xz, yz + zy, zz - xx - yy]]  # fmt: skip
        matrix = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
        overlap = torch.linalg.eigvalsh(matrix)[:, -1]
        found.append(((apart**2).sum((1, 2)) + (frame**2).sum() - 2 * overlap) / 5)
    return torch.stack(found, dim=1)


def _progress(x: Tensor) -> Tensor:
    share = torch.softmax(-60.0 * _deviations(x), dim=1)
    return (share * torch.arange(1, 4, dtype=x.dtype)).sum(dim=1)


def _from_path(x: Tensor) -> Tensor:
    return -torch.logsumexp(-60.0 * _deviations(x), dim=1) / 60


_TORSIONS = ([6, 2, 0, 5], [0, 1, 2, 3], [9, 4, 7, 8])


def _alpha_beta(x: Tensor) -> Tensor:
    angles = [functions.torsion(x[:, four]) for four in _TORSIONS]
    terms = zip((2.0, -1.0, 0.5), angles, (-1.0, 0.3, 2.9), strict=True)
    return sum(c * 0.5 * (1 + torch.cos(phi - reference)) for c, phi, reference in terms)


def _heights(x: Tensor) -> Tensor:
    """Of a ring's atoms above its mean plane."""
    apart, turn = x - x.mean(dim=1, keepdim=True), 2 * pi * torch.arange(x.shape[1], dtype=x.dtype) / x.shape[1]
    first, second = (torch.sin(turn)[:, None] * apart).sum(1), (torch.cos(turn)[:, None] * apart).sum(1)
    normal = torch.linalg.cross(first, second)
    return (apart * (normal / torch.linalg.vector_norm(normal, dim=1, keepdim=True))[:, None]).sum(-1)


def _wave(x: Tensor, m: int) -> tuple[Tensor, Tensor]:
    z = _heights(x)
    turn, scale = 2 * pi * m * torch.arange(z.shape[1], dtype=x.dtype) / z.shape[1], (2 / z.shape[1]) ** 0.5
    return scale * (z * torch.cos(turn)).sum(1), -scale * (z * torch.sin(turn)).sum(1)


def _amplitude(x: Tensor) -> Tensor:
    return (_heights(x) ** 2).sum(1).sqrt()


def _phase(x: Tensor) -> Tensor:
    cosine, sine = _wave(x, 2)
    return torch.atan2(sine, cosine)


def _theta(x: Tensor) -> Tensor:
    cosine, sine = _wave(x, 2)
    up = (_heights(x) * torch.tensor([1.0, -1, 1, -1, 1, -1], dtype=x.dtype)).sum(1) / 6**0.5
    return torch.acos(up / (cosine**2 + sine**2 + up**2).sqrt())


def _normal(x: Tensor) -> Tensor:
    normal = torch.linalg.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0])
    return normal / torch.linalg.vector_norm(normal, dim=1, keepdim=True)


def _plane_angle(x: Tensor) -> Tensor:
    return torch.acos((_normal(x[:, [0, 7, 3]]) * _normal(x[:, [9, 1, 4]])).sum(1))


def _plane_distance(x: Tensor) -> Tensor:
    return (_normal(x[:, [0, 7, 3]]) * (x[:, [9, 1, 4, 6]].mean(dim=1) - x[:, 3])).sum(1)


_RING, _FIVE = [0, 3, 7, 8, 5, 2], [0, 1, 4, 7, 3]
_BOND, _SIZE = distance("r", 4, 7), gyration("g", [1, 2, 4])
CASES = {
    "distance": CvCase(distance("r", 7, 2), lambda x: functions.distance(x[:, [7, 2]])),
    "angle": CvCase(angle("a", [3, 9, 1]), lambda x: functions.angle(x[:, [3, 9, 1]])),
    "torsion": CvCase(torsion("phi", 6, 2, 0, 5), lambda x: functions.torsion(x[:, [6, 2, 0, 5]])),
    "gyration": CvCase(gyration("g", [8, 1, 2, 4]), lambda x: functions.gyration(x[:, [8, 1, 2, 4]])),
    "anisotropy": CvCase(anisotropy("a", [8, 1, 2, 4]), lambda x: _anisotropy(x[:, [8, 1, 2, 4]])),
    "weighted gyration": CvCase(
        gyration("g", [8, 1, 2], weights=(1.0, 12.0, 3.5)),
        lambda x: functions.gyration(x[:, [8, 1, 2]], torch.tensor([1.0, 12.0, 3.5], dtype=x.dtype)),
    ),
    "coordination": CvCase(
        coordination("n", [0, 3], [9, 4, 5], r0=0.4),
        lambda x: functions.coordination(x[:, [0, 3]], x[:, [9, 4, 5]], 0.4),
    ),
    "rmsd": CvCase(rmsd("m", [8, 1, 2, 4, 9], _REFERENCE), _rmsd),
    "native contacts": CvCase(
        native_contacts(
            "q", [8, 1, 2], _REFERENCE, [4, 9], pairs=_CONTACTS, beta=15.0, lambda_constant=1.1
        ),
        _native_contacts,
    ),
    "path progress": CvCase(path_progress("s", [8, 1, 2, 4, 9], _FRAMES, 60.0), _progress),
    "path distance": CvCase(path_distance("z", [8, 1, 2, 4, 9], _FRAMES, 60.0), _from_path),
    "alpha beta": CvCase(alpha_beta("h", _TORSIONS, [-1.0, 0.3, 2.9], [2.0, -1.0, 0.5]), _alpha_beta),
    "amplitude of five": CvCase(puckering_amplitude("q", _FIVE), lambda x: _amplitude(x[:, _FIVE])),
    "amplitude of six": CvCase(puckering_amplitude("q", _RING), lambda x: _amplitude(x[:, _RING])),
    "phase of five": CvCase(puckering_phase("p", _FIVE), lambda x: _phase(x[:, _FIVE])),
    "phase of six": CvCase(puckering_phase("p", _RING), lambda x: _phase(x[:, _RING])),
    "theta": CvCase(puckering_theta("t", _RING), lambda x: _theta(x[:, _RING])),
    "puckering y": CvCase(puckering_coordinate("y", _FIVE, "y"), lambda x: _wave(x[:, _FIVE], 2)[1]),
    "puckering z": CvCase(
        puckering_coordinate("z", _RING, "z"), lambda x: _amplitude(x[:, _RING]) * torch.cos(_theta(x[:, _RING]))
    ),
    "plane angle": CvCase(plane_angle("a", [0, 7, 3], [9, 1, 4]), _plane_angle),
    "plane distance": CvCase(plane_distance("d", [0, 7, 3], [9, 1, 4, 6]), _plane_distance),
    "centres": CvCase(centre_distance("d", [1, 0], [5, 3, 8], weights2=(1.0, 2.0, 5.0)), _centres),
    "combination": CvCase(
        combination("s", {_BOND: 1.5, _SIZE: -2.0}),
        lambda x: 1.5 * functions.distance(x[:, [4, 7]]) - 2 * functions.gyration(x[:, [1, 2, 4]]),
    ),
    "combination on a circle": CvCase(
        combination("w", {torsion("p", 6, 2, 0, 5): 2.0, torsion("q", 0, 1, 2, 3): -1.0}, period=2 * pi),
        lambda x: 2 * functions.torsion(x[:, [6, 2, 0, 5]]) - functions.torsion(x[:, [0, 1, 2, 3]]),
    ),
    "force on a circle": CvCase(from_force("f", _dihedral(), period=2 * pi), lambda x: functions.torsion(x[:, :4])),
    "torch": CvCase(from_torch("t", shape, [7, 1, 3, 5]), lambda x: shape(x[:, [7, 1, 3, 5]])),
    "torch on a circle": CvCase(
        from_torch("t", turned, [7, 1, 3, 5], period=3.0), lambda x: turned(x[:, [7, 1, 3, 5]])
    ),
}

if missing() is None:  # tests/cv/test_plumed.py says so
    CASES |= {
        "PLUMED": CvCase(
            from_plumed("r", "r: DISTANCE NOPBC ATOMS=8,3", unit="nm"), lambda x: functions.distance(x[:, [7, 2]])
        ),
        "PLUMED on a circle": CvCase(
            from_plumed("phi", "phi: TORSION NOPBC ATOMS=7,3,1,6"), lambda x: functions.torsion(x[:, [6, 2, 0, 5]])
        ),
        "PLUMED in a combination": CvCase(
            combination("s", {from_plumed("q", "q: GYRATION NOPBC ATOMS=2,3,5"): -2.0, _BOND: 1.5}),
            lambda x: 1.5 * functions.distance(x[:, [4, 7]]) - 2 * functions.gyration(x[:, [1, 2, 4]]),
        ),
    }


def draws(count: int, seed: int = 0) -> np.ndarray:
    """Positions (count, atoms, 3) [nm], no two atoms on top of each other."""
    rng = np.random.default_rng(seed)
    lattice = 0.25 * np.array([[i % 3, i // 3 % 2, i // 6] for i in range(ATOMS)])
    return lattice + 0.06 * rng.standard_normal((count, ATOMS, 3))


def as_it_lies(cv: CollectiveVariable) -> CollectiveVariable:
    """The CV told not to take nearest images, if it takes any."""
    if isinstance(cv, Combination):
        return replace(cv, terms=tuple(as_it_lies(term) for term in cv.terms))
    return replace(cv, periodic=False) if isinstance(cv, AtomsCV) else cv

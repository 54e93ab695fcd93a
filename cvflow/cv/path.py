"""Where a group of atoms is along a path of reference structures, and how far from it."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Positions
from cvflow.cv.alignment import Frames, mean_square_deviations
from cvflow.cv.base import AtomsCV
from cvflow.cv.reference import GivenFrames, ReferencePositions, check_reference, of_group, reference_frames
from cvflow.cv.selection import AtomNames, Atoms, group

Deviations = Float[np.ndarray, " frames"]


@dataclass(frozen=True)
class PathVariable(AtomsCV):
    """A function of the mean-square deviations d_i [nm²] from the frames of a path.

    Law: it depends on the deviations alone, `of_deviations` with its slopes.

    Attributes:
        references: of each frame the positions of the group's atoms, in their order, or of all atoms until the group is
            looked up.
        lambda_constant: λ [1/nm²]; 2.3 over the mean deviation of neighbouring frames, if left out.

    Raises:
        ValueError: fewer than two frames, or they are none; or fewer than three atoms.

    Source: Branduardi, Gervasio and Parrinello, J. Chem. Phys. 126, 054103 (2007); PLUMED's PATHMSD with equal weights.
    """

    references: tuple[ReferencePositions, ...]
    lambda_constant: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        frames = [check_reference(self.name, reference) for reference in self.references]
        if len(frames) < 2 or len({len(frame) for frame in frames}) > 1 or len(frames[0]) < 3:
            raise ValueError(f"CV {self.name}: a path needs two frames or more of the same atoms, three at least")
        if self.lambda_constant is not None and not 0 < self.lambda_constant < inf:
            raise ValueError(f"CV {self.name}: lambda_constant must be positive, got {self.lambda_constant}")

    @cached_property
    def _centred(self) -> Frames:
        """The frames about their centres.

        Raises:
            ValueError: they are of other atoms than the group.
        """
        x = np.array(self.references)
        if x.shape[1] != len(self.indices):
            raise ValueError(f"CV {self.name}: a frame has {x.shape[1]} positions for {len(self.indices)} atoms")
        return x - x.mean(axis=1, keepdims=True)

    @cached_property
    def smoothing(self) -> float:
        """λ [1/nm²], as given or as the frames have it.

        Raises:
            ValueError: neighbouring frames are the same, or of other atoms than the group.
        """
        if self.lambda_constant is not None:
            return float(self.lambda_constant)
        pairs = zip(self._centred[1:], self._centred[:-1], strict=True)
        apart = np.array([mean_square_deviations(frame, other[None])[0][0] for frame, other in pairs])
        if not apart.min() > 1e-8:
            raise ValueError(f"CV {self.name}: two neighbouring frames of the path are the same")
        return float(2.3 / apart.mean())

    @abstractmethod
    def of_deviations(self, d: Deviations) -> tuple[float, Deviations]:
        """ξ and ∂ξ/∂d of the mean-square deviations [nm²]."""

    def _shares(self, d: Deviations) -> tuple[Deviations, float]:
        """How much each frame counts, and -(1/λ) ln Σ exp(-λ d) [nm²]; no exponential is too small for all of them."""
        weights = np.exp(-self.smoothing * (d - d.min()))
        return weights / weights.sum(), float(d.min() - np.log(weights.sum()) / self.smoothing)

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        d, slopes = mean_square_deviations(x, self._centred)
        value, by_deviation = self.of_deviations(d)
        return value, np.tensordot(by_deviation, slopes, axes=1)

    def resolved(self, names: AtomNames) -> "PathVariable":
        atoms = names.group(self.name, self.atoms)
        frames = tuple(of_group(self.name, reference, atoms, names) for reference in self.references)
        return replace(self, atoms=atoms, references=frames)


@dataclass(frozen=True)
class PathProgress(PathVariable):
    """Progress along the path s = Σ i exp(-λ d_i) / Σ exp(-λ d_i), from 1 at its first frame to their number."""

    unit: str = ""
    what = "a path's progress"

    @property
    def range(self) -> tuple[float, float]:
        return 1.0, float(len(self.references))

    def of_deviations(self, d: Deviations) -> tuple[float, Deviations]:
        share, _ = self._shares(d)
        number = np.arange(1, len(d) + 1)
        value = float(share @ number)
        return value, -self.smoothing * share * (number - value)


@dataclass(frozen=True)
class PathDistance(PathVariable):
    """Distance from the path z = -(1/λ) ln Σ exp(-λ d_i) [nm²]; it may be a little below zero on the path."""

    unit: str = "nm^2"
    what = "a distance from a path"

    def of_deviations(self, d: Deviations) -> tuple[float, Deviations]:
        share, value = self._shares(d)
        return value, share


def path_progress(
    name: str,
    atoms: Atoms,
    references: GivenFrames,
    lambda_constant: float | None = None,
    unit: str = "",
    *,
    periodic: bool = True,
) -> PathProgress:
    """Progress s of the atoms along a path of reference structures, from 1 to their number.

    Args:
        name: the CV's name.
        atoms: indices counted from 0, selection strings, or a list of both.
        references: a PDB file with several models by its name, or a list of references as `cvflow.cv.rmsd` takes them.
        lambda_constant: λ [1/nm²]; 2.3 over the mean deviation of neighbouring frames, if left out.
        unit: empty.
        periodic: whether, in a periodic box, molecules are brought together first.

    Raises:
        ValueError: as `PathVariable`, or a file cannot be read.
    """
    frames = reference_frames(name, references)
    return PathProgress(name, group(atoms), frames, lambda_constant, unit, periodic=periodic)


def path_distance(
    name: str,
    atoms: Atoms,
    references: GivenFrames,
    lambda_constant: float | None = None,
    unit: str = "nm^2",
    *,
    periodic: bool = True,
) -> PathDistance:
    """Distance z [nm²] of the atoms from a path of reference structures; arguments as of `path_progress`.

    Raises:
        ValueError: as `PathVariable`, or a file cannot be read.
    """
    frames = reference_frames(name, references)
    return PathDistance(name, group(atoms), frames, lambda_constant, unit, periodic=periodic)

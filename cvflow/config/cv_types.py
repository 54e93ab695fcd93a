"""The words of native CVs, and of those that are no CVs of their own."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from cvflow.config.cv_words import PLACES, AtomList, AtomsSection, CvSection, WeightList
from cvflow.config.reference_words import (
    A_STRUCTURE,
    STRUCTURES,
    GivenStructure,
    GivenStructures,
    all_beside,
    all_named,
    beside,
    named,
)
from cvflow.config.section import ConfigError, Finite, Positive, Whole
from cvflow.cv import (
    RMSD,
    AlphaBeta,
    Angle,
    Anisotropy,
    CentreDistance,
    CollectiveVariable,
    Coordination,
    Distance,
    Gyration,
    HelixContent,
    NativeContacts,
    PathDistance,
    PathProgress,
    PlaneAngle,
    PlaneDistance,
    PuckeringAmplitude,
    PuckeringCoordinate,
    PuckeringPhase,
    PuckeringTheta,
    Torsion,
    alpha_beta,
    native_contacts,
    path_distance,
    path_progress,
    rmsd,
)

RING = "the five or six atoms of a ring, in their order"


class DistanceSection(AtomsSection):
    """A distance of two atoms."""

    makes = Distance
    type: Literal["distance"]
    atoms: AtomList = Field(description=f"[i, j], {PLACES}")


class AngleSection(AtomsSection):
    """An angle at the second of three atoms."""

    makes = Angle
    type: Literal["angle"]
    atoms: AtomList = Field(description=f"[i, j, k], {PLACES}")


class TorsionSection(AtomsSection):
    """A torsion of four atoms."""

    makes = Torsion
    type: Literal["torsion"]
    atoms: AtomList = Field(description=f"[i, j, k, l], {PLACES}")


class AnisotropySection(AtomsSection):
    """The relative shape anisotropy of a group."""

    makes = Anisotropy
    type: Literal["anisotropy"]
    atoms: AtomList = Field(description=f"a group, {PLACES}")


class GyrationSection(AtomsSection):
    """The radius of gyration of a group.

    Attributes:
        weights: of the atoms, or "mass"; all alike unless said.
    """

    makes = Gyration
    type: Literal["gyration"]
    atoms: AtomList = Field(description=f"a group, {PLACES}")
    weights: WeightList = None


class CoordinationSection(AtomsSection):
    """The coordination number between two groups."""

    makes = Coordination
    type: Literal["coordination"]
    atoms: AtomList = Field(description="a group")
    atoms2: AtomList = Field(description="another group")
    r0: Positive = Field(description="where a pair counts one half [nm]")


class CentreDistanceSection(AtomsSection):
    """The distance between the centres of two groups.

    Attributes:
        weights: of the first group's atoms, or "mass"; all alike unless said.
        weights2: of the second's.
    """

    makes = CentreDistance
    type: Literal["centre-distance"]
    atoms: AtomList = Field(description="a group")
    atoms2: AtomList = Field(description="another group")
    weights: WeightList = None
    weights2: WeightList = None


class RmsdSection(AtomsSection):
    """The deviation of a group from a reference; a run keeps the reference's positions among its settings."""

    makes = RMSD
    type: Literal["rmsd"]
    atoms: AtomList = Field(description=f"a group, {PLACES}")
    reference: GivenStructure = Field(description=A_STRUCTURE)

    def to_cv(self, folder: Path) -> RMSD:
        words = self.model_dump(exclude_none=True, exclude={"type"})
        return rmsd(**words | {"reference": beside(folder, self.reference)})

    @property
    def files(self) -> tuple[str, ...]:
        return named(self.reference)


class NativeContactsSection(AtomsSection):
    """The fraction of a reference's contacts that are there; a run keeps the contacts and their atoms' positions.

    Attributes:
        atoms2: another group; contacts are then pairs of one atom of each.
        pairs: contacts of your own, in the place of those within the cutoff.
        cutoff: within which a pair of the reference is a contact [nm].
        separation: least difference of the places in the chain of two residues.
        beta: steepness [1/nm].
        lambda_constant: how far a contact may stretch, relatively.
    """

    makes = NativeContacts
    type: Literal["native-contacts"]
    atoms: AtomList = Field(description=f"a group, {PLACES}")
    atoms2: AtomList | None = None
    reference: GivenStructure = Field(description=A_STRUCTURE)
    pairs: list[Annotated[list[Whole], Field(min_length=2, max_length=2)]] | None = None
    cutoff: Positive = 0.45
    separation: Whole = 4
    beta: Positive = 50.0
    lambda_constant: Positive = 1.8

    def to_cv(self, folder: Path) -> NativeContacts:
        words = self.model_dump(exclude_none=True, exclude={"type"})
        return native_contacts(**words | {"reference": beside(folder, self.reference)})

    @property
    def files(self) -> tuple[str, ...]:
        return named(self.reference)


class PathProgressSection(AtomsSection):
    """Progress along a path of references; a run keeps their positions among its settings.

    Attributes:
        lambda_constant: 1/nm²; 2.3 over the mean square deviation of neighbouring references unless said.
    """

    makes = PathProgress
    type: Literal["path-progress"]
    atoms: AtomList = Field(description=f"a group, {PLACES}")
    references: GivenStructures = Field(description=STRUCTURES)
    lambda_constant: Positive | None = None

    def to_cv(self, folder: Path) -> PathProgress:
        words = self.model_dump(exclude_none=True, exclude={"type"})
        return path_progress(**words | {"references": all_beside(folder, self.references)})

    @property
    def files(self) -> tuple[str, ...]:
        return all_named(self.references)


class PathDistanceSection(AtomsSection):
    """Distance from a path of references; a run keeps their positions among its settings.

    Attributes:
        lambda_constant: 1/nm²; 2.3 over the mean square deviation of neighbouring references unless said.
    """

    makes = PathDistance
    type: Literal["path-distance"]
    atoms: AtomList = Field(description=f"a group, {PLACES}")
    references: GivenStructures = Field(description=STRUCTURES)
    lambda_constant: Positive | None = None

    def to_cv(self, folder: Path) -> PathDistance:
        words = self.model_dump(exclude_none=True, exclude={"type"})
        return path_distance(**words | {"references": all_beside(folder, self.references)})

    @property
    def files(self) -> tuple[str, ...]:
        return all_named(self.references)


class AlphaBetaSection(AtomsSection):
    """The similarity of torsions to references.

    Attributes:
        coefficients: of the torsions; all 1 unless said.
    """

    makes = AlphaBeta
    type: Literal["alpha-beta"]
    torsions: list[AtomList] = Field(description=f"a list of [i, j, k, l], {PLACES}")
    references: list[Finite] = Field(description="an angle for each torsion [rad]")
    coefficients: list[Finite] | None = None

    def to_cv(self, folder: Path) -> AlphaBeta:
        return alpha_beta(**self.model_dump(exclude_none=True, exclude={"type"}))


class HelixContentSection(AtomsSection):
    """How much residues are a helix; a run keeps their torsions, as type "alpha-beta"."""

    makes = HelixContent
    type: Literal["helix-content"]
    atoms: AtomList = Field(description=f"atoms of the residues, {PLACES}")


class PuckeringAmplitudeSection(AtomsSection):
    """The total puckering amplitude of a ring."""

    makes = PuckeringAmplitude
    type: Literal["puckering-amplitude"]
    atoms: AtomList = Field(description=RING)


class PuckeringPhaseSection(AtomsSection):
    """The phase of a ring's puckering."""

    makes = PuckeringPhase
    type: Literal["puckering-phase"]
    atoms: AtomList = Field(description=RING)


class PuckeringThetaSection(AtomsSection):
    """The polar angle of the puckering of six atoms."""

    makes = PuckeringTheta
    type: Literal["puckering-theta"]
    atoms: AtomList = Field(description="the six atoms of a ring, in their order")


class PuckeringCoordinateSection(AtomsSection):
    """One of the Cartesian puckering coordinates of a ring."""

    makes = PuckeringCoordinate
    type: Literal["puckering-coordinate"]
    atoms: AtomList = Field(description=RING)
    axis: Literal["x", "y", "z"] = Field(description="'x', 'y' or, of six atoms, 'z'")


class PlaneAngleSection(AtomsSection):
    """The angle between two planes."""

    makes = PlaneAngle
    type: Literal["plane-angle"]
    atoms: AtomList = Field(description=f"[i, j, k], {PLACES}")
    atoms2: AtomList = Field(description="three of the other plane")


class PlaneDistanceSection(AtomsSection):
    """The distance of a group's centre from a plane."""

    makes = PlaneDistance
    type: Literal["plane-distance"]
    atoms: AtomList = Field(description=f"[i, j, k], {PLACES}")
    atoms2: AtomList = Field(description="a group")


class PositionsSection(CvSection):
    """The positions of some atoms, all at once."""

    type: Literal["positions"]
    atoms: AtomList = Field(description="at least four, in the order of the chain")

    def to_cv(self, folder: Path) -> CollectiveVariable:
        raise ConfigError(f"cv {self.name}: type 'positions' is no CV for others to be made of; it stands for itself")


class CoordinateSection(CvSection):
    """A coordinate of the batch engine's configurations."""

    type: Literal["coordinate"]
    index: Whole = Field(description="its place in the flattened configuration, counted from 0")

    def to_cv(self, folder: Path) -> CollectiveVariable:
        raise ConfigError(f"cv {self.name}: type 'coordinate' is for the batch engine; a molecule has atoms")

"""The words of `[system]`: what says which system it is, and what goes with that."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from cvflow.config.section import BoundedInt, Finite, NonNegative, Positive, Section

NONBONDED_METHODS = ("NoCutoff", "CutoffNonPeriodic", "CutoffPeriodic", "Ewald", "PME", "LJPME")
CONSTRAINTS = ("none", "h-bonds", "all-bonds", "h-angles")
IMPLICIT_SOLVENTS = ("HCT", "OBC1", "OBC2", "GBn", "GBn2")

_FORCE_FIELD = ("pdb", "cif")
_READ = (*_FORCE_FIELD, "prmtop", "top", "psf")
_GOES_WITH: Mapping[str, Sequence[str]] = {
    "forcefield": _FORCE_FIELD,
    "solvent": _FORCE_FIELD,
    "include_dir": ("top",),
    "parameter_files": ("psf",),
    "topology": ("xml",),
    "implicit_solvent": ("prmtop", "psf"),
    **dict.fromkeys(
        ("hydrogen_mass", "nonbonded_method", "nonbonded_cutoff", "switch_distance", "ewald_error_tolerance",
         "constraints", "rigid_water", "box"),
        _READ,
    ),
}  # fmt: skip
"""Words that go with some systems alone, and with which."""

_NEEDS = {
    "pdb": ("forcefield", 'forcefield = ["amber14-all.xml", …]'),
    "cif": ("forcefield", 'forcefield = ["amber14-all.xml", …]'),
    "psf": ("parameter_files", 'parameter_files = ["par_all36_prot.prm", …]'),
    "xml": ("topology", "topology = a PDB file with the same atoms"),
}

ONE_SOURCE = (
    'give one of name (a built-in system), python = "file.py:function", pdb or cif (with forcefield), prmtop, top, psf '
    "(with parameter_files), xml (a serialised OpenMM System)"
)


def one_of(choices: Sequence[str]) -> BeforeValidator:
    """A word among those, however it is capitalised and with or without hyphens."""
    folded = {_folded(choice): choice for choice in choices}

    def chosen(given: Any) -> Any:
        word = _folded(given) if isinstance(given, str) else ""
        if word in folded:
            return folded[word]
        close = difflib.get_close_matches(word, folded, n=1)
        mean = f"; did you mean {folded[close[0]]}?" if close else ""
        raise ValueError(f"give one of {', '.join(choices)}{mean}")

    return BeforeValidator(chosen)


def _folded(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "").replace(" ", "")


class SolventSection(Section):
    """A box of water around a molecule, by OpenMM's Modeller.

    Attributes:
        model: of the water, as Modeller knows it: tip3p, spce, tip4pew or tip5p.
        padding: least distance of the solute from its own images [nm].
        ionic_strength: of Na⁺ and Cl⁻ beside those that make the box neutral [mol/l].
        neutralize: whether ions make the box neutral.
        shape: of the box.
    """

    model: Annotated[str, one_of(("tip3p", "spce", "tip4pew", "tip5p"))] = "tip3p"
    padding: Positive = 1.0
    ionic_strength: NonNegative = 0.0
    neutralize: bool = True
    shape: Literal["cube", "dodecahedron", "octahedron"] = "cube"


IN_MEMORY = "<memory>"
"""Stands in the config for a system that was made by a script and is in no file."""


class SystemSection(Section):
    """A built-in system by name, a Python function, a molecule from files, or a serialised OpenMM System.

    Attributes:
        name: of a built-in system.
        python: "file.py:function" that makes the system.
        pdb: a PDB file; its atoms get a potential by `forcefield`.
        cif: the same, as mmCIF.
        forcefield: force fields, of the user's own or OpenMM's.
        solvent: water to put around the atoms.
        prmtop: Amber's topology, with the potential in it.
        top: GROMACS's topology.
        include_dir: where GROMACS's force fields are, for what `top` includes.
        psf: CHARMM's topology.
        parameter_files: CHARMM's parameters for it.
        xml: a serialised OpenMM System.
        topology: a PDB file with its atoms.
        nonbonded_method: NoCutoff, CutoffNonPeriodic, CutoffPeriodic, Ewald, PME or LJPME; by default PME in a periodic
            box, and NoCutoff without.
        nonbonded_cutoff: nm; 1 by default.
        switch_distance: from which Lennard-Jones forces are switched off [nm].
        ewald_error_tolerance: of Ewald sums.
        constraints: which bonds are rigid: none, h-bonds, all-bonds or h-angles.
        rigid_water: whether water is; by default where bonds are.
        implicit_solvent: a generalised Born model: HCT, OBC1, OBC2, GBn or GBn2.
        hydrogen_mass: of every hydrogen [amu].
        box: edges of the periodic box [nm], and its angles in degrees unless they are right.
        starts: a structure a state: a file, or "file:frame" with frames counted from 0.
        parameters: of a built-in system, or of the Python function.
    """

    name: str | None = None
    python: str | None = None
    pdb: str | None = None
    cif: str | None = None
    forcefield: list[str] = []
    solvent: SolventSection | None = None
    prmtop: str | None = None
    top: str | None = None
    include_dir: str | None = None
    psf: str | None = None
    parameter_files: list[str] = []
    xml: str | None = None
    topology: str | None = None
    nonbonded_method: Annotated[str, one_of(NONBONDED_METHODS)] | None = None
    nonbonded_cutoff: Positive | None = None
    switch_distance: Positive | None = None
    ewald_error_tolerance: Positive | None = None
    constraints: Annotated[str, one_of(CONSTRAINTS)] | None = None
    rigid_water: bool | None = None
    implicit_solvent: Annotated[str, one_of(IMPLICIT_SOLVENTS)] | None = None
    hydrogen_mass: Positive | None = None
    box: Annotated[list[Positive], Field(min_length=3, max_length=6)] | None = None
    starts: dict[str, str] = {}
    parameters: dict[str, Finite | BoundedInt] = {}

    @property
    def in_memory(self) -> bool:
        """Whether a script made the system, which is in no file then."""
        return self.python == IN_MEMORY

    @property
    def sources(self) -> tuple[str, ...]:
        """The words given that say what the system is."""
        words = ("name", "python", "pdb", "cif", "prmtop", "top", "psf", "xml")
        return tuple(word for word in words if getattr(self, word) is not None)

    @model_validator(mode="after")
    def _one_source(self) -> "SystemSection":
        if len(self.sources) > 1:
            raise ValueError(f"{' and '.join(self.sources)} are both given: {ONE_SOURCE}")
        (source,) = self.sources or ("",)
        for word, sources in _GOES_WITH.items():
            if getattr(self, word) not in (None, []) and source not in sources:
                raise ValueError(_misplaced(word, sources, source))
        need, mend = _NEEDS.get(source, ("", ""))
        if need and getattr(self, need) in (None, []):
            raise ValueError(f"{source} needs {mend}")
        if self.box is not None and len(self.box) not in (3, 6):
            raise ValueError("box has 3 numbers, its edges in nm, or 6, with its angles in degrees")
        return self


_OWN = {
    "prmtop": "a prmtop has its force field in it", "top": "a top has its force field in it",
    "psf": "a psf takes parameter_files", "xml": "a serialised System has its own",
    "name": "a built-in system has its own", "python": "a function makes its own",
}  # fmt: skip
"""Why a system doesn't take another's words."""


def _misplaced(word: str, sources: Sequence[str], source: str) -> str:
    """Why a word is not for this system."""
    listed = " or ".join([", ".join(sources[:-1]), sources[-1]] if len(sources) > 1 else sources)
    if word == "implicit_solvent" and source in _FORCE_FIELD:
        return f"{word} goes with {listed}; with {source} it is a force field: forcefield = […, \"implicit/obc2.xml\"]"
    own = f"; {_OWN[source]}" if source in _OWN else ""
    return f"{word} goes with {listed}{own}"

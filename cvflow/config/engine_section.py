"""The words of `[engine]`: one model an engine, told apart by `name`; an external program is an engine, too."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, NonNegativeInt, Tag, model_validator

from cvflow.config.section import Count, Finite, Positive, Section

PROGRAMS = ("gromacs", "lammps", "pesmd", "custom")
"""Values of `engine.name` that are programs run path by path; LAMMPS is one where it has a script."""

_ELSEWHERE = {
    word: f"{word} is another engine's word; {{name}} has none here"
    for word in (
        "platform", "precision", "device", "devices", "threads", "compile", "constraint_tolerance", "surrogate",
        "surrogate_offset",
    )
}  # fmt: skip
_Texts = Annotated[list[str], Field(min_length=1)]
_Program = Annotated[str, Field(min_length=1)] | _Texts
"""One word, or an argument vector."""


class OpenMMSection(Section):
    """OpenMM.

    Attributes:
        platform: as OpenMM spells it; CPU unless said.
        temperature: K; refused for built-in systems in reduced units, whose kT is a parameter.
        precision: of GPUs; mixed unless said.
        devices: numbers of GPUs, which the workers take in turn.
        threads: of each worker's context; one unless said.
        constraint_tolerance: how well rigid bonds keep their lengths, relatively.
        surrogate: "file.py:function" of a cheaper potential, on which paths and local moves go; the system decides.
        surrogate_offset: of the system's energy above the surrogate's [kJ/mol]; that of the starts unless said.
    """

    refused: ClassVar[Mapping[str, str]] = {"compile": "compile is the batch engine's word"}

    name: Literal["openmm"] = "openmm"
    platform: str | None = None
    temperature: Positive | None = None
    precision: Literal["single", "mixed", "double"] | None = None
    devices: list[NonNegativeInt] | None = Field(default=None, min_length=1)
    threads: Count | None = None
    constraint_tolerance: Positive = 1e-6
    surrogate: str | None = None
    surrogate_offset: Finite | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_device(cls, words: Any) -> Any:
        """The word of before `devices`: one number, as text."""
        if not isinstance(words, Mapping) or "device" not in words:
            return words
        device = words["device"]
        if "devices" in words or not str(device).isdecimal():
            raise ValueError(f"engine.device = {device!r}: give engine.devices, a list of numbers, one for each worker")
        return {key: value for key, value in words.items() if key != "device"} | {"devices": [int(device)]}


class LammpsSection(Section):
    """LAMMPS inside cvflow.

    Attributes:
        temperature: K; refused for built-in systems in reduced units.
    """

    refused: ClassVar[Mapping[str, str]] = _ELSEWHERE

    name: Literal["lammps"]
    temperature: Positive | None = None


class AseSection(Section):
    """ASE's calculators.

    Attributes:
        temperature: K.
        threads: of each walker's calculator; one unless said.
        surrogate: "file.py:function" of a cheaper potential, on which paths and local moves go; the system decides.
        surrogate_offset: of the system's energy above the surrogate's [kJ/mol]; that of the starts unless said.
    """

    refused: ClassVar[Mapping[str, str]] = {
        word: said for word, said in _ELSEWHERE.items() if word not in ("threads", "surrogate", "surrogate_offset")
    }

    name: Literal["ase"]
    temperature: Positive | None = None
    threads: Count | None = None
    surrogate: str | None = None
    surrogate_offset: Finite | None = None


class BatchSection(Section):
    """Many chains of torch functions as one batch.

    Attributes:
        temperature: K; refused for systems in reduced units.
        precision: "float64" unless said, or "float32".
        device: of torch: "cpu" unless said, or "cuda".
        threads: of torch.
        compile: whether torch compiles the path; "auto", as unless said, does where a run is long enough to gain by it.
    """

    refused: ClassVar[Mapping[str, str]] = {
        "platform": 'platform is OpenMM\'s word; the batch engine takes device = "cpu" or "cuda"',
        "devices": 'devices is OpenMM\'s word; the batch engine takes one device = "cpu" or "cuda"',
        "surrogate": "surrogate is a word of OpenMM's and ASE's",
    }

    name: Literal["batch"]
    temperature: Positive | None = None
    precision: str | None = None
    device: str | None = None
    threads: Count | None = None
    compile: Literal["auto"] | bool | None = None


class ProgramSection(Section):
    """What every external program takes.

    Attributes:
        temperature: of the thermostat between paths [K]; a model in reduced units has kT in its place.
        action: the library that holds the action CVFLOW.
        time_limit: seconds of wall time for one process.
        keep_failed: how many folders of failed paths each process keeps.
        plumed: a file whose lines stand before the CVs'.
        inputs: files that a path's folder gets.
        kT: thermal energy of a model in reduced units, in place of a temperature.
    """

    refused: ClassVar[Mapping[str, str]] = _ELSEWHERE
    files: ClassVar[tuple[str, ...]] = ("action", "plumed")
    """Keys that name a file, beside `inputs`."""

    name: str
    temperature: Positive | None = None
    action: str = "CVFlow.so"
    time_limit: Positive = 600.0
    keep_failed: NonNegativeInt = 0
    plumed: str | None = None
    inputs: list[str] = Field(default_factory=list)
    kT: Positive | None = None

    @property
    def named_files(self) -> dict[str, str]:
        """The files that it names, by key, without `inputs`."""
        return {key: name for key in self.files if (name := getattr(self, key)) is not None}


class GromacsSection(ProgramSection):
    """GROMACS, by `gmx mdrun`.

    Attributes:
        mdp: forces and cut-offs.
        top: the topology.
        structure: the same atoms.
        index: groups that the .mdp names.
        reference: that positions are restrained to.
        program: gmx, or an argument vector whose last word is the program and whose others start mdrun.
        mdrun_options: more words of mdrun's.
        threads: of each process of mdrun; a path has as many cores.
        maxwarn: warnings of grompp to let pass.
    """

    refused: ClassVar[Mapping[str, str]] = {word: said for word, said in _ELSEWHERE.items() if word != "threads"}
    files: ClassVar[tuple[str, ...]] = ("action", "plumed", "mdp", "top", "structure", "index", "reference")

    name: Literal["gromacs"]
    mdp: str = Field(description="a file with the settings of forces and cut-offs", min_length=1)
    top: str = Field(description="topol.top", min_length=1)
    structure: str = Field(description="a .gro file", min_length=1)
    index: str | None = None
    reference: str | None = None
    program: _Program = "gmx"
    mdrun_options: list[str] = Field(default_factory=list)
    threads: Count | None = None
    maxwarn: Count = 1


class LammpsProgramSection(ProgramSection):
    """LAMMPS as a program.

    Attributes:
        script: units, box, atoms and forces; nothing that moves the atoms.
        program: lmp, or an argument vector.
    """

    files: ClassVar[tuple[str, ...]] = ("action", "plumed", "script")

    name: Literal["lammps"]
    script: str = Field(description="a LAMMPS input that makes the system", min_length=1)
    program: _Program = "lmp"


class PesMDSection(ProgramSection):
    """PLUMED's own dynamics on a landscape.

    Attributes:
        coordinates: of the particle, by their labels in PLUMED's input.
        kT: thermal energy, in the landscape's unit.
        program: plumed.
    """

    name: Literal["pesmd"]
    coordinates: _Texts = Field(description='["d.x", "d.y"]')
    kT: Positive = Field(description="thermal energy, in the landscape's unit")
    program: str = "plumed"


class CustomSection(ProgramSection):
    """Any program, by its command lines and the files that hold its state.

    Attributes:
        commands: run one after the other for each path; {steps}, {seed}, {timestep} and {kT} are filled in.
        state_files: what the program keeps its configuration in.
        energies: whether the commands write energies.dat.
    """

    name: Literal["custom"]
    commands: _Texts = Field(description='["my-md --steps {steps} --seed {seed}"]')
    state_files: _Texts = Field(description='["restart.xml"]')
    energies: bool = True


_PROGRAM = "lammps, a program"
_BY_TAG: dict[str, type[Section]] = {
    "openmm": OpenMMSection,
    "lammps": LammpsSection,
    _PROGRAM: LammpsProgramSection,
    "ase": AseSection,
    "batch": BatchSection,
    "gromacs": GromacsSection,
    "pesmd": PesMDSection,
    "custom": CustomSection,
}
NAMES = tuple(tag for tag in _BY_TAG if tag != _PROGRAM)
"""Values of `engine.name`."""

_PROGRAMS_OWN = set(LammpsProgramSection.model_fields) - set(LammpsSection.model_fields)


def _tag(values: Any) -> str | None:
    """Which engine's words these are."""
    if isinstance(values, Section):
        return next(tag for tag, kind in _BY_TAG.items() if type(values) is kind)
    if not isinstance(values, Mapping):
        return "openmm"  # whose model says that it is no section
    name = values.get("name", "openmm")
    if name == "lammps" and _PROGRAMS_OWN & set(values):
        return _PROGRAM
    return name if isinstance(name, str) else None


EngineSection = Annotated[
    Annotated[OpenMMSection, Tag("openmm")]
    | Annotated[LammpsSection, Tag("lammps")]
    | Annotated[LammpsProgramSection, Tag(_PROGRAM)]
    | Annotated[AseSection, Tag("ase")]
    | Annotated[BatchSection, Tag("batch")]
    | Annotated[GromacsSection, Tag("gromacs")]
    | Annotated[PesMDSection, Tag("pesmd")]
    | Annotated[CustomSection, Tag("custom")],
    Discriminator(_tag),
]


def known_words(tag: str) -> list[str]:
    """What an engine takes, by the tag that it has in the place of a fault."""
    return list(_BY_TAG[tag].model_fields)


def refusal(tag: str, word: str) -> str | None:
    """Why an engine does not take another's word; nothing for a word that no engine has."""
    model, name = _BY_TAG[tag], tag.partition(",")[0]
    refused: Mapping[str, str] = getattr(model, "refused", {})
    if word in refused:
        return f"engine: {refused[word].format(name=name)}"
    return f"engine.{word} is not for {name}" if any(word in each.model_fields for each in _BY_TAG.values()) else None


def missing(tag: str, word: str) -> str | None:
    """What an engine needs a word for, where that is to be said."""
    description = _BY_TAG[tag].model_fields[word].description if word in _BY_TAG[tag].model_fields else None
    name = tag.partition(",")[0]
    return f"engine.{word} is missing: {name} needs {word} = {description}" if description else None


_LEFT_OUT = {
    "inputs": [], "maxwarn": 1, "coordinates": [], "commands": [], "state_files": [], "energies": True,
}  # fmt: skip
"""What `[drive]` held for programs that had no such word."""


def with_drive(engine: Any, drive: Any) -> Any:
    """`[engine]` with the words of `[drive]`, the section of their own that they had before.

    Raises:
        ValueError: the engine is no external program.
    """
    if not isinstance(drive, Mapping) or not isinstance(engine, Mapping):
        raise ValueError("[drive] and [engine] are sections: the words of [drive] go into [engine]")
    name = engine.get("name", "openmm")
    if name not in PROGRAMS:
        raise ValueError(f"[drive] goes with engine.name = {' or '.join(map(repr, PROGRAMS))}, and not with {name!r}")
    for word in set(engine) & set(drive):
        if engine[word] != drive[word]:
            raise ValueError(f"engine.{word} and drive.{word} differ: give one, in [engine]")
    model = _BY_TAG[_PROGRAM if name == "lammps" else name]
    kept = {
        word: value
        for word, value in drive.items()
        if word in model.model_fields or word not in _LEFT_OUT or value != _LEFT_OUT[word]
    }
    return {"action": "CVFlow.so", **engine, **kept}

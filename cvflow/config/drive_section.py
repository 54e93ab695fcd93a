"""The config's words for programs that are run path by path."""

from pydantic import Field

from cvflow.config.section import Count, Positive, Section

PROGRAMS = ("gromacs", "lammps", "pesmd", "custom")
"""Values of `engine.name` that go with [drive]."""

ALSO_EMBEDDED = ("lammps",)
"""Those that go without as well: the same program, inside cvflow."""

_WORDS = {
    "gromacs": {
        "mdp": "a file with the settings of forces and cut-offs",
        "top": "topol.top",
        "structure": "a .gro file",
    },
    "lammps": {"script": "a LAMMPS input that makes the system"},
    "pesmd": {"coordinates": '["d.x", "d.y"]', "kT": "thermal energy, in the landscape's unit"},
    "custom": {
        "commands": '["my-md --steps {steps} --seed {seed}"]',
        "state_files": '["restart.xml"]',
    },
}
_MAY = {
    "gromacs": {"program", "maxwarn"},
    "lammps": {"program", "kT"},
    "pesmd": {"program"},
    "custom": {"energies", "kT"},
}
_ALL = {"action", "time_limit", "plumed", "inputs"}


class DriveSection(Section):
    """How a program is run for one path; what it takes depends on `engine.name`."""

    action: str = "CVFlow.so"
    time_limit: Positive = 600.0
    plumed: str | None = None
    inputs: list[str] = Field(default_factory=list)
    program: str | None = None
    mdp: str | None = None
    top: str | None = None
    structure: str | None = None
    script: str | None = None
    maxwarn: Count = 1
    coordinates: list[str] = Field(default_factory=list)
    kT: Positive | None = None
    commands: list[str] = Field(default_factory=list)
    state_files: list[str] = Field(default_factory=list)
    energies: bool = True

    def check(self, engine: str) -> None:
        """Check that the words are those of the program.

        Raises:
            ValueError: one is missing, or is another program's.
        """
        needed = _WORDS[engine]
        for word, meaning in needed.items():
            if not getattr(self, word):
                raise ValueError(f"drive.{word} is missing: {engine} needs {word} = {meaning}")
        for word, plain in type(self)().model_dump().items():
            if word not in _ALL | set(needed) | _MAY[engine] and getattr(self, word) != plain:
                raise ValueError(f"drive.{word} is not for {engine}")

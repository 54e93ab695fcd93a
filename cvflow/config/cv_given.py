"""The words of CVs that a user gives as something of his own: an OpenMM force, a torch function, PLUMED's lines."""

import inspect
from collections.abc import Callable
from math import inf, isinf
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import openmm
from pydantic import Field, model_validator

from cvflow.config.cv_words import AtomList, CvSection, as_word
from cvflow.config.references import absolute, deserialised
from cvflow.config.section import ConfigError, Positive
from cvflow.cv import ForceCV, PlumedCV, TorchCV, from_force, from_module, from_plumed, from_torch
from cvflow.cv.torch_module import TrainedModule
from cvflow.host.functions import NamedFunction, load_function

NOWHERE = "<memory>"
"""Stands in the config for a function that is in no file."""


class ForceSection(CvSection):
    """The energy of a serialised OpenMM force; a run keeps it in a file that is named after the CV.

    Attributes:
        period: where the energy lies on a circle, its circumference.
    """

    makes = ForceCV
    type: Literal["force"]
    xml: str = Field(description="a file with a serialised OpenMM Force")
    period: Positive | None = None

    def to_cv(self, folder: Path) -> ForceCV:
        force = deserialised(folder / self.xml, f"cv {self.name}")
        if not isinstance(force, openmm.Force):
            raise ConfigError(f"cv {self.name}: {self.xml} holds no OpenMM Force")
        return from_force(self.name, force, self.unit or "", self.period or inf)

    @classmethod
    def from_cv(cls, cv: ForceCV) -> "CvSection":
        xml = f"cv_{cv.name}.xml"
        return cls(name=cv.name, type="force", xml=xml, period=finite(cv.period), unit=cv.unit)

    @property
    def files(self) -> tuple[str, ...]:
        return (self.xml,)


class PythonSection(CvSection):
    """A torch function, named as "file.py:function", or one that builds a module; without a word for its type.

    Attributes:
        python: "file.py:function".
        weights: safetensors of the module that the function builds.
        atoms: whose positions OpenMM hands to the function.
        period: where the CV lies on a circle, its circumference.
        range: the smallest and the largest value that it can take.
        periodic: whether molecules are put together by nearest images; in a periodic box they are, unless said.
    """

    makes = TorchCV
    typed: ClassVar[bool] = False
    type: Annotated[Literal["python"], Field(exclude=True)] = "python"
    python: str
    weights: str | None = None
    atoms: AtomList | None = None
    period: Positive | None = None
    range: list[float] | None = None
    periodic: bool | None = None

    @model_validator(mode="after")
    def _rising(self) -> "PythonSection":
        if self.range is not None and not (len(self.range) == 2 and self.range[0] < self.range[1]):
            raise ValueError("range needs two rising numbers")
        return self

    @property
    def limits(self) -> tuple[float, float]:
        """Values that the function can take."""
        low, high = self.range or (-inf, inf)
        return low, high

    def to_cv(self, folder: Path) -> TorchCV:
        if self.python == NOWHERE:
            raise ConfigError(f"cv {self.name} was made by a Python script and is in no file: run the script again")
        if self.atoms is None:
            raise ConfigError(f"cv {self.name}: OpenMM needs atoms = those whose positions the function takes")
        function = NamedFunction(absolute(self.python, folder, f"cv {self.name}"))
        load_function(function.reference, f"cv {self.name}")
        rest = (self.atoms, self.unit or "", self.period or inf, self.limits)
        images = self.periodic is not False
        if self.weights is not None:
            return from_module(self.name, function, folder / self.weights, *rest, periodic=images)
        return from_torch(self.name, function, *rest, periodic=images)

    @classmethod
    def from_cv(cls, cv: TorchCV) -> "CvSection":
        trained = cv.function if isinstance(cv.function, TrainedModule) else None
        return cls(
            name=cv.name, python=_reference(trained.build if trained else cv.function),
            weights=trained.weights if trained else None, atoms=list(cv.atoms), period=finite(cv.period),
            range=None if cv.limits == (-inf, inf) else list(cv.limits), unit=cv.unit, periodic=as_word(cv.periodic),
        )  # fmt: skip

    @property
    def files(self) -> tuple[str, ...]:
        file = self.python.rpartition(":")[0]
        names = (file, self.weights)  # what a script has made in memory has no file
        return tuple(name for name in names if name)


class PlumedSection(CvSection):
    """Lines of PLUMED with a value of the CV's name; without a word for its type.

    Attributes:
        plumed: lines of PLUMED; one has the label `name`.
        period: for external programs, whose PLUMED has told it.
    """

    makes = PlumedCV
    typed: ClassVar[bool] = False
    type: Annotated[Literal["PLUMED text"], Field(exclude=True)] = "PLUMED text"
    plumed: str
    period: Positive | None = None

    def to_cv(self, folder: Path) -> PlumedCV:
        return from_plumed(self.name, self.plumed, self.unit or "")

    @classmethod
    def from_cv(cls, cv: PlumedCV) -> "CvSection":
        return cls(name=cv.name, plumed=cv.text, unit=cv.unit)

    @property
    def files(self) -> tuple[str, ...]:
        """Full paths in the text, REFERENCE=a.pdb; PLUMED looks for them from where the program runs."""
        lines = (line.split("#")[0] for line in self.plumed.splitlines())
        values = (word.partition("=")[2] for line in lines for word in line.split())
        return tuple(str(Path(value).resolve()) for value in values if value and Path(value).is_file())


def finite(period: float) -> float | None:
    """The word for a period: none for an infinite one."""
    return None if isinf(period) else period


def _reference(function: Callable[..., Any]) -> str:
    """Where a later `resume` finds the function."""
    if isinstance(function, NamedFunction):
        return function.reference
    try:
        file = inspect.getsourcefile(function)
    except TypeError:  # an object that is called, such as a network
        file = None
    return f"{Path(file).resolve()}:{function.__name__}" if file and Path(file).is_file() else NOWHERE

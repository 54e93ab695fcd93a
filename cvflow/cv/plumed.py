"""PLUMED as a library of CVs: a CV is the value of that label in a few lines of PLUMED."""

import os
import re
import tempfile
import weakref
from dataclasses import dataclass, field, replace
from math import inf, nan
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import openmm

from cvflow.core.frames import Box, Frame, Positions
from cvflow.core.periodic import into_period
from cvflow.cv.base import STEPS_PASSED, CollectiveVariable, Particles
from cvflow.cv.names import checked_name
from cvflow.cv.openmm_force import Energy, callback_of_all

PLUMED_MEND = "conda install -c conda-forge plumed py-plumed"

FARTHEST = 1e6
"""|coordinates| [nm] from which a configuration counts as blown up, and PLUMED is not asked."""

_REFUSED = {
    "UNITS": "lengths stay in nm, energies in kJ/mol and times in ps, which are PLUMED's defaults",
    "INCLUDE": "write the file's lines themselves, so that they are kept with the run",
    "PRINT": "the CV's values are in the run's own COLVAR",
    "RESTART": "a CV has no past",
}

_UNKNOWN = "does the text need masses or charges, which are not known here?"

_FIRST_SIZES = tuple(16 << 3 * power for power in range(7))
"""Numbers of atoms with which a text is tried before it is known for how many it is."""


@dataclass(frozen=True)
class PlumedCV(CollectiveVariable):
    """The value with the CV's name as its label in PLUMED's text; use `from_plumed`, which asks PLUMED about it.

    Atoms are counted from 1, as everywhere in PLUMED, and minimum images are taken where PLUMED takes them.

    Attributes:
        name: the CV's name, and the value's label.
        text: lines of PLUMED.
        unit: for tables and axes.
        period: of PLUMED's domain. Values are brought into half a period around zero, wherever PLUMED has the domain.
        particles: masses, charges and whether there is a box, where the CV is among an engine's particles.
    """

    name: str
    text: str
    unit: str = ""
    period: float = inf
    particles: Particles | None = None
    _instance: Any = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        checked_name(self.name)

    @property
    def highest_atom(self) -> int:
        """Zero: PLUMED itself checks atoms, when the CV is taken `among` particles."""
        return 0

    def among(self, particles: Particles) -> "PlumedCV":
        """Raises ValueError if PLUMED does not take the text for as many atoms."""
        cv = replace(self, particles=particles)
        cv._instance_for(len(particles.masses))
        return cv

    def value_and_gradient(self, frame: Frame) -> tuple[float, Positions]:
        """ξ and ∂ξ/∂x [CV units/nm] of all atoms, (atoms, 3); NaN if the configuration has blown up.

        Raises:
            ValueError: PLUMED fails, or needs masses or charges that are not known.
        """
        x = np.ascontiguousarray(frame.positions, dtype=float)
        if not (np.abs(x) < FARTHEST).all():
            return nan, np.full_like(x, nan)
        box = frame.box if self.particles is None or self.particles.all_around else None
        value, gradient = self._instance_for(len(x)).value_and_gradient(x, box)
        if np.isnan(value) and not (self.particles and self.particles.charges):
            raise ValueError(f"CV {self.name}: PLUMED gives NaN; {_UNKNOWN}")
        return into_period(value, self.period), gradient

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """Of all particles: PLUMED alone knows which ones it reads."""
        periodic = bool(self.particles and self.particles.all_around)
        return callback_of_all(self.name, self.value_and_gradient, energy, periodic=periodic)

    def let_time_pass(self) -> None:
        if self._instance is not None:
            self._instance.step += STEPS_PASSED

    def _instance_for(self, atoms: int) -> "_Instance":
        if self._instance is None or self._instance.atoms != atoms:
            if self.particles is not None and len(self.particles.masses) != atoms:
                raise ValueError(f"CV {self.name}: made for {len(self.particles.masses)} atoms, the frame has {atoms}")
            object.__setattr__(self, "_instance", _Instance(self.name, self.text, atoms, self.particles))
        return self._instance

    def __getstate__(self) -> dict[str, Any]:
        """What goes to worker processes: each starts its own PLUMED."""
        return self.__dict__ | {"_instance": None}


def from_plumed(name: str, text: str, unit: str = "") -> PlumedCV:
    """Make a CV of PLUMED's lines: ``from_plumed("d", "d: DISTANCE ATOMS=1,9")``.

    PLUMED is asked for the value's domain, so that a CV on a circle is one here too. Files named in the text are
    PLUMED's to find: from the folder in which the program runs, so give full paths.

    Args:
        name: the CV's name in state expressions and files, and a label in the text. A component such as `g.x` needs a
            label of its own: ``gx: COMBINE ARG=g.x PERIODIC=NO``.
        text: in PLUMED's units, nm, kJ/mol and ps; with PLUMED's continuation lines and comments.
        unit: for tables and axes.

    Raises:
        ValueError: PLUMED or its wrapper is missing, does not take the text, or the text holds a bias, or is not of a
            CV alone.
    """
    checked_name(name)
    for word, reason in _REFUSED.items():
        if re.search(rf"^\s*(\w+:\s*)?{word}\b", text, re.MULTILINE):
            raise ValueError(f"CV {name}: {word} is refused: {reason}")
    return PlumedCV(name, text, unit, _period(name, text, _size(name, text)))


class _Instance:
    """One PLUMED, which gives a value and, by a force of one on it, its gradient."""

    def __init__(self, name: str, text: str, atoms: int, particles: Particles | None) -> None:
        unknown = (nan,) * atoms
        self.atoms, self._name, self.step = atoms, name, 0
        self._masses = np.array(unknown if particles is None else particles.masses)
        self._charges = np.array((particles and particles.charges) or unknown)
        self._forces, self._value = np.zeros((atoms, 3)), np.zeros(1)
        self._plumed = _started(name, text, atoms)
        weakref.finalize(self, self._plumed.finalize)  # at the program's end too: PLUMED complains otherwise
        try:
            _read(self._plumed, f"cvflow_pull: RESTRAINT ARG={name} AT=0 KAPPA=0 SLOPE=1")
            self._plumed.cmd(f"getDataRank {name}", np.zeros(1, dtype=np.int64))
            self._plumed.cmd(f"setMemoryForData {name}", self._value)
        except Exception as error:  # PLUMED's own, and the wrapper's on the shape of a vector
            raise ValueError(
                f"CV {name}: the PLUMED text has no number with the label {name}: label the line of the CV so; a "
                f"component needs a label of its own: {name}: COMBINE ARG=d.x PERIODIC=NO"
            ) from error

    def value_and_gradient(self, x: Positions, box: Box | None) -> tuple[float, Positions]:
        """What PLUMED is given it reads where it lies, so each array has to live until the end."""
        self._forces.fill(0.0)
        vectors = np.zeros((3, 3)) if box is None else np.ascontiguousarray(box, dtype=float)
        cmd = self._plumed.cmd
        cmd("setStep", self.step)
        cmd("setPositions", x)
        cmd("setForces", self._forces)
        cmd("setMasses", self._masses)
        cmd("setCharges", self._charges)
        cmd("setBox", vectors)
        try:
            cmd("prepareCalc")
            cmd("performCalcNoUpdate")
        except Exception as error:  # whatever an action may throw
            hint = f"; {_UNKNOWN}" if np.isnan(self._masses).any() else ""
            raise ValueError(f"CV {self._name}: PLUMED fails: {_reason(error)}{hint}") from error
        return float(self._value[0]), -self._forces


def _wrapper(name: str) -> ModuleType:
    try:
        import plumed
    except ImportError as error:
        raise ValueError(f"CV {name}: PLUMED's Python wrapper is missing: {PLUMED_MEND}") from error
    return plumed


def _started(name: str, text: str, atoms: int) -> Any:
    """A PLUMED that has read the text.

    Raises:
        ValueError: there is no PLUMED, or it does not take the text.
    """
    wrapper, kernel = _wrapper(name), os.environ.get("PLUMED_KERNEL")
    if kernel and not Path(kernel).is_file():
        mend = f"set it to libplumedKernel.so, or {PLUMED_MEND}"
        raise ValueError(f"CV {name}: PLUMED_KERNEL={kernel} is not a file: {mend}")
    try:
        plumed = wrapper.Plumed(kernel=kernel)
        plumed.cmd("setRealPrecision", 8)
    except Exception as error:  # the wrapper's, which names no class for it
        raise ValueError(f"CV {name}: no PLUMED kernel is found: {PLUMED_MEND}, or set PLUMED_KERNEL") from error
    plumed.cmd("setMDEngine", "cvflow")
    plumed.cmd("setLogFile", os.devnull)
    plumed.cmd("setNatoms", atoms)
    plumed.cmd("setNoVirial")  # after the number of atoms: before it, PLUMED 2.10 crashes when it applies forces
    plumed.cmd("setTimestep", 1.0)
    plumed.cmd("init")
    try:
        _read(plumed, text)
    except Exception as error:  # PLUMED's own kinds
        raise ValueError(f"CV {name}: PLUMED does not take it: {_reason(error)}") from error
    return plumed


def _read(plumed: Any, lines: str) -> None:
    plumed.cmd("readInputLines", lines.rstrip("\n") + "\n")


def _size(name: str, text: str) -> int:
    """A number of atoms that is enough for the text.

    Raises:
        ValueError: PLUMED does not take the text for any, or there is a bias in it.
    """
    for size in _FIRST_SIZES:
        try:
            plumed = _started(name, text, size)
        except ValueError as error:
            if "out of range" in str(error) and size != _FIRST_SIZES[-1]:
                continue
            raise
        break
    try:
        _read(plumed, "cvflow_biases: COMBINE ARG=*.bias PERIODIC=NO")
    except Exception:  # as should be: nothing has such a component
        return size
    raise ValueError(f"CV {name}: the PLUMED text holds a bias, which would be no part of the potential: take it out")


def _period(name: str, text: str, atoms: int) -> float:
    """The period of the value's domain, which PLUMED tells in the header of what it prints; infinite on a line."""
    x = np.random.default_rng(0).standard_normal((atoms, 3))
    _Instance(name, text, atoms, None)  # for its error, if the label is not there
    with tempfile.TemporaryDirectory(prefix="cvflow-plumed-") as folder:
        plumed = _started(name, f"{text}\nPRINT ARG={name} FILE={folder}/domain", atoms)
        _calculate(plumed, x)
        plumed.finalize()  # closes the file
        header = Path(folder, "domain").read_text(encoding="utf-8")
    low, high = (re.search(rf"^#! SET {end}_{name} (.+)$", header, re.MULTILINE) for end in ("min", "max"))
    return _number(name, high[1]) - _number(name, low[1]) if low and high else inf


def _number(name: str, words: str) -> float:
    """What PLUMED takes an end of a domain for: "-pi", "2*pi"."""
    value = np.zeros(1)
    plumed = _started(name, f"cvflow_end: CONSTANT VALUE={words}", 1)
    plumed.cmd("getDataRank cvflow_end", np.zeros(1, dtype=np.int64))
    plumed.cmd("setMemoryForData cvflow_end", value)
    _calculate(plumed, np.zeros((1, 3)))
    return float(value[0])


def _calculate(plumed: Any, x: Positions) -> None:
    """One step with all that PLUMED does in one, files included."""
    forces, ones = np.zeros_like(x), np.ones(len(x))
    plumed.cmd("setStep", 0)
    for word, values in (("Positions", x), ("Forces", forces), ("Masses", ones), ("Charges", ones)):
        plumed.cmd(f"set{word}", values)
    plumed.cmd("calc")


def _reason(error: Exception) -> str:
    """PLUMED's own words in one line, without the place in its sources."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(("(", "+++")))

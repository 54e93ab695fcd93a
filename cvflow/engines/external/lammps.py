"""LAMMPS with `fix plumed`: one `lmp` a path, states as text dumps that read back to the last bit."""

import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from openmm import app

from cvflow.core.frames import Exactness, Frame, Outcome
from cvflow.engines.external.lammps_dump import Snapshot, dump_text, read_dump
from cvflow.engines.external.lammps_script import UNITS, Units, check_information, check_script
from cvflow.engines.external.process import OUTPUT, PathFailedError, ProgramFailedError, run
from cvflow.engines.external.program import INPUT, PathEnds, PathOrder, Program
from cvflow.host.text_file import text_of

_INPUT, _LOG, _START, _ENDS, _ATOMS = "cvflow.in", "cvflow.log", "cvflow_start.dump", "cvflow_ends.dump", "cvflow.atoms"
_X, _V = ("xu", "yu", "zu"), ("vx", "vy", "vz")

_PLUMED = f"fix cvflow_plumed all plumed plumedfile {INPUT} outfile plumed.out"

_PROBE = f"""include {{script}}
info system fixes
write_dump all custom {_ATOMS} id type mass modify sort id format float %.17g
{_PLUMED}
"""

# fix plumed takes the time step when it is made. Its energy, in LAMMPS's total unless told otherwise, is that of the
# step before: it is left out, and PLUMED's own biases are added. The neighbour list is looked at in every step, so that
# forces are a function of the positions and the path reads backwards.
_PATH = f"""include {{script}}
neigh_modify every 1 delay 0 check yes once no
reset_timestep 0
timestep {{timestep:.17g}}
read_dump {_START} 0 x y z vx vy vz box no replace yes
{_PLUMED}
fix_modify cvflow_plumed energy no
fix cvflow_nve all nve
compute cvflow_kinetic all ke
thermo {{steps}}
thermo_style custom step pe c_cvflow_kinetic
thermo_modify format float %.17g norm no
dump cvflow_ends all custom {{steps}} {_ENDS} id {" ".join(_X + _V)}
dump_modify cvflow_ends format float %.17g sort id
run {{steps}}
"""

_COMPLAINT = re.compile(r"^.*\bERROR\b.*$|^Last (?:input line|command): .*$", re.M)
_NO_FIX = re.compile(r"fix style '?plumed'?")
_PATIENCE = 120.0


@dataclass(frozen=True)
class Lammps(Program):
    """LAMMPS with its package PLUMED, or `fix plumed` as a plugin.

    Attributes:
        script: the user's input, an absolute path: units, box, atoms and forces, nothing that moves them.
        inputs: files that the script reads, absolute paths.
        lmp: the program, as an argument vector: `mpirun -n 4 lmp -sf omp`.
        units: a key of UNITS; `prepared` finds it.
        masses: of the atoms [amu, or reduced]; `prepared` finds them.
        types: of the atoms; `prepared` finds them.
    """

    script: str
    inputs: tuple[str, ...] = ()
    lmp: tuple[str, ...] = ("lmp",)
    units: str = "lj"
    masses: tuple[float, ...] = ()
    types: tuple[int, ...] = ()

    @property
    def exactness(self) -> Exactness:
        if len(self.lmp) > 1:
            return Exactness(False, "one-jump stationarity test has passed through plain lmp, not with other words")
        return Exactness(True, "one-jump stationarity test passed through lmp with fix plumed and its dumps and log")

    def bring_inputs(self, folder: Path) -> None:
        shutil.copy(self.script, folder)
        super().bring_inputs(folder)

    def read_start(self, path: Path) -> Frame:
        try:
            snapshot = read_dump(path)[-1]
            frame, types = self._frame(snapshot), snapshot.columns.get("type")
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(
                f"{path}: cannot be read as a text dump ({error}); `write_dump all custom FILE id xu yu zu modify "
                "format float %.17g` makes one"
            ) from error
        if len(frame.positions) != len(self.masses):
            raise ValueError(f"{path}: it has {len(frame.positions)} atoms, the script makes {len(self.masses)}")
        if types is not None and (others := np.flatnonzero(types != np.array(self.types))).size:
            atom = int(others[0])
            raise ValueError(
                f"{path}: atom {atom + 1} is of type {types[atom]:g} there and {self.types[atom]} in the script: give "
                "the same atoms by the same ids"
            )
        return frame

    def topology(self) -> app.Topology:
        topology = app.Topology()
        residue = topology.addResidue("LMP", topology.addChain())
        for kind in self.types:
            topology.addAtom(f"T{kind}", None, residue)
        return topology

    def write(self, folder: Path, order: PathOrder, rng: np.random.Generator) -> None:
        spread = np.sqrt(order.kT / np.array(self.masses))[:, None]
        velocities = spread * rng.standard_normal(order.frame.positions.shape)
        length, _, time = self._worth
        x, v = order.frame.positions / length, velocities * (time / length)
        box = np.asarray(order.frame.box) / length
        (folder / _START).write_text(
            dump_text(box, dict(zip(_X + _V, np.hstack([x, v]).T, strict=True))), encoding="utf-8"
        )
        text = _PATH.format(script=Path(self.script).name, timestep=order.timestep / time, steps=order.steps)
        (folder / _INPUT).write_text(text, encoding="utf-8")

    def commands(self) -> list[list[str]]:
        return [[*self.lmp, "-in", _INPUT, "-log", _LOG, "-nocite"]]

    def ends(self, folder: Path, order: PathOrder) -> PathEnds:
        try:
            given, (first, last) = read_dump(folder / _START)[0], read_dump(folder / _ENDS)
            steps, potentials, kinetic = _thermo((folder / _LOG).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError) as error:
            reason = f"LAMMPS's {_ENDS} or {_LOG} is missing or cut off"
            raise PathFailedError(Outcome.PROGRAM_FAILED, reason) from error
        if [first.step, last.step, *steps] != [0, order.steps] * 2:
            raise PathFailedError(Outcome.PROGRAM_FAILED, "LAMMPS did not get to its last step")
        if not np.array_equal(first.of(*_V), given.of(*_V)):
            raise PathFailedError(Outcome.PROGRAM_FAILED, "LAMMPS did not begin with the velocities it was given")
        before, after = (potentials + kinetic) * self._worth.energy
        first_potential, last_potential = potentials * self._worth.energy
        return PathEnds(
            float(before), float(after), self._frame(last), (float(first_potential), float(last_potential))
        )

    def last_words(self, folder: Path) -> list[str]:
        """Errors, of LAMMPS and of PLUMED, are followed by what is said at every end."""
        printed = (folder / OUTPUT).read_text(encoding="utf-8", errors="replace") if (folder / OUTPUT).exists() else ""
        return _COMPLAINT.findall(printed) or super().last_words(folder)

    @property
    def _worth(self) -> Units:
        return UNITS[self.units]

    def _frame(self, snapshot: Snapshot) -> Frame:
        length = self._worth.length
        return Frame(snapshot.positions() * length, snapshot.box * length)


def prepared(program: Lammps) -> Lammps:
    """The program with its units and atoms, and the certainty that it has `fix plumed`.

    Raises:
        ProgramFailedError: LAMMPS does not take the script.
        ValueError: it has no `fix plumed`, or the script makes no system that paths can be run of.
    """
    name = Path(program.script).name
    check_script(text_of(Path(program.script)), name)
    with tempfile.TemporaryDirectory(prefix="cvflow-lammps-") as text:
        folder = Path(text)
        program.bring_inputs(folder)
        (folder / INPUT).write_text("", encoding="utf-8")
        (folder / _INPUT).write_text(_PROBE.format(script=name), encoding="utf-8")
        try:
            run(program.commands()[0], folder, _PATIENCE, program.environment)
        except PathFailedError as failure:
            raise _refusal(program, failure, program.last_words(folder)) from failure
        units = check_information((folder / OUTPUT).read_text(encoding="utf-8", errors="replace"), name)
        atoms = read_dump(folder / _ATOMS)[0].columns
    return replace(program, units=units, masses=tuple(atoms["mass"].tolist()), types=tuple(map(int, atoms["type"])))


def _refusal(program: Lammps, failure: PathFailedError, words: list[str]) -> Exception:
    if any(_NO_FIX.search(line) for line in words):
        return ValueError(
            f"{' '.join(program.lmp)} has no fix plumed: `conda install -c conda-forge lammps` brings one that has it; "
            "where it is a plugin, `plugin load` belongs into the script"
        )
    return ProgramFailedError(f"LAMMPS refuses the script: {failure.reason}", words)


def _thermo(log: str) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Steps, potential and kinetic energies, of the two lines of the run.

    Raises:
        ValueError: there are not two.
    """
    lines = [line.split() for line in log.splitlines()]
    heading = next((i for i, words in enumerate(lines) if words[:2] == ["Step", "PotEng"]), len(lines))
    rows = [words for words in lines[heading + 1 :] if len(words) == 3 and words[0].isdigit()]  # and no warnings
    if len(rows) != 2:
        raise ValueError("no energies")
    potentials, kinetic = (np.array([float(row[column]) for row in rows]) for column in (1, 2))
    return [int(row[0]) for row in rows], potentials, kinetic

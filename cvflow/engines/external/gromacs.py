"""GROMACS with its own PLUMED interface: grompp and mdrun, states as .trr files."""

import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import MDAnalysis
import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import TRRFile
from openmm import app

from cvflow.core.frames import Exactness, Frame, Outcome
from cvflow.engines.external.gromacs_dump import DumpedChain, Rigid, molecules
from cvflow.engines.external.gromacs_mdp import LAW, check_possible, with_settings
from cvflow.engines.external.gromacs_rigid import began_as_given, kept_lengths
from cvflow.engines.external.process import OUTPUT, PathFailedError, ProgramFailedError, run
from cvflow.engines.external.program import INPUT, PathEnds, PathOrder, Program

START, NAME = "start.trr", "path"
"""The state a path begins from, and what GROMACS calls its files."""

_WARNING, _ERROR = (re.compile(rf"^{word} \d.*?(?=\n\s*\n)", re.M | re.S) for word in ("WARNING", "ERROR"))
_BOX = re.compile(r"^Program: .*?\n\s*\n(.*?)(?=\n\s*\n(?:For more information|-{20,}))", re.M | re.S)
"""What ends a GROMACS program, between lines; with several ranks each has its say."""


@dataclass(frozen=True)
class Gromacs(Program):
    """GROMACS 2025 or later; .trr files hold single precision, in which mdrun's own states are unless it is gmx_d.

    Attributes:
        mdp: the user's settings of forces and cut-offs, as text; those of the dynamics are the driver's.
        top: the topology, an absolute path.
        structure: a .gro or .pdb file with the same atoms, an absolute path.
        inputs: files that the topology includes, absolute paths.
        gmx: the program.
        launcher: what starts mdrun, and mdrun alone, on several processors: `srun -n 8`.
        mdrun_options: of the user's.
        threads: of each process of mdrun.
        maxwarn: warnings of grompp that are let pass; one is there always, that the motion of the centre of mass is
            not removed.
        index: a file of groups, an absolute path; none where empty.
        reference: a structure that positions are restrained to, an absolute path; none where empty.
        mpi: whether the program is built with an MPI library; `prepared` asks it.
        masses: of the atoms [amu]; `prepared` finds them.
        chains: residues with the names of the atoms; `prepared` finds them.
        rigid: pairs of atoms that constraints hold, rigid water's among them; `prepared` finds them.
    """

    mdp: str
    top: str
    structure: str
    inputs: tuple[str, ...] = ()
    gmx: str = "gmx"
    maxwarn: int = 1
    launcher: tuple[str, ...] = ()
    mdrun_options: tuple[str, ...] = ()
    threads: int = 1
    index: str = ""
    reference: str = ""
    mpi: bool = False
    masses: tuple[float, ...] = ()
    chains: tuple[DumpedChain, ...] = ()
    rigid: Rigid = ()

    @property
    def exactness(self) -> Exactness:
        if self.mpi or self.launcher or self.mdrun_options:
            how = "a build with MPI" if self.mpi else "a launcher or engine.mdrun_options"
            return Exactness(False, f"one-jump stationarity test has passed through plain gmx mdrun, not with {how}")
        bonds = "rigid bonds and with rigid water" if self.rigid else "flexible bonds"
        passed = f"one-jump stationarity test passed through gmx mdrun and its .trr and .edr files, with {bonds}"
        return Exactness(True, passed)

    def read_start(self, path: Path) -> Frame:
        try:
            universe = MDAnalysis.Universe(str(path))
        except Exception as error:  # a parser's own errors are of any kind
            reason = next(iter(str(error).splitlines()), "")
            raise ValueError(f"{path}: MDAnalysis cannot read it ({reason})") from error
        box = universe.trajectory.ts.triclinic_dimensions
        if box is None:
            raise ValueError(f"{path}: the structure has no box; `gmx editconf -box` gives it one")
        if self.masses and len(universe.atoms) != len(self.masses):
            raise ValueError(f"{path}: it has {len(universe.atoms)} atoms, the topology has {len(self.masses)}")
        self._check_names(universe, path)
        return Frame(universe.atoms.positions.astype(float) / 10, np.array(box, dtype=float) / 10)

    def _check_names(self, universe: MDAnalysis.Universe, path: Path) -> None:
        """The atoms are those of `structure`, which grompp holds against the topology, in their order.

        Raises:
            ValueError: one has another name.
        """
        if path.resolve() == Path(self.structure).resolve():
            return
        own = MDAnalysis.Universe(self.structure).atoms.names
        for atom, (ours, theirs) in enumerate(zip(own, universe.atoms.names, strict=False), 1):
            if ours != theirs:
                raise ValueError(
                    f"{path}: atom {atom} is {theirs} there and {ours} in {Path(self.structure).name}: give the same "
                    "atoms in the same order"
                )

    def topology(self) -> app.Topology:
        topology = app.Topology()
        for residues in self.chains:
            chain = topology.addChain()
            for residue in residues:
                ours = topology.addResidue(residue.name, chain, str(topology.getNumResidues() + 1))
                for name in residue.atoms:
                    topology.addAtom(name, None, ours)
        return topology

    @property
    def environment(self) -> dict[str, str]:
        """GROMACS ends where this is another number of threads than it is told."""
        return {"OMP_NUM_THREADS": str(self.threads)}

    def write(self, folder: Path, order: PathOrder, rng: np.random.Generator) -> None:
        masses = np.array(self.masses)[:, None]
        with np.errstate(divide="ignore"):
            spread = np.where(masses > 0, np.sqrt(order.kT / masses), 0.0)
        self._write(folder, order, spread * rng.standard_normal(order.frame.positions.shape))

    def commands(self) -> list[list[str]]:
        files = ["-deffnm", NAME, "-noconfout", "-cpt", "-1", "-plumed", INPUT, "-ntomp", str(self.threads)]
        ours = _OURS if self.mpi else {"-ntmpi": ["1"], **_OURS}
        alone = [word for option, values in ours.items() if not self._says(option) for word in (option, *values)]
        return [self._grompp(), [*self.launcher, self.gmx, "mdrun", *files, *alone, *self.mdrun_options]]

    def _says(self, option: str) -> bool:
        """Whether the user has said it, or its opposite."""
        name = option.removeprefix("-").removeprefix("no")
        return any(word in (f"-{name}", f"-no{name}") for word in self.mdrun_options)

    def ends(self, folder: Path, order: PathOrder) -> PathEnds:
        from pyedr import edr_to_dict

        try:
            table = edr_to_dict(str(folder / f"{NAME}.edr"), verbose=False)
            energies, potentials = table["Total Energy"], table["Potential"]
            with TRRFile(str(folder / f"{NAME}.trr")) as states:
                first, *_, last = states
            with TRRFile(str(folder / START)) as states:
                given = states.read()
        except (OSError, KeyError, ValueError, EOFError) as error:
            reason = f"mdrun's {NAME}.edr or {NAME}.trr is missing or cut off"
            raise PathFailedError(Outcome.PROGRAM_FAILED, reason) from error
        if last.step != order.steps or len(energies) < 2:
            raise PathFailedError(Outcome.PROGRAM_FAILED, "mdrun did not get to its last step")
        if not began_as_given(first, given.v, self.masses, self.rigid):
            raise PathFailedError(Outcome.PROGRAM_FAILED, "mdrun did not begin with the velocities it was given")
        if not kept_lengths(first, last, self.rigid):
            reason = "rigid bonds have not kept their lengths: is path.timestep too long?"
            raise PathFailedError(Outcome.UNCONVERGED, reason)
        frame = Frame(last.x.astype(float), last.box.astype(float))
        return PathEnds(
            float(energies[0]), float(energies[-1]), frame, (float(potentials[0]), float(potentials[-1]))
        )

    def last_words(self, folder: Path) -> list[str]:
        """Errors stand in blocks, far above the last line; warnings count where there are too many of them."""
        printed = (folder / OUTPUT).read_text(encoding="utf-8", errors="replace") if (folder / OUTPUT).exists() else ""
        boxes = _BOX.findall(printed)
        warnings = _WARNING.findall(printed) if any("Too many warnings" in box for box in boxes) else []
        blocks = [" ".join(block.split()) for block in (*warnings, *_ERROR.findall(printed), *boxes)]
        return list(dict.fromkeys(blocks)) or super().last_words(folder)

    def _write(self, folder: Path, order: PathOrder, velocities: np.ndarray) -> None:
        shutil.copy(self.top, folder)
        lengths = {key: str(order.steps) for key in ("nsteps", "nstxout", "nstvout")}
        (folder / f"{NAME}.mdp").write_text(
            with_settings(self.mdp, LAW | lengths | {"dt": f"{order.timestep:.12g}"}), encoding="utf-8"
        )
        x, box = order.frame.positions, order.frame.box
        with TRRFile(str(folder / START), "w") as states:
            states.write(
                x.astype(np.float32),
                velocities.astype(np.float32),
                None,
                np.asarray(box, np.float32),
                0,
                0.0,
                0.0,
                len(x),
            )

    def _grompp(self) -> list[str]:
        given = [word for pair in (("-n", self.index), ("-r", self.reference)) if pair[1] for word in pair]
        return [
            self.gmx, "grompp", "-f", f"{NAME}.mdp", "-c", self.structure, "-t", START, "-p", Path(self.top).name,
            "-o", f"{NAME}.tpr", "-po", "mdout.mdp", "-maxwarn", str(self.maxwarn), *given,
        ]  # fmt: skip

    def _asked(self, folder: Path, frame: Frame) -> "Gromacs":
        """The program with what grompp makes of the user's files, and what the program says of itself.

        Args:
            folder: to do that in.
            frame: of the structure.

        Raises:
            PathFailedError: it makes nothing of them.
            ValueError: the topology has virtual sites.
        """
        self.bring_inputs(folder)
        self._write(folder, PathOrder(frame, 1, 0.0005, 1.0), np.zeros_like(frame.positions))
        run(self._grompp(), folder, _PATIENCE, self.environment)
        run([self.gmx, "dump", "-s", f"{NAME}.tpr"], folder, _PATIENCE, self.environment)
        found = molecules((folder / OUTPUT).read_text(encoding="utf-8", errors="replace"))
        run([self.gmx, "--version"], folder, _PATIENCE, self.environment)
        library = _LIBRARY.search((folder / OUTPUT).read_text(encoding="utf-8", errors="replace"))
        mpi = library is not None and library[1].lower() not in ("thread_mpi", "none")
        return replace(self, mpi=mpi, masses=found.masses, chains=found.chains, rigid=found.rigid)


_PATIENCE = 120.0

_LIBRARY = re.compile(r"^MPI library:\s+(\S+)", re.M)

_OURS: dict[str, list[str]] = {"-pin": ["off"], "-reprod": [], "-notunepme": []}
"""Of mdrun, unless the user has said otherwise: walkers share the cores, and a path is a function of its arguments."""

DRIVERS = ("deffnm", "s", "o", "x", "c", "e", "g", "cpi", "cpo", "cpt", "confout", "append", "plumed", "multidir",
           "nsteps", "maxh", "rerun", "nt", "ntomp")  # fmt: skip
"""Options of mdrun that are the driver's alone."""


def prepared(program: Gromacs) -> Gromacs:
    """The program with the masses and names of its atoms, its rigid bonds, and how it is built.

    Raises:
        ProgramFailedError: grompp does not take the files.
        ValueError: the topology has virtual sites, the .mdp freezes atoms or has a barostat, or an option of mdrun is
            the driver's.
    """
    for option in program.mdrun_options:
        if option.startswith("-") and option.removeprefix("-").removeprefix("no") in DRIVERS:
            mend = "engine.threads" if option in ("-nt", "-ntomp") else "leave it out"
            raise ValueError(f"engine.mdrun_options: {option} is the driver's: {mend}")
    check_possible(program.mdp)
    frame = program.read_start(Path(program.structure))
    with tempfile.TemporaryDirectory(prefix="cvflow-gromacs-") as name:
        folder = Path(name)
        try:
            return program._asked(folder, frame)
        except PathFailedError as failure:
            reason = f"GROMACS refuses its files: {failure.reason}"
            raise ProgramFailedError(reason, program.last_words(folder)) from failure
        except ValueError as error:
            raise ValueError(f"{program.top}: {error}") from error

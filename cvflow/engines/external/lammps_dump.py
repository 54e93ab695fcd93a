"""LAMMPS's text dumps, in whatever units they are.

MDAnalysis's reader of them is not used: it keeps positions and velocities in single precision, where a path's end has
to read back to the last bit, and unwraps image flags by the box's lengths, which is not so in a tilted box.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

TRICLINIC = ("xy", "xz", "yz")


class Snapshot(NamedTuple):
    """One configuration of a dump, its atoms in the order of their ids.

    Attributes:
        step: of the run that wrote it.
        box: the box vectors as rows.
        columns: what is written of every atom, by name.
    """

    step: int
    box: Float[np.ndarray, "3 3"]
    columns: dict[str, Float[np.ndarray, " _atoms"]]

    def of(self, *names: str) -> Float[np.ndarray, "_atoms _names"]:
        """Some of the columns, side by side.

        Raises:
            KeyError: one is not there.
        """
        return np.stack([self.columns[name] for name in names], axis=1)

    def positions(self) -> Float[np.ndarray, "_atoms 3"]:
        """As they are, not folded into the box; in the dump's unit of length.

        Raises:
            KeyError: there are neither xu yu zu nor x y z.
        """
        if "xu" in self.columns:
            return self.of("xu", "yu", "zu")
        folded = self.of("x", "y", "z")
        return folded + self.of("ix", "iy", "iz") @ self.box if "ix" in self.columns else folded


def read_dump(path: Path) -> list[Snapshot]:
    """All configurations of a text dump with the box of `read_data` or `create_box`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such dump, or is cut off, or its atoms are not numbered from 1.
    """
    lines, found, at = path.read_text(encoding="utf-8").splitlines(), [], 0
    while at < len(lines):
        if not lines[at].startswith("ITEM: TIMESTEP"):
            at += 1  # units and time may stand before a configuration
            continue
        step, atoms = _whole(lines, at + 1), _whole(lines, at + 3)
        names = _line(lines, at + 8).split()
        if names[:2] != ["ITEM:", "ATOMS"]:
            raise ValueError("no ITEM: ATOMS after the box")
        rows = np.array([line.split() for line in lines[at + 9 : at + 9 + atoms]], dtype=object)
        if rows.shape != (atoms, len(names) - 2):
            raise ValueError("the last configuration is cut off")
        found.append(Snapshot(step, _box(lines[at + 4 : at + 8]), _sorted(names[2:], rows)))
        at += 9 + atoms
    if not found:
        raise ValueError("no ITEM: TIMESTEP in it")
    return found


def dump_text(box: Float[np.ndarray, "3 3"], columns: dict[str, Float[np.ndarray, " _atoms"]]) -> str:
    """A configuration at step 0 with numbers that read back to the last bit; the box's corner is at the origin."""
    (xy, xz), yz = box[1:, 0], box[2, 1]
    tilted = bool(np.any([xy, xz, yz]))
    low = np.array([min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0])
    high = np.diag(box) + np.array([max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0])
    tilts = [f" {tilt:.17g}" if tilted else "" for tilt in (xy, xz, yz)]
    bounds = [f"{a:.17g} {b:.17g}{tilt}" for a, b, tilt in zip(low, high, tilts, strict=True)]
    rows = zip(*columns.values(), strict=True)
    atoms = [f"{i} " + " ".join(format(float(x), ".17g") for x in row) for i, row in enumerate(rows, 1)]
    count = str(len(atoms))
    words = f"{' '.join(TRICLINIC)} " if tilted else ""
    return "\n".join(
        [
            "ITEM: TIMESTEP", "0", "ITEM: NUMBER OF ATOMS", count, f"ITEM: BOX BOUNDS {words}pp pp pp", *bounds,
            f"ITEM: ATOMS id {' '.join(columns)}", *atoms, "",
        ]
    )  # fmt: skip


def _line(lines: list[str], number: int) -> str:
    if number >= len(lines):
        raise ValueError("the last configuration is cut off")
    return lines[number]


def _whole(lines: list[str], number: int) -> int:
    return int(_line(lines, number))


def _box(lines: list[str]) -> Float[np.ndarray, "3 3"]:
    """From the heading and three lines of bounds; LAMMPS's manual, Howto_triclinic."""
    words = lines[0].split()
    bounds = np.array([line.split() for line in lines[1:]], dtype=float)
    if words[:3] != ["ITEM:", "BOX", "BOUNDS"] or bounds.shape != (3, 3 if words[3:6] == list(TRICLINIC) else 2):
        raise ValueError("its box is neither a block nor of tilts xy xz yz")
    xy, xz, yz = bounds[:, 2] if bounds.shape[1] == 3 else np.zeros(3)
    sides = bounds[:, 1] - bounds[:, 0]
    sides[0] -= max(0.0, xy, xz, xy + xz) - min(0.0, xy, xz, xy + xz)
    sides[1] -= max(0.0, yz) - min(0.0, yz)
    return np.array([[sides[0], 0.0, 0.0], [xy, sides[1], 0.0], [xz, yz, sides[2]]])


def _sorted(names: list[str], rows: np.ndarray) -> dict[str, Float[np.ndarray, " _atoms"]]:
    """Columns of numbers, by name."""
    if "id" not in names:
        raise ValueError("it has no column id")
    ids = rows[:, names.index("id")].astype(int)
    order = np.argsort(ids)
    if not np.array_equal(ids[order], np.arange(1, len(ids) + 1)):
        raise ValueError("its atoms are not numbered 1, 2, 3, …")
    columns = {name: _numbers(cells) for name, cells in zip(names, rows[order].T, strict=True)}
    return {name: column for name, column in columns.items() if column is not None}


def _numbers(cells: np.ndarray) -> np.ndarray | None:
    """None where they are words, as names of elements are."""
    try:
        return cells.astype(float)
    except ValueError:
        return None

"""Trajectories that were lost, cut or mixed up: a run goes on, and says it."""

import errno
import os

import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from openmm import app

from cvflow.core.frames import Frame
from cvflow.store.trajectory import Trajectories, frame_atoms, frame_ends

SPACING = 0.5


def topology(atoms):
    made = app.Topology()
    chain = made.addChain()
    for _ in range(atoms):
        made.addAtom("A", app.element.argon, made.addResidue("A", chain))
    return made


def frame(atoms, turn):
    """Of coordinates that say which turn they are of."""
    return Frame(np.random.default_rng(turn).uniform(0, 3, (atoms, 3)) + turn, None)


def grown(path, atoms, turns):
    """Where the file ended after each turn."""
    files = Trajectories(path.parent, topology(atoms), 1, SPACING, [0])
    ends = []
    for turn in range(turns):
        files.append(0, frame(atoms, turn))
        ends.append(path.stat().st_size)
    return ends


def read(path):
    with XTCFile(str(path)) as file:
        return [(each.time, each.x) for each in file]


ATOMS = pytest.mark.parametrize("atoms", [3, 9, 10, 31])


@ATOMS
def test_frames_end_where_they_were_written(tmp_path, atoms):
    path = tmp_path / "walker_0.xtc"
    ends = grown(path, atoms, 6)
    assert list(frame_ends(path, atoms)) == ends
    assert frame_atoms(path) == atoms
    assert list(frame_ends(path, atoms + 1)) == []
    for size in range(ends[3] - 1, ends[2] - 1, -1):
        os.truncate(path, size)
        assert list(frame_ends(path, atoms)) == ends[:3]


@ATOMS
@pytest.mark.parametrize(("kept", "more"), [(8, 0), (6, 7), (6, 0), (4, 5), (0, 9), (0, 0)])
def test_a_run_goes_on_with_what_is_whole(tmp_path, caplog, atoms, kept, more):
    """Six turns are committed; the file holds more, half a frame more, fewer, none, or is not there."""
    path = tmp_path / "walker_0.xtc"
    ends = [0, *grown(path, atoms, 8)]
    if kept or more:  # none of it: the file is not there
        os.truncate(path, ends[kept] + more)
    else:
        path.unlink()
    files = Trajectories(tmp_path, topology(atoms), 1, SPACING, [6])
    files.append(0, frame(atoms, 6))
    found = read(path)
    turns = [*range(min(kept, 6)), 6]
    assert [time for time, _ in found] == [SPACING * turn for turn in turns]
    for (_, positions), turn in zip(found, turns, strict=True):
        np.testing.assert_allclose(positions, frame(atoms, turn).positions, atol=1e-3)
    said = [f"{path} has {kept} of 6 frames; it goes on, the run is whole"] if kept < 6 else []
    assert [record.getMessage().removeprefix("note: ") for record in caplog.records] == said


def test_a_file_of_other_frames_is_begun_anew(tmp_path, caplog):
    path = tmp_path / "walker_0.xtc"
    grown(path, 12, 6)
    Trajectories(tmp_path, topology(10), 1, SPACING, [6]).append(0, frame(10, 6))
    assert [time for time, _ in read(path)] == [SPACING * 6]
    assert "has 0 of 6 frames" in caplog.text


def test_a_frame_that_does_not_reach_the_file_is_an_error(tmp_path, monkeypatch):
    """OpenMM says nothing when a disk is full; the file keeps its whole frames."""
    path = tmp_path / "walker_0.xtc"
    ends = grown(path, 31, 3)
    files = Trajectories(tmp_path, topology(31), 1, SPACING, [3])

    def half(name, *_):
        with open(name, "ab") as file:
            file.write(bytes(40))

    monkeypatch.setattr("openmm.app.xtcfile.xtc_write_frame", half)
    with pytest.raises(OSError, match="disk full") as failed:
        files.append(0, frame(31, 3))
    assert (failed.value.errno, failed.value.filename) == (errno.ENOSPC, str(path))
    assert path.stat().st_size == ends[-1]

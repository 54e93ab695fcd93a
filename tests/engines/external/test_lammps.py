"""LAMMPS through the driver's engine: its files, energies, and one-jump stationarity with mutants."""

from functools import cache, partial

import numpy as np
import pytest

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.doctor.verify import four_atoms
from cvflow.engines.external import Lammps
from cvflow.engines.external.lammps import prepared
from cvflow.engines.external.lammps_dump import dump_text, read_dump
from cvflow.engines.external.lammps_script import UNITS, check_information, check_script
from cvflow.engines.external.process import PathFailedError, ProgramFailedError, run
from cvflow.engines.external.program import INPUT, PathOrder
from tests.engines.external import butane, lammps_chain
from tests.engines.external.one_jump import MUTANTS, Case, passes, shows

COARSE = 0.015
"""Time step [ps]: just short of where paths blow up, so that the time step's error is a good part of the work."""

STEERING = Steering(np.array([3.0]), np.array([-2.2]), np.array([120.0]), 30)
"""Across ±π."""

INFORMATION = """Units         = real
Dimensions = 3
Boundaries = p,p p,p p,p
Fix[  0]: turns, style = cmap, group = all
"""


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    for units in UNITS:
        lammps_chain.write_files(folder, units)
    return folder


def starts(count):
    """Configurations near the beginning of the steering, not across the circle, where its force jumps."""
    x = butane.exact_draws(400, np.random.default_rng(3))
    return x[np.abs(butane.value(x) - STEERING.start[0]) < 0.1][:count]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("run 100", "`run 100` of in.system is refused: the path runs"),
        ("velocity all &\n  create 300 1", "`velocity all create 300 1` of in.system"),
        ("timestep 2.0 # fs", "path.timestep sets it"),
        ("run_style respa 2 2", "velocity Verlet"),
        ("pair_style hybrid lj/cut 9 dpd/tstat 1 1 9 3", "it has friction or noise"),
    ],
)
def test_a_script_leaves_the_dynamics_to_the_path(line, said):
    check_script("units real # run 5\nvariable run equal 3\nprint 'minimize'\n", "in.system")
    with pytest.raises(ValueError, match=said):
        check_script(f"units real\n{line}\n", "in.system")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("style = cmap", "style = nvt", r"`fix turns … nvt` of in.system is refused"),
        ("style = cmap", "style = shake", r"`fix turns … shake` of in.system is refused: paths with rigid bonds"),
        ("style = cmap", "style = rattle", r"let the bonds vibrate at a shorter time step, or take OpenMM or GROMACS"),
        ("= real", "= electron", "units electron of in.system are not handled; write units lj, real, metal"),
        ("p,p p,p p,p", "p,p s,s p,p", r"write `boundary p p p`"),
        ("Dimensions = 3", "Dimensions = 2", "paths are in three"),
    ],
)
def test_a_script_makes_a_system_for_paths(right, wrong, said):
    assert check_information(INFORMATION, "in.system") == "real"
    with pytest.raises(ValueError, match=said):
        check_information(INFORMATION.replace(right, wrong), "in.system")


@pytest.mark.parametrize("tilts", [(0.0, 0.0, 0.0), (0.7, -0.4, 0.3)])
def test_dumps_read_back_to_the_last_bit(tmp_path, tilts):
    box = np.diag([3.1, 2.3, 4.7])
    box[1, 0], box[2, 0], box[2, 1] = tilts
    table = np.random.default_rng(0).standard_normal((6, 5))
    (tmp_path / "a.dump").write_text(
        dump_text(box, dict(zip(("xu", "yu", "zu", "vx", "vy", "vz"), table, strict=True)))
    )
    (snapshot,) = read_dump(tmp_path / "a.dump")
    np.testing.assert_array_equal(snapshot.positions(), table[:3].T)
    np.testing.assert_array_equal(snapshot.of("vx", "vy", "vz"), table[3:].T)
    np.testing.assert_allclose(snapshot.box, box, rtol=1e-15)


def test_dumps_of_others(tmp_path):
    """Atoms in any order, folded into the box, with words among their columns."""
    text = dump_text(np.diag([10.0, 20.0, 30.0]), {})
    text = text.replace("\n0\nITEM: BOX", "\n2\nITEM: BOX").replace("ATOMS id ", "ATOMS id element x y z ix iy iz")
    path = tmp_path / "a.dump"
    path.write_text(f"ITEM: UNITS\nreal\n{text}2 C 1 2 3 0 -1 0\n1 H 4 5 6 1 0 2\n")
    np.testing.assert_allclose(read_dump(path)[0].positions(), [[14, 5, 66], [1, -18, 3]])
    for wrong, said in ((text, "cut off"), (f"{text}2 C 1 2 3 0 0 0\n3 C 1 2 3 0 0 0\n", "numbered"), ("", "TIMESTEP")):
        path.write_text(wrong)
        with pytest.raises(ValueError, match=said):
            read_dump(path)


def test_a_start_of_another_system_is_refused(files):
    program = Lammps(str(files / "real.in"), masses=(1.0,) * 5)
    with pytest.raises(ValueError, match="it has 4 atoms, the script makes 5"):
        program.read_start(files / "real.dump")
    with pytest.raises(ValueError, match=r"cannot be read as a text dump .* `write_dump all custom FILE id xu yu zu"):
        program.read_start(files / "real.in")


def test_a_start_in_another_order_is_refused(files, tmp_path):
    """By its atoms' types at their ids, where the dump has them; the order of its lines is free."""
    program = Lammps(str(files / "real.in"), units="real", masses=(12.0, 4.0, 12.0), types=(1, 2, 1))
    text = dump_text(30 * np.eye(3), {}).replace("\n0\nITEM: BOX", "\n3\nITEM: BOX")
    heading, path = text.replace("ATOMS id ", "ATOMS id type x y z"), tmp_path / "a.dump"
    path.write_text(f"{heading}3 1 7 8 9\n1 1 1 2 3\n2 2 4 5 6\n")
    np.testing.assert_allclose(program.read_start(path).positions, np.arange(1, 10).reshape(3, 3) / 10)
    path.write_text(f"{heading}1 1 1 2 3\n2 1 4 5 6\n3 2 7 8 9\n")
    said = r"a\.dump: atom 2 is of type 1 there and 2 in the script: give the same atoms by the same ids"
    with pytest.raises(ValueError, match=said):
        program.read_start(path)


def test_a_program_without_the_fix_is_told_at_once(files, tmp_path):
    program = tmp_path / "lmp"
    program.write_text("#!/bin/sh\necho \"ERROR: Unrecognized fix style 'plumed' (src/modify.cpp:924)\"\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(ValueError, match="has no fix plumed: `conda install -c conda-forge lammps`"):
        prepared(Lammps(str(files / "lj.in"), lmp=(str(program),)))


def test_lammps_says_what_it_dislikes_and_thermostats_are_found_in_included_files(lammps, tmp_path):
    box = "region all block 0 9 0 9 0 9\ncreate_box 1 all\ncreate_atoms 1 single 1 1 1\nmass 1 1\n"
    (tmp_path / "more").write_text("fix bath all langevin 1 1 1 7\n")
    (tmp_path / "in.one").write_text(f"{box}include more\n")
    (tmp_path / "in.two").write_text(f"{box}pair_style no/such\n")
    with pytest.raises(ValueError, match=r"`fix bath … langevin` of in.one is refused"):
        prepared(Lammps(str(tmp_path / "in.one"), (str(tmp_path / "more"),)))
    with pytest.raises(ProgramFailedError, match="LAMMPS refuses the script") as stopped:
        prepared(Lammps(str(tmp_path / "in.two")))
    assert "no/such" in " ".join(stopped.value.lines)


@pytest.mark.parametrize("units", UNITS)
def test_a_path_is_the_same_as_one_that_is_made_here(lammps, library, files, units):
    """Positions, total work and the work of the protocol, in kJ/mol and nm whatever LAMMPS's units are."""
    (x,), timestep = starts(1), 0.008
    engine = lammps_chain.spec(str(files), str(library), timestep, units).build()
    done = engine.steer(Frame(x, butane.box()), STEERING, np.random.default_rng(9))
    spread = np.sqrt(butane.KT / np.array(butane.MASSES))[:, None]
    v = spread * np.random.default_rng(9).standard_normal((4, 3))
    way = np.linspace(3.0, 2 * np.pi - 2.2, STEERING.steps + 1)
    end, work = lammps_chain.path(x, v, way, STEERING.kappa[0], timestep)
    assert done.outcome is Outcome.COMPLETED
    np.testing.assert_allclose(done.frame.positions, end, atol=3e-7)
    assert done.work * butane.KT == pytest.approx(work, abs=3e-4)
    assert abs(done.shadow_work) > 0.01
    assert done.cv[0] == pytest.approx(butane.value(end[None])[0], abs=1e-5)


def test_the_total_work_is_the_protocol_s_but_for_the_time_step(lammps, library, files):
    shadow = []
    for refined in (1, 3):
        engine = lammps_chain.spec(str(files), str(library), 0.005 / refined).build()
        order = STEERING._replace(steps=30 * refined)
        paths = [engine.steer(Frame(row, butane.box()), order, np.random.default_rng(9)) for row in starts(4)]
        assert {path.outcome for path in paths} == {Outcome.COMPLETED}
        shadow.append(np.std([path.shadow_work for path in paths]))
    assert shadow[0] / shadow[1] == pytest.approx(9, rel=0.5)


def test_a_path_that_blows_up_is_a_rejection(lammps, library, files):
    engine = lammps_chain.spec(str(files), str(library), 30.0).build()
    start = Frame(starts(1)[0], butane.box())
    path = engine.steer(start, STEERING, np.random.default_rng(9))
    assert path.outcome in (Outcome.PROGRAM_FAILED, Outcome.DIVERGED)
    assert path.frame is start


@pytest.mark.parametrize(
    ("file", "words", "other", "said"),
    [
        ("cvflow_start.dump", "vx vy vz", "vz vy vx", "did not begin with the velocities it was given"),
        ("cvflow_ends.dump", "TIMESTEP\n3", "TIMESTEP\n2", "did not get to its last step"),
        ("cvflow.log", "PotEng", "Nothing", "missing or cut off"),
    ],
)
def test_ends_that_are_not_the_path_s(lammps, files, tmp_path, file, words, other, said):
    program = prepared(Lammps(str(files / "lj.in"), (str(files / "lj.data"),)))
    order = PathOrder(program.read_start(files / "lj.dump"), 3, 0.001, butane.KT)
    program.bring_inputs(tmp_path)
    (tmp_path / INPUT).write_text("")
    program.write(tmp_path, order, np.random.default_rng(0))
    run(program.commands()[0], tmp_path, 60.0, program.environment)
    before, after, _ = program.ends(tmp_path, order)
    assert abs(after - before) < 0.05
    text = (tmp_path / file).read_text()
    assert words in text
    (tmp_path / file).write_text(text.replace(words, other))
    with pytest.raises(PathFailedError, match=said):
        program.ends(tmp_path, order)


@cache  # two partials are never equal: with one case for all tests the paths are run once
def case(library, files):
    return Case(
        partial(lammps_chain.spec, str(files), str(library), COARSE), butane.exact_draws, butane.box, butane.value,
        butane.observables, four_atoms.TORSION_FLOW, 30.0, 30, np.pi, 2 * np.pi, 6000,
    )  # fmt: skip


@pytest.mark.slow
def test_one_jump_leaves_the_target_alone(lammps, library, files):
    passes(case(library, files))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_decisions_show(lammps, library, files, mutant):
    shows(case(library, files), mutant)

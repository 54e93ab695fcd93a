"""How GROMACS is started: launchers, threads, options, groups and references of the user's."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.config.engine_section import GromacsSection
from cvflow.config.settings import parse
from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.engines.external import ExternalSpec, Gromacs, ProgramFailedError
from cvflow.engines.external.gromacs import prepared
from cvflow.engines.external.gromacs_dump import DumpedResidue
from cvflow.engines.external.gromacs_mdp import LAW, check_possible, overridden, with_settings
from cvflow.engines.external.process import OUTPUT
from tests.engines.external import butane

PROGRAM = Gromacs("", "topol.top", "start.gro")


def mdrun(**words):
    return replace(PROGRAM, **words).commands()[1]


def test_plain_mdrun_has_one_rank_and_one_thread():
    command = mdrun()
    assert command[:2] == ["gmx", "mdrun"]
    assert command[-8:] == ["-ntomp", "1", "-ntmpi", "1", "-pin", "off", "-reprod", "-notunepme"]


def test_a_launcher_starts_mdrun_alone():
    grompp, command = replace(PROGRAM, gmx="gmx_mpi", launcher=("srun", "-n", "8"), mpi=True).commands()
    assert grompp[:2] == ["gmx_mpi", "grompp"]
    assert command[:5] == ["srun", "-n", "8", "gmx_mpi", "mdrun"]
    assert "-ntmpi" not in command, "which an MPI build refuses"


def test_options_of_the_user_s_take_the_place_of_ours():
    command = mdrun(mdrun_options=("-pin", "on", "-tunepme", "-noreprod"), threads=4)
    assert command[command.index("-ntomp") + 1] == "4"
    assert command.count("-pin") == 1
    assert not {"-notunepme", "-reprod"} & set(command)
    assert command[-4:] == ["-pin", "on", "-tunepme", "-noreprod"]


def test_index_and_reference_go_to_grompp():
    grompp, _ = replace(PROGRAM, index="/a b/index.ndx", reference="/a b/ref.gro").commands()
    assert grompp[-4:] == ["-n", "/a b/index.ndx", "-r", "/a b/ref.gro"]


@pytest.mark.parametrize("words", [{"mpi": True}, {"launcher": ("mpirun",)}, {"mdrun_options": ("-nb", "gpu")}])
def test_what_the_one_jump_test_has_not_passed_through_is_not_exact(words):
    assert PROGRAM.exactness.value
    assert not replace(PROGRAM, **words).exactness.value


@pytest.mark.parametrize(("option", "mend"), [("-nt", "engine.threads"), ("-deffnm", "leave"), ("-noappend", "leave")])
def test_options_of_the_driver_s_are_refused(option, mend):
    with pytest.raises(ValueError, match=rf"{option} is the driver's: {mend}"):
        prepared(replace(PROGRAM, mdrun_options=("-v", option)))


def test_groups_of_thermostats_go_with_them():
    mdp = "tc-grps = Solute Bath\nref_t = 300 300\ntau-t = 1 1\nannealing = single no\nrvdw = 1\n"
    assert with_settings(mdp, {"tcoupl": "no"}) == "rvdw = 1\ntcoupl = no\n"


@pytest.mark.parametrize("value", ["Parrinello-Rahman", "C-rescale"])
def test_a_barostat_is_refused(value):
    check_possible("pcoupl = no\n")
    check_possible("pcoupl = ; as mdout.mdp may have it\n")
    with pytest.raises(ValueError, match="constant volume"):
        check_possible(f"Pcoupl = {value}\n")


@pytest.mark.parametrize(
    "line",
    [
        "awh = yes", "pull-coord1-rate = 0.01", "Pull_Coord12_Rate = -1e-3", "pull_coord1_start = yes",
        "pull-coord2-expression = x1 + 0.1*t", "pull-pbc-ref-prev-step-com = yes", "deform = 0 0 0 1e-3 0 0",
        "electric-field-x = 1 0 0 0", "E-z = 1 2 0", "annealing = no single", "simulated-tempering = yes",
        "delta-lambda = 1e-4", "free-energy = expanded", "accelerate = 0.1 0 0", "cos-acceleration = 0.1",
        "rotation = yes", "swapcoords = Z", "density-guided-simulation-active = true", "imd-group = Ligand",
        "colvars-active = true", "disre-tau = 10", "orire-tau = 1",
    ],
)  # fmt: skip
def test_forces_that_change_or_remember_are_refused(line):
    with pytest.raises(ValueError, match=r"is refused: forces of a path must be of one energy"):
        check_possible(f"rvdw = 1\n {line} ; as it was\n")


def test_what_changes_nothing_passes():
    """As mdout.mdp has it, and a free energy at one λ."""
    check_possible(
        "awh = no\npull = yes\npull-coord1-rate = 0\npull-coord1-start = no\npull-coord1-k = 1000\nE-x = \n"
        "pull-coord2-expression = x1*sqrt(2)\ndeform =\nelectric-field-x = 0 0 0 0\nannealing =\nimd-group =\n"
        "simulated-tempering = no\nfree-energy = yes\ninit-lambda = 0.5\ndelta-lambda = 0\ndisre-tau = 0\n"
        "rotation = no\nswapcoords = no\naccelerate =\ncos-acceleration = 0\ncolvars-active = false\n"
    )


def test_settings_are_known_wherever_their_keys_have_a_hyphen():
    """As GROMACS reads them; a setting that is there twice it would refuse."""
    assert with_settings("genvel = yes\nNst_List=5\ntc_grps = System\n", LAW).count("list") == 1
    assert overridden("genvel = yes\nverletbuffertolerance = -1\n") == (
        "gen-vel = yes", "verlet-buffer-tolerance = -1"
    )  # fmt: skip
    with pytest.raises(ValueError, match="p-coupl = C-rescale in the"):
        check_possible("p-coupl = C-rescale\n")


TOML = """
[system]
starts = {a = "start.gro"}
[engine]
name = "gromacs"
temperature = 300
mdp = "forces.mdp"
top = "topol.top"
structure = "start.gro"
%s
[path]
timestep = 0.001
[[cv]]
name = "phi"
plumed = "phi: TORSION ATOMS=1,2,3,4"
[states]
a = "phi < 0"
b = "phi >= 0"
"""


@pytest.fixture
def user(tmp_path):
    """A user's folder, with an action that nobody has compiled and a GROMACS that is not there."""
    butane.write_files(tmp_path)
    (tmp_path / "CVFlow.so").write_bytes(b"the action")
    (tmp_path / "forces.mdp").write_text(butane.MDP + "pcoupl = C-rescale\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "pcoupl = C-rescale in the .mdp is refused"),
        ('mdrun_options = ["-ntomp", "4"]', "engine.mdrun_options: -ntomp is the driver's: engine.threads"),
        ('index = "groups.ndx"', "engine.index: "),
        ("program = []", "engine.program"),
    ],
)
def test_misuse_is_one_line_and_writes_nothing(user, capsys, words, said):
    (user / "run.toml").write_text(TOML % words)
    before = sorted(user.iterdir())
    assert execute(["drive", str(user / "run.toml"), "--out", str(user / "out"), "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert sorted(user.iterdir()) == before


def test_the_words_of_a_config_are_the_program_s(user):
    words = 'program = ["no such srun", "-n", "8", "gmx_mpi"]\nthreads = 2\nmdrun_options = ["-nb", "cpu"]'
    engine = parse(tomllib.loads(TOML % words), "run.toml").engine
    assert isinstance(engine, GromacsSection)
    assert (engine.program, engine.threads, engine.mdrun_options) == (
        ["no such srun", "-n", "8", "gmx_mpi"], 2, ["-nb", "cpu"]
    )  # fmt: skip


WARNED = """
WARNING 1 [file path.mdp]:
  The centre of mass moves.


"""
BOX = """
-------------------------------------------------------
Program:     gmx %s, version 2025.2
Source file: src/gromacs/a.cpp (line 131)
MPI rank:    1 (out of 2)

%s

For more information and tips for troubleshooting, please check the GROMACS
website at https://manual.gromacs.org/current/user-guide/run-time-errors.html
-------------------------------------------------------
"""


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (WARNED + BOX % ("grompp", "Fatal error:\nToo many warnings (1)."),
         ["WARNING 1 [file path.mdp]: The centre of mass moves.", "Fatal error: Too many warnings (1)."]),
        (WARNED + "ERROR 1 [file path.mdp]:\n  Cut-offs.\n\n" + BOX % ("grompp", "Fatal error:\nOne error"),
         ["ERROR 1 [file path.mdp]: Cut-offs.", "Fatal error: One error"]),
        (2 * (BOX % ("mdrun", "Internal error (bug):\nPLUMED:\n\n(tools/a.cpp:1)\nno MPI")),
         ["Internal error (bug): PLUMED: (tools/a.cpp:1) no MPI"]),
        (WARNED + "terminate called\n", ["WARNING 1 [file path.mdp]:", "  The centre of mass moves.",
                                         "terminate called"]),
    ],
)  # fmt: skip
def test_the_words_of_a_failure_are_the_error_s(tmp_path, printed, said):
    (tmp_path / OUTPUT).write_text(printed)
    assert PROGRAM.last_words(tmp_path) == said


def test_warnings_of_grompp_are_not_the_words_of_mdrun(gromacs, library, user):
    """PLUMED's error, in the place of warnings that were let pass."""
    program = prepared(Gromacs(butane.MDP, str(user / "topol.top"), str(user / "start.gro"), maxwarn=3))
    engine = ExternalSpec(program, ("phi: NONSENSE ATOMS=1,2",), ("phi",), str(library), butane.KT, 0.001).build()
    with pytest.raises(ProgramFailedError) as caught:
        engine.cv_values(Frame(butane.exact_draws(1, np.random.default_rng(3))[0], butane.box()))
    said = " ".join(caught.value.lines)
    assert "NONSENSE" in said
    assert "WARNING" not in said


def refused(user, capsys, action, mdp=butane.MDP, words=""):
    """The line that `cvflow drive` refuses with; nothing is written."""
    (user / "CVFlow.so").write_bytes(action)
    (user / "forces.mdp").write_text(mdp)
    text = TOML % f"maxwarn = 3\n{words}"
    (user / "run.toml").write_text(text.replace('a = "start.gro"', 'a = "other.gro", b = "start.gro"'))
    drawn = butane.exact_draws(50, np.random.default_rng(4))
    (user / "other.gro").write_text(butane.structure(drawn[butane.value(drawn) < -0.5][0]))
    assert execute(["drive", str(user / "run.toml"), "--out", str(user / "out"), "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert not (user / "out").exists()
    return line


def test_an_action_that_cannot_be_loaded_is_found_out_before_the_run(gromacs, plumed, user, capsys):
    line = refused(user, capsys, b"no library")
    assert "a path with the action CVFLOW does not run: `gmx mdrun` " in line
    assert "cvflow_action.so" in line, "PLUMED's own words"


PULL = """pull = yes
pull-ngroups = 2
pull-ncoords = 1
pull-group1-name = Ends
pull-group2-name = Middle
pull-coord1-groups = 1 2
pull-coord1-geometry = distance
pull-coord1-init = 0.2
pull-coord1-k = 500
pull-coord1-rate = %s
pull-nstxout = 0
pull-nstfout = 0
"""


def test_a_potential_that_changes_is_found_by_looking_twice(gromacs, library, user, capsys, monkeypatch):
    """What no list of words knows: here a list that is empty."""
    monkeypatch.setattr("cvflow.engines.external.gromacs.check_possible", lambda mdp: None)
    (user / "index.ndx").write_text("[ Ends ]\n1\n[ Middle ]\n3\n")
    mdp = butane.MDP + PULL % 0.1
    line = refused(user, capsys, library.read_bytes(), mdp, 'index = "index.ndx"')
    assert "the program's potential energy is " in line
    assert "for the same configuration" in line


def spaced(tmp_path, library) -> tuple[Path, Path]:
    """The molecule's files and the action in folders whose names have spaces."""
    files = tmp_path / "my files"
    files.mkdir()
    butane.write_files(files)
    action = files / "the action.so"
    action.write_bytes(library.read_bytes())
    return files, action


def test_residues_have_numbers_of_their_own():
    """In a dump all waters are residue 1, which readers of a PDB would take for one."""
    waters = 3 * (DumpedResidue("SOL", ("OW", "HW1", "HW2")),)
    topology = replace(PROGRAM, chains=((DumpedResidue("ACE", ("C",)),), waters)).topology()
    assert [residue.id for residue in topology.residues()] == ["1", "2", "3", "4"]
    assert [len(list(chain.residues())) for chain in topology.chains()] == [1, 3]


def test_a_structure_that_cannot_be_read_is_what_is_named(user):
    (user / "start.gro").write_text("no structure")
    with pytest.raises(ValueError, match=r"^\S*start\.gro: "):
        prepared(Gromacs(butane.MDP, str(user / "topol.top"), str(user / "start.gro")))


def test_a_path_runs_as_the_user_s_shell_and_folders_are(gromacs, library, tmp_path, monkeypatch):
    """Four threads in the shell, spaces in names, groups of an index file, positions restrained to a reference."""
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    files, action = spaced(tmp_path, library)
    (files / "index.ndx").write_text("[ Half ]\n1 2\n[ Rest ]\n3 4\n")
    mdp = butane.MDP + "tcoupl = v-rescale\ntc-grps = Half Rest\ntau-t = 1 1\nref-t = 300 300\n"
    top = (files / "topol.top").read_text().replace(
        "[ system ]", "[ position_restraints ]\n1 1 1000 1000 1000\n\n[ system ]"
    )
    (files / "topol.top").write_text(top)
    program = prepared(
        Gromacs(
            mdp, str(files / "topol.top"), str(files / "start.gro"), maxwarn=3, threads=2,
            index=str(files / "index.ndx"), reference=str(files / "start.gro"),
        )
    )  # fmt: skip
    assert program.masses == pytest.approx(butane.MASSES)
    assert program.topology().getNumAtoms() == 4
    spec = ExternalSpec(program, butane.PLUMED, ("phi",), str(action), butane.KT, 0.001)
    x = butane.exact_draws(1, np.random.default_rng(3))[0]
    frame = Frame(x, butane.box())
    steering = Steering(np.array([1.0]), np.array([1.3]), np.array([60.0]), 30)
    path = spec.build().steer(frame, steering, np.random.default_rng(1))
    assert path.outcome is Outcome.COMPLETED
    assert abs(path.shadow_work) < 0.5



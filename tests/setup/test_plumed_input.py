"""What a PLUMED input for paths must not hold, however it is spelled and wherever it stands."""

from pathlib import Path

import pytest

from cvflow.config.section import ConfigError
from cvflow.setup.programs.plumed_input import check_plumed

NOWHERE = Path("/nowhere")


def check(*lines, **inputs):
    check_plumed(lines, {f"{name}.inc": path for name, path in inputs.items()}, NOWHERE)


def test_a_landscape_its_walls_and_what_is_printed_pass():
    check(
        "d: DISTANCE ATOMS=1,2 COMPONENTS  # not METAD",
        "average: COORDINATION GROUPA=1 GROUPB=2 R_0=0.3 NLIST NL_CUTOFF=1 NL_STRIDE=1",
        "r: RESTRAINT ...",
        "  ARG=d.x AT=0 KAPPA=3 STRIDE=1",
        "...",
        "UPPER_WALLS ARG=average AT=3 KAPPA=2",
        "PRINT ARG=time.x FILE=history STRIDE=100",
        "dump: DUMPATOMS ATOMS=1 FILE=a.xyz STRIDE=10",
    )


@pytest.mark.parametrize(
    "line",
    [
        "m: METAD ARG=d", "m: metad ARG=d", "m: {METAD} ARG=d", "METAD ...\n ARG=d\n... METAD", "FISST ARG=d",
        "LOGMFD ARG=d", "v: Ves_Delta_F ARG=d", "ADAPTIVE_PATH TYPE=OPTIMAL", "t: TIME", "a: AVERAGE ARG=d STRIDE=1",
        "m: MAZE_STEERED_MD", "e: EMMI", "s: SAXS ATOMS=1-9 DOSCORE", "x: READ FILE=forces.dat VALUES=f",
        "h: ACCUMULATE ARG=d", "EXTENDED_LAGRANGIAN ARG=d KAPPA=1 TAU=1", "MOVINGRESTRAINT ARG=d STEP0=0",
    ],
)  # fmt: skip
def test_what_depends_on_time_or_history_is_refused(line):
    with pytest.raises(ConfigError, match="both ends of a path need the same bias"):
        check("d: DISTANCE ATOMS=1,2", *line.splitlines())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("c: COORDINATION GROUPA=1 NLIST NL_CUTOFF=1 NL_STRIDE=10", "NL_STRIDE of COORDINATION is refused"),
        ("p: PATHMSD REFERENCE=a.pdb NEIGH_STRIDE={4} NEIGH_SIZE=8", "NEIGH_STRIDE of PATHMSD is refused"),
        ("RESTRAINT ARG=d AT=0 KAPPA=1 stride=2", "stride=2 of RESTRAINT is refused"),
        ("w: UPPER_WALLS ...\nARG=d AT=0 KAPPA=1\nSTRIDE=2\n...", "STRIDE=2 of UPPER_WALLS is refused"),
        ("WHOLEMOLECULES ENTITY0=1-9 STRIDE=5", "of WHOLEMOLECULES is refused"),
        ("PLUMED FILE=other.dat", "nobody can see from here what is in the input of another PLUMED"),
        ("units LENGTH=A", "UNITS is refused"),
        ("INCLUDE FILE=@replicas:a.inc,b.inc", "a path is one replica"),
        ("include file={bias.inc}", "INCLUDE FILE=bias.inc: name it in engine.inputs too"),
    ],
)
def test_what_would_act_now_and_then_or_out_of_sight_is_refused(line, said):
    with pytest.raises(ConfigError, match=said):
        check("d: DISTANCE ATOMS=1,2", *line.splitlines())


@pytest.mark.parametrize(
    "line", ["INCLUDE FILE=bias.inc", "include FILE={bias.inc}", "{INCLUDE} ...\nfile=bias.inc\n..."]
)
def test_files_are_read_however_they_are_included(tmp_path, line):
    """As PLUMED 2.10 takes each of these."""
    (tmp_path / "bias.inc").write_text("d: DISTANCE ATOMS=1,2\nm: metad ARG=d\n")
    with pytest.raises(ConfigError, match=r"METAD in bias\.inc is refused"):
        check(*line.splitlines(), bias=tmp_path / "bias.inc")

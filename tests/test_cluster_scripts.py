"""The job scripts of examples/cluster run as they stand; in the place of a queue's commands two local processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cvflow.store import read_record
from tests.clusters import ROOT, needs_dask
from tests.test_scheduler import CONFIG

needs_dask()

SCRIPTS = {
    "slurm.sh": ("srun", "sbatch", ["run.toml", "out"], {}),
    "pbs.sh": ("pbsdsh", "qsub", [], {"config": "run.toml", "run": "out"}),
}
"""What starts the workers, what asks for the job again, and how the script is told its config and folder."""

AGAIN = {"slurm.sh": "{script} run.toml out", "pbs.sh": "-v config=run.toml,run=out pbs.sh"}


def command(folder, name, text):
    file = folder / name
    file.write_text(f"#!/bin/bash\n{text}\n")
    file.chmod(0o755)


def submitted(script, folder, cvflow):
    """Run a script in a folder with commands of ours; its exit code."""
    launcher, asks, words, told = SCRIPTS[script]
    commands = folder / "commands"
    commands.mkdir()
    command(commands, "dask", f'exec {sys.executable} -W ignore -m dask "$@"')
    command(commands, "cvflow", cvflow)
    command(commands, launcher, '[ "$1" = -- ] && shift\ntrap "kill \\$(jobs -p)" TERM\n"$@" &\n"$@" &\nwait\nwait')
    command(commands, asks, f'echo "$@" > {folder}/again')
    (folder / "run.toml").write_text(CONFIG)
    path = os.pathsep.join([str(commands), os.environ["PATH"]])
    environment = os.environ | told | {"PATH": path, "PYTHONPATH": str(ROOT), "PBS_O_WORKDIR": str(folder)}
    file = ROOT / "examples" / "cluster" / script
    return subprocess.run(["bash", file, *words], cwd=folder, env=environment, timeout=240, check=False).returncode


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_job_runs(script, tmp_path):
    program = f'exec {sys.executable} -W ignore -c "from cvflow.cli import main; main()" "$@"'
    assert submitted(script, tmp_path, program) == 0
    assert len(read_record(tmp_path / "out" / "run.h5").turns) == 10
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_job_whose_time_is_over_asks_for_itself_again_and_goes_on(script, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.h5").touch()
    assert submitted(script, tmp_path, f'echo "$@" > {tmp_path}/said\nexit 75') == 75
    assert Path(tmp_path, "said").read_text().startswith("resume out --scheduler out.scheduler.json --wall-time ")
    expected = AGAIN[script].format(script=ROOT / "examples" / "cluster" / script)
    assert Path(tmp_path, "again").read_text().strip() == expected

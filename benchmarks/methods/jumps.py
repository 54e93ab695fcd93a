"""cvflow itself: whole runs of the command, and the best ΔF that each would have given, had it ended earlier."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cvflow.estimate.comparison import compared
from cvflow.estimate.convergence import production
from cvflow.estimate.running import FEWEST_JUMPS, evaluations_after, first_jumps
from cvflow.setup import Setup
from cvflow.store import read_record
from methods.work import Work


def differences(work: Work, setup: Setup, checkpoints: Sequence[int]) -> Iterator[float]:
    """ΔF [kT] after so many force evaluations each, all counted: starts, pilots and adaptation, too."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        changes = [f"run.seed={setup.settings.run.seed}", f"run.jumps={work.jumps}"]
        words = [word for change in changes for word in ("--set", change)]
        command = [sys.executable, "-c", "from cvflow.cli.commands import main; main()", "run", str(work.config)]
        subprocess.run([*command, *words, "--out", str(out), "--quiet"], check=True, stdout=subprocess.DEVNULL)
        record = read_record(out / "run.h5")
    made = np.arange(1, production(record).shape[1] + 1)
    evaluations = evaluations_after(record, made)
    for checkpoint in checkpoints:
        jumps = int(np.searchsorted(evaluations, checkpoint, side="right"))
        yield compared(first_jumps(record, jumps))[0].best.found.value if jumps >= FEWEST_JUMPS else float("nan")

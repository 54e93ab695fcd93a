"""What stands in a folder that a run is about to write to: nothing that is not a run's is written over."""

from collections.abc import Iterable, Iterator, Sequence
from glob import escape
from pathlib import Path

from cvflow.config.settings import ConfigError

MARK = (
    "# Written by cvflow: the settings that this run was begun with. `cvflow resume` goes on with these alone; only\n"
    "# run.jumps may change."
)
"""How a config.resolved.toml begins."""

_WRITTEN = (
    "config.resolved.toml", "run.h5", "topology.pdb", "walker_*.xtc", "COLVAR", "jumps.dat", "fes.dat", "fes_*.png",
    "fes_*.dat", "delta_f.png", "delta_f.dat", "convergence.png", "convergence.dat",
    "work.dat", "work_[0-9]*_[0-9]*.png", "work_[0-9]*_[0-9]*.dat",
    "work.png", "trace.png", "acceptance.png", "flow.safetensors", "flow.cvf", "summary.json", "report.html",
)  # fmt: skip
"""Files of every run, as patterns; a run's inputs come on top."""


def check_free(folder: Path, inputs: Iterable[str], read: Sequence[Path]) -> None:
    """Check that a run can write to a folder that holds none.

    What a run that stopped before its first commit has left there, or one whose store was taken away, is written over.

    Args:
        folder: where the run is to write; it need not be there.
        inputs: names of the files that it writes there beside those of every run.
        read: the user's files that it reads.

    Raises:
        ConfigError: a file that the run reads would be written over, by whatever name or link, or one that is no run's.
    """
    there = list(_in_the_way(folder, inputs))
    for path in there:
        for other in read:
            if path.samefile(other):
                raise ConfigError(f"{folder}: the run reads {other} and would write over it: give another --out")
    if there and not _left_by_a_run(folder):
        listed = ", ".join(path.name for path in there[:4]) + (", …" if len(there) > 4 else "")
        raise ConfigError(
            f"{folder} holds {listed} and no run: nothing that cvflow has not made is written over; give another --out"
        )


def _in_the_way(folder: Path, inputs: Iterable[str]) -> Iterator[Path]:
    for pattern in (*_WRITTEN, *map(escape, inputs)):
        yield from (path for path in sorted(folder.glob(pattern)) if path.exists())


def _left_by_a_run(folder: Path) -> bool:
    config = folder / "config.resolved.toml"
    return config.is_file() and config.read_bytes().startswith(MARK.encode())

"""Compares the chains of two checkouts, bit by bit, over short runs of all engines and kernels.

    python -m tests.same_chains OLD NEW                 # two checkouts, one after the other
    python -m tests.same_chains --record before.npz .   # this checkout, into a file
    python -m tests.same_chains --against before.npz .  # this checkout, against the file

One line a run: identical, or what differs and where first; exit code 1 if anything does. `--only WORD` takes the runs
whose names have the word in them, and may be repeated; `--quick` those of the test.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.same_chains.differences import differences
from tests.same_chains.making import FailedError, Made, made
from tests.same_chains.recording import machine, read, write
from tests.same_chains.runs import RUNS
from tests.same_chains.stores import Arrays


def main() -> int:
    """The exit code."""
    asked = _asked()
    names = [name for name in _chosen(asked) if _possible(name)]
    if asked.record:
        return _record(asked.checkouts[-1], names, asked.record)
    if asked.against:
        recording = read(asked.against)
        if recording.machine != machine():
            print(f"note: the recording was made elsewhere, {recording.machine}")
        old, names = recording.runs, [name for name in names if name in recording.runs]
    else:
        old = dict(_finished(made(asked.checkouts[0], names)))
    compared = [_compared(name, old.get(name), new) for name, new, _ in made(asked.checkouts[-1], names)]
    print(f"{sum(compared)} of {len(compared)} runs are identical")
    return 0 if compared and all(compared) else 1


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="+", type=Path, metavar="CHECKOUT")
    parser.add_argument("--record", type=Path, metavar="FILE")
    parser.add_argument("--against", type=Path, metavar="FILE")
    parser.add_argument("--only", action="append", metavar="WORD")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    if len(asked.checkouts) != (1 if asked.record or asked.against else 2):
        parser.error("give two checkouts, or one with --record or --against")
    return asked


def _chosen(asked: argparse.Namespace) -> list[str]:
    words = asked.only or [""]
    return [
        name for name, run in RUNS.items() if (run.quick or not asked.quick) and any(word in name for word in words)
    ]


def _possible(name: str) -> bool:
    if not RUNS[name].possible:
        print(f"not run     {name}: {RUNS[name].needs} is not installed")
    return RUNS[name].possible


def _finished(runs: Iterable[Made]) -> Iterator[tuple[str, Arrays]]:
    for name, left, seconds in runs:
        print(f"{seconds:4.0f} s of processor time, made {name}{_why(left)}", flush=True)
        if not isinstance(left, FailedError):
            yield name, left


def _why(left: Arrays | FailedError) -> str:
    return f": FAILED\n{left}" if isinstance(left, FailedError) else ""


def _record(checkout: Path, names: list[str], path: Path) -> int:
    runs: dict[str, Arrays] = {}
    for name, left in _finished(made(checkout, names)):
        runs[name] = left
        write(path, runs)
    print(f"{len(runs)} of {len(names)} runs are in {path}")
    return 0 if len(runs) == len(names) else 1


def _compared(name: str, old: Arrays | None, new: Arrays | FailedError) -> bool:
    """Say how a run came out; whether it is the same."""
    if old is None or isinstance(new, FailedError):
        print(f"FAILED      {name}: {'the old one' if old is None else new}", flush=True)
        return False
    found = differences(old, new)
    print(
        f"{'DIFFERENT' if found else 'identical'}   {name}",
        *(f"    {line}" for line in found[:8]),
        sep="\n",
        flush=True,
    )
    return not found


if __name__ == "__main__":
    sys.exit(main())

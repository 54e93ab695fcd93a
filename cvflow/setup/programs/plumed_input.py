"""What a PLUMED input for paths must not hold, files that it includes counted in."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cvflow.config.references import read_text
from cvflow.config.settings import ConfigError

_CHANGING = {
    "METAD", "PBMETAD", "OPES_METAD", "OPES_METAD_EXPLORE", "OPES_EXPANDED", "MOVINGRESTRAINT", "EXTENDED_LAGRANGIAN",
    "DRR", "ABMD", "EDS", "MAXENT", "VES_LINEAR_EXPANSION", "VES_DELTA_F", "LOGMFD", "FISST", "CALIBER",
    "METAINFERENCE", "RESCALE", "SELECTOR", "EMMI", "EMMIVOX", "ADAPTIVE_PATH", "AVERAGE_PATH_DISPLACEMENT",
    "REPARAMETERIZE_PATH", "MAZE_MEMETIC_SAMPLING", "MAZE_RANDOM_ACCELERATION_MD", "MAZE_RANDOM_WALK",
    "MAZE_SIMULATED_ANNEALING", "MAZE_STEERED_MD", "MAZE_OPTIMIZER_BIAS", "AVERAGE", "ACCUMULATE", "COLLECT",
    "COLLECT_FRAMES", "HISTOGRAM", "MULTICOLVARDENS", "REWEIGHT_METAD", "READ", "TIME", "CVFLOW",
    "DOSCORE",  # of the module isdb: a flag, with which an action draws the noise of its data by Monte Carlo
}  # fmt: skip
"""Words of PLUMED for what depends on time or history: the energies at a path's two ends would not be of one H."""

_HIDING = {
    "UNITS": "paths are in PLUMED's own units, and begin anew",
    "RESTART": "paths are in PLUMED's own units, and begin anew",
    "PLUMED": "nobody can see from here what is in the input of another PLUMED",
}

_LISTED = re.compile(r"((?:NL|NEIGH)_STRIDE)\d*=\{?([^}]*)\}?", re.IGNORECASE)
_STRIDE = re.compile(r"STRIDE=\{?([^}]*)\}?", re.IGNORECASE)
_FILE = re.compile(r"FILE=\{?([^}]*)\}?", re.IGNORECASE)

_WRITING = re.compile(r"DUMP\w*|PRINT\w*|FLUSH|OUTPUT_CLUSTER|COMMITTOR|DEBUG|EFFECTIVE_ENERGY_DRIFT|UPDATE_IF")
"""Actions that act on nothing but files: they may have a stride."""


def check_plumed(lines: Iterable[str], inputs: Mapping[str, Path], folder: Path) -> None:
    """Check lines of PLUMED, and those of the files that they INCLUDE.

    Args:
        lines: of the input.
        inputs: files that a path's folder has, by name.
        folder: from which other names are looked for.

    Raises:
        ConfigError: an action is refused; a file that is included is no input of the paths, or cannot be read.
    """
    seen = set[Path]()
    waiting: list[tuple[str, Iterable[str]]] = [("", lines)]
    while waiting:
        where, text = waiting.pop()
        for statement in _statements(text):
            _check_words(statement, where)
            _check_strides(statement, where)
            for name in _included(statement):
                path = inputs.get(name, folder / name)
                if not Path(name).is_absolute() and name not in inputs:
                    raise ConfigError(
                        f"PLUMED's INCLUDE FILE={name}: name it in engine.inputs too, for each path's folder"
                    )
                if path not in seen:
                    seen.add(path)
                    waiting.append((f" in {name}", read_text(path, "PLUMED's INCLUDE").splitlines()))


def _statements(lines: Iterable[str]) -> Iterator[list[str]]:
    """The words of each action; between `ACTION ...` and `...` they stand on several lines."""
    waiting: list[str] = []
    for line in lines:
        words = line.split("#")[0].split()
        if waiting and words[:1] != ["..."]:
            waiting += words
        elif waiting:
            yield waiting
            waiting = []
        elif words[-1:] == ["..."]:
            waiting = words[:-1]
        elif words:
            yield words
    if waiting:
        yield waiting


def _bare(word: str) -> str:
    """PLUMED takes words in braces, and knows no capitals."""
    return word.strip("{}").upper()


def _check_words(statement: list[str], where: str) -> None:
    for word in map(_bare, statement):
        if word in _CHANGING:
            raise ConfigError(f"PLUMED's {word}{where} is refused: both ends of a path need the same bias")
        if word in _HIDING:
            raise ConfigError(f"PLUMED's {word}{where} is refused: {_HIDING[word]}")


def _check_strides(statement: list[str], where: str) -> None:
    """Neighbour lists and biases at every step, or no path would read backwards."""
    action = next((_bare(word) for word in statement if not word.endswith(":")), "")
    for word in statement:
        if (listed := _LISTED.fullmatch(word)) and listed[2] not in ("1", "0", "-1"):
            raise ConfigError(
                f"PLUMED's {listed[1].upper()} of {action}{where} is refused: a neighbour list remembers where atoms "
                "were; with 1 it does not"
            )
        if (stride := _STRIDE.fullmatch(word)) and stride[1] != "1" and not _WRITING.fullmatch(action):
            raise ConfigError(f"PLUMED's {word} of {action}{where} is refused: on a path all act at every step")


def _included(statement: list[str]) -> Iterator[str]:
    """The FILE= of an INCLUDE.

    Raises:
        ConfigError: it is another for each replica.
    """
    if "INCLUDE" not in map(_bare, statement):
        return
    for found in filter(None, map(_FILE.fullmatch, statement)):
        if found[1].startswith("@"):
            raise ConfigError(f"PLUMED's INCLUDE FILE={found[1]} is refused: a path is one replica, name one file")
        yield found[1]

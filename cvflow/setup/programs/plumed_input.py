"""What a PLUMED input for paths must not hold, files that it includes counted in."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cvflow.config.references import read_text
from cvflow.config.settings import ConfigError

_CHANGING = (
    "METAD", "PBMETAD", "OPES_METAD", "OPES_METAD_EXPLORE", "OPES_EXPANDED", "MOVINGRESTRAINT", "EXTENDED_LAGRANGIAN",
    "DRR", "ABMD", "EDS", "MAXENT", "VES_LINEAR_EXPANSION", "VES_DELTA_F", "LOGMFD", "FISST", "CALIBER",
    "METAINFERENCE", "RESCALE", "ADAPTIVE_PATH", "TIME", "CVFLOW",
)  # fmt: skip
"""Actions of PLUMED that depend on time or history: the energies at a path's two ends would not be of one H."""


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
        words = [word for line in text for word in line.split("#")[0].split()]
        for word in words:
            if word in _CHANGING:
                raise ConfigError(f"PLUMED's {word}{where} is refused: both ends of a path need the same bias")
            if word in ("UNITS", "RESTART"):
                raise ConfigError(f"PLUMED's {word}{where} is refused: paths are in PLUMED's own units, and begin anew")
        for name in _included(words):
            path = inputs.get(name, folder / name)
            if not Path(name).is_absolute() and name not in inputs:
                raise ConfigError(f"PLUMED's INCLUDE FILE={name}: name it in engine.inputs too, for each path's folder")
            if path not in seen:
                seen.add(path)
                waiting.append((f" in {name}", read_text(path, "PLUMED's INCLUDE").splitlines()))


def _included(words: list[str]) -> Iterator[str]:
    """The FILE= that follows each INCLUDE."""
    for place, word in enumerate(words):
        if word == "INCLUDE":
            names = (other.removeprefix("FILE=") for other in words[place:] if other.startswith("FILE="))
            yield from (name.strip("{}") for name in list(names)[:1])

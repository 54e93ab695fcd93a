"""What `cvflow pull` leaves in its folder: F as PLUMED's text and as a figure, and the numbers."""

from collections.abc import Mapping
from pathlib import Path

from cvflow.estimate.pull_summary import PullSummary
from cvflow.estimate.pulling import PulledProfile
from cvflow.host.atomic import write_whole
from cvflow.report.figures.drawing import png
from cvflow.report.figures.pull import pull_figure
from cvflow.report.plumed_text import fes_text


def write_pull(folder: Path, found: PulledProfile, summary: PullSummary, config: str) -> list[str]:
    """Write `fes_<cv>.dat`, `fes_<cv>.png`, `summary.json` and `config.resolved.toml`; returns their names."""
    files: Mapping[str, str | bytes] = {
        f"fes_{summary.cv}.dat": fes_text(found.curve, summary.kT),
        f"fes_{summary.cv}.png": png(pull_figure(found, summary)),
        "summary.json": summary.text(),
        "config.resolved.toml": config,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(folder / name, data)
    return list(files)

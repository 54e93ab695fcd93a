"""Table, figure and JSON of a scan, from made-up costs."""

import io
import json
import math

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from rich.console import Console

from cvflow.estimate.cost import Cost
from cvflow.report.figures.scan import Varied, scan_figure
from cvflow.report.scan_files import scan_table, write_scan
from tests.report.figures.reading import all_words

BASE = {"steps": 20, "timestep": 0.01, "friction": 0.0, "schedule": "linear", "kappa": (30.0, 4.0)}
NEVER = Cost(0.0, 0.0, 0, 1200)
UNKNOWN = Cost(math.nan, math.nan, 0, 1200)


def some(changes, steps=12_000):
    return Cost(changes / 200, 0.02, changes, steps)


SLOWER = BASE | {"timestep": 0.02}
BEST = SLOWER | {"schedule": "cosine"}
ROWS = [
    ("path length", BASE | {"steps": 10}, some(20, 6000)),
    ("path length", BASE | {"steps": 40}, NEVER),
    ("path length", BASE, some(50)),
    ("time step", BASE, some(50)),
    ("time step", SLOWER, some(60)),
    ("schedule", SLOWER, some(60)),
    ("schedule", BEST, some(90)),
    ("friction", BEST, some(90)),
    ("friction", BEST | {"friction": 2.5}, UNKNOWN),
    ("kappa", BEST, some(90)),
    ("kappa", BEST | {"kappa": (60.0, 8.0)}, some(70)),
    ("path length again", BEST | {"steps": 28}, some(80)),
    ("path length again", BEST, some(90)),
]
AGAIN = some(85)


def printed(rows=ROWS, best=BEST, again=AGAIN, width=200):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(scan_table(rows, best, again, 250))
    return console.export_text()


def without_kappa(setting):
    return setting | {"kappa": ()}


def test_the_table_has_every_setting_and_the_best_again():
    text = " ".join(printed().split())
    assert "250 local steps between two jumps" in text
    for name in ("steps", "timestep", "friction", "schedule", "kappa", "acceptance", "changes", "steps/change"):
        assert name in text
    assert text.count("cosine") == 8
    assert "20 0.02 0 linear 30 4 0.300 ± 0.020 60 200 ± 26" in text
    assert "40 0.01 0 linear 30 4 0.000 ± 0.000 0 none" in text, "no change: no cost"
    assert "20 0.02 2.5 cosine 30 4 none 0 none" in text
    assert "20 0.02 0 cosine 30 4 0.425 ± 0.020 85 141 ± 15" in text, "measured again"
    assert "nan" not in text
    assert "inf" not in text


@pytest.mark.parametrize("width", [60, 80])
def test_on_a_narrow_terminal_no_figure_is_cut_short(width):
    rows = [(axis, without_kappa(setting), cost) for axis, setting, cost in ROWS if axis != "kappa"]
    text = printed(rows, without_kappa(BEST), width=width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    if width == 80:
        assert all(figure in text for figure in ("0.450 ± 0.020", "133 ± 14", "schedule", "steps/change"))


def test_without_a_restraint_there_is_no_column_of_kappa():
    rows = [(axis, without_kappa(setting), cost) for axis, setting, cost in ROWS if axis != "kappa"]
    text = printed(rows, without_kappa(BEST))
    assert "kappa" not in text
    assert "cosine" in text


def test_the_files_are_a_figure_and_strict_json(tmp_path):
    write_scan(tmp_path / "new" / "folder", ROWS, BEST, AGAIN, 250, "title")
    folder = tmp_path / "new" / "folder"
    assert (folder / "scan.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((folder / "scan.json").read_text(), parse_constant=pytest.fail)
    assert list(found) == ["local_steps", "measured", "best", "best_again"]
    assert len(found["measured"]) == len(ROWS)
    assert found["measured"][6]["steps_per_mode_change"] == pytest.approx(12_000 / 90)
    assert found["measured"][1]["steps_per_mode_change"] is None
    assert found["measured"][8]["acceptance_between_states"] is None
    assert found["best"] == BEST | {"kappa": [30.0, 4.0]}


def drawn(tmp_path, monkeypatch, rows=ROWS, best=BEST):
    """The figure that `write_scan` saves."""
    figures = []
    monkeypatch.setattr("cvflow.report.scan_files.png", lambda figure: figures.append(figure) or b"")
    write_scan(tmp_path, rows, best, AGAIN, 250, "valley, kernel restraint")
    return figures[0]


def test_the_figure_has_labels_and_error_bars(tmp_path, monkeypatch):
    figure = drawn(tmp_path, monkeypatch)
    upper, lower = figure.axes[: len(figure.axes) // 2], figure.axes[len(figure.axes) // 2 :]
    assert upper[0].get_ylabel() == "path steps per mode change"
    assert lower[0].get_ylabel() == "acceptance between states"
    words = ("path steps", "time step", "schedule", "friction", "kappa of the first CV", "path steps, again")
    labels = [axes.get_xlabel() for axes in lower]
    assert len(set(labels)) == len(words)
    assert all(label.startswith(word) for label, word in zip(labels, words, strict=True))
    assert "valley, kernel restraint" in all_words(figure)
    for axes in figure.axes:
        (bars,) = [container for container in axes.containers if isinstance(container, ErrorbarContainer)]
        assert bars.has_yerr
    assert all(axes.get_yscale() == "log" for axes in upper), "costs span orders of magnitude"
    assert all(axes.get_ylim()[0] == 0 for axes in lower)


def test_the_figure_s_points_are_the_costs(tmp_path, monkeypatch):
    figure = drawn(tmp_path, monkeypatch)
    upper = figure.axes[: len(figure.axes) // 2]
    points, _, (bars,) = upper[0].containers[0]
    assert list(points.get_xdata()) == [10, 20], "where there was no change, there is no cost"
    np.testing.assert_allclose(points.get_ydata(), [300, 240])
    (low, high), _ = (segment[:, 1] for segment in bars.get_segments())
    assert (high - low) / 2 == pytest.approx(300 / np.sqrt(20))
    names = figure.axes[len(upper) + 2].get_xticklabels()
    assert [label.get_text() for label in names] == ["linear", "cosine"]
    np.testing.assert_allclose(upper[2].containers[0][0].get_ydata(), [200, 12_000 / 90])


def test_the_best_is_ringed_wherever_it_is_shown(tmp_path, monkeypatch):
    figure = drawn(tmp_path, monkeypatch)
    rings = [
        (axes.get_xlabel() or column, line.get_xydata()[0])
        for column, axes in enumerate(figure.axes)
        for line in axes.get_lines()
        if line.get_markersize() == 12
    ]
    assert [place for place, _ in rings] == [2, 3, 4, 5]
    for _, (_, height) in rings:
        assert height == pytest.approx(12_000 / 90)


def test_a_scan_in_which_nothing_ever_changed_is_drawn(tmp_path, monkeypatch):
    rows = [("path length", BASE | {"steps": steps}, UNKNOWN) for steps in (10, 20)]
    figure = drawn(tmp_path, monkeypatch, rows, BASE | {"steps": 10})
    assert len(figure.axes) == 2
    write_scan(tmp_path / "again", rows, BASE | {"steps": 10}, UNKNOWN, 250, "never")


def test_one_series_alone():
    figure = scan_figure([Varied("path steps", [5.0, 50.0], [some(10), some(20)], 1)], "alone")
    assert figure.axes[0].get_xscale() == "log"
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "path steps"]


@pytest.mark.parametrize("dearest", [700, 70_000])
def test_costs_can_be_read_off(dearest):
    """Also where they lie within one decade, and above a setting on a logarithmic axis."""
    costs = [some(100, steps=21_000), some(100, steps=100 * dearest)]
    figure = scan_figure([Varied("path steps", [5.0, 50.0], costs, 0)], "alone")
    figure.canvas.draw()
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    labels = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
    told = [label.get_text() for at, label in labels if low < at < high]
    assert len([text for text in told if text]) >= 2
    assert "500" in told

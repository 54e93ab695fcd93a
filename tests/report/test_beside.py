"""Runs side by side: what is listed, and what is refused."""

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from cvflow.estimate.cautions import Estimate, apart, plus_minus
from cvflow.estimate.cost import cost
from cvflow.estimate.summary import summarise
from cvflow.report.beside import Shown, beside_table, lines, names, shown
from cvflow.report.html import html_report
from tests.report.synthetic import KT, Lengths, fake_record
from tests.report.test_html import Page

CONFIG = '[path]\nsteps = 2500\n[system]\nname = "polymer"\n'


@pytest.fixture(scope="module")
def other():
    """The same system by another kernel."""
    return fake_record(lengths=Lengths(4, 20, 80), seed=8, kernel="langevin", kappa=[], local_steps=500, config=CONFIG)


@pytest.fixture(scope="module")
def runs(record, other):
    return [Shown(Path("a/springs"), record.header, summarise(record)), shown(Path("b/held"), other, record.header)]


def printed(runs, width=160):
    out = io.StringIO()
    Console(width=width, file=out).print(beside_table(runs))
    return out.getvalue()


def test_every_figure_stands_beside_that_of_the_other(runs, other):
    table = {name: cells for name, *cells in lines(runs) if "apart" not in name}
    found, count = cost(other), runs[1].summary["jumps"]
    assert table["kernel"] == ["restraint (K5)", "langevin (K3)"]
    assert table["path steps"] == ["not known", "2,500"]
    assert table["local steps"] == ["250", "500"]
    rate, error = count["accepted"] / count["proposed"], count["acceptance_stderr"]
    assert table["jumps"] == ["640", "320"]
    assert table["acceptance"][1] == plus_minus(rate, error)
    assert table["acceptance between states"][1] == plus_minus(found.acceptance, found.acceptance_stderr)
    assert table["mode changes"][1] == str(found.mode_changes)
    assert table["path steps per mode change"][1] == f"{found.steps_per_mode_change:,.0f} ± {found.stderr:,.0f}"
    for key, name in (("delta_f", "best"), ("delta_f_chain", "chain"), ("delta_f_bar", "BAR")):
        values = [run.summary[key][0] for run in runs]
        assert table[f"ΔF compact → extended, {name}"] == [
            Estimate(value["value_kT"], value["stderr_kT"]).text() for value in values
        ]
    assert table["largest R-hat"][0] == f"{runs[0].summary['rhat']['r']:.3f} (r)"
    assert table["exact"] == ["yes", "yes"]


def test_the_distance_is_that_of_the_same_estimator_of_the_first(runs):
    distances = [cells for name, *cells in lines(runs) if name.endswith(", apart from springs")]
    assert [cells[0] for cells in distances] == ["–", "–", "–"]
    for key, cells in zip(("delta_f", "delta_f_chain", "delta_f_bar"), distances, strict=True):
        one, two = (run.summary[key][0] for run in runs)
        combined = math.hypot(one["stderr_kT"], two["stderr_kT"])
        assert cells[1] == f"{abs(one['value_kT'] - two['value_kT']) / combined:.1f} combined errors"


def test_a_distance_without_errors_is_none():
    assert math.isnan(apart(Estimate(1.0, math.nan), Estimate(2.0, 0.1)))
    assert apart(Estimate(1.0, 0.3), Estimate(2.0, 0.4)) == pytest.approx(2.0)


def test_runs_are_called_by_their_folders(runs):
    assert names(runs) == ["springs", "held"]
    assert names([runs[0]._replace(folder=Path("b/springs")), runs[0]]) == ["b/springs", "a/springs"]


@pytest.mark.parametrize("width", [60, 90, 160])
def test_on_a_narrow_terminal_no_figure_is_cut_short(runs, width):
    text = printed(runs, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert "restraint" in text


def test_names_that_look_like_markup_are_printed(runs):
    assert "[red]" in printed([runs[0]._replace(folder=Path("[red]")), runs[1]])


def test_three_runs_take_three_columns(three, runs):
    many = [Shown(Path(name), three.header, summarise(three)) for name in "xyz"]
    table = lines(many)
    assert {len(row) for row in table} == {4}
    assert [row[0] for row in table].count("BAR, apart from x") == 2
    assert ("CVs", "phi, psi", "phi, psi", "phi, psi") in table


def test_many_cvs_are_counted(runs):
    header = replace(runs[0].header, cvs=[f"c{i}" for i in range(22)])
    assert lines([runs[0]._replace(header=header), runs[1]])[0] == ("CVs", "c0, c1, … (22)", "r")


def test_thin_data_stand_beside_themselves(thin):
    one = Shown(Path("thin"), thin.header, summarise(thin))
    assert "nan" not in printed([one, one._replace(folder=Path("again"))])


def test_the_page_has_the_table_only_when_there_are_others(record, runs):
    page = Page(html_report(record, runs[0].summary, [], runs))
    assert "Beside other runs" in page.text
    assert "held" in page.text
    assert "langevin (K3)" in page.text
    assert "Beside other runs" not in html_report(record, runs[0].summary, [], runs[:1])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"system": "dimer"}, "b/held cannot stand beside this run: its system is dimer, not polymer"),
        ({"states": {"compact": "r < 5", "extended": "r >= 5"}}, "its states are compact = 'r < 5', extended"),
        ({"kT": 2 * KT}, "its kT is 2.6, not 1.3"),
        (
            {"config": CONFIG + "parameters = { n_solvent = 100 }\n"},
            "system.parameters are n_solvent = 100, not the",
        ),
    ],
)
def test_another_free_energy_is_refused(changed, message, record, other):
    with pytest.raises(ValueError, match=message):
        shown(Path("b/held"), other._replace(header=replace(other.header, **changed)), record.header)


def test_states_in_another_order_are_others(record, other):
    states = dict(reversed(other.header.states.items()))
    with pytest.raises(ValueError, match="its states are extended"):
        shown(Path("b"), other._replace(header=replace(other.header, states=states)), record.header)


def test_a_run_without_production_is_named(record):
    with pytest.raises(ValueError, match="b/early: the run has no production turns"):
        shown(Path("b/early"), fake_record(lengths=Lengths(2, 5, 0)), record.header)

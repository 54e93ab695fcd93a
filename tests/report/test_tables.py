import io

import pytest
from rich.console import Console

from cvflow.estimate.schema import BetweenStates
from cvflow.estimate.summary import summarise
from cvflow.report.tables import acceptance, duration, final_table, summary_rows
from tests.report.synthetic import KT, Lengths, fake_record


def test_rows_hold_the_main_figures(record):
    summary = summarise(record)
    rows = dict(summary_rows(summary, record.header))
    value = summary["delta_f"][0]["value_kT"]
    assert rows["ΔF compact → extended"].startswith(f"{value:.2f} ± ")
    assert f"= {value * KT:.2f} ± " in rows["ΔF compact → extended"]
    parts = [f"{summary[key][0]['value_kT']:.2f} ± " for key in ("delta_f_chain", "delta_f_bar")]
    assert all(part in rows["by chain, by BAR"] for part in parts)
    assert rows["mode changes by jumps"] == str(summary["mode_changes"])
    assert f"{summary['steps_per_mode_change']:,.0f} path steps" in rows["steps per mode change"]
    assert "250 local steps a turn" in rows["steps per mode change"]
    assert rows["exact"] == "yes: local moves are Metropolised"
    assert "4 trainings" in rows["flow"]


def test_the_table_prints_names_that_look_like_markup():
    record = fake_record(
        lengths=Lengths(2, 0, 10), states={"[red]": "r < 4.62", "[/b]": "r >= 4.62"}, system="[bold]test"
    )
    printed = io.StringIO()
    Console(width=120, file=printed).print(final_table(summarise(record), record.header))
    assert "ΔF [red] → [/b]" in printed.getvalue()
    assert "[bold]test" in printed.getvalue()


def test_thin_data_make_a_table(thin):
    table = final_table(summarise(thin), thin.header)
    assert table.row_count > 8


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.14, "3.1 s"), (59.99, "60.0 s"), (321.5, "5 min 22 s"), (7384.0, "2 h 3 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def counts(proposed, accepted, rate=None, error=None):
    return BetweenStates(proposed=proposed, accepted=accepted, acceptance=rate, acceptance_stderr=error)


def test_acceptance_has_its_error():
    assert acceptance(counts(100, 20, 0.2, 0.04)) == "0.200 ± 0.040  (20 of 100)"
    assert acceptance(counts(100, 20, 0.2)) == "0.20 (error not determined)  (20 of 100)"
    assert acceptance(counts(5, 0, 0.0)) == "0  (0 of 5)"
    assert acceptance(counts(0, 0)) == "none proposed"

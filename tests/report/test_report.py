import re
from html import unescape

import numpy as np
import pandas
import pytest

from cvflow.estimate.cautions import cautions
from cvflow.estimate.free_energy import profile
from cvflow.estimate.schema import Summary
from cvflow.estimate.summary import summarise
from cvflow.estimate.work import crossing_works
from cvflow.proposals.io import from_bytes
from cvflow.report import write_fes, write_report
from cvflow.report.illustrations import _cv_pairs
from tests.report.conftest import strangers
from tests.report.synthetic import Lengths, fake_record

PNG = b"\x89PNG\r\n\x1a\n"


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_everything_is_written(three, tmp_path):
    folder = tmp_path / "new" / "run"
    summary = write_report(three, folder)
    assert names(folder) == {
        *("COLVAR", "jumps.dat", "fes.dat", "fes_phi.png", "fes_psi.png", "fes_phi_psi.png"),
        *("fes_phi.dat", "fes_psi.dat", "fes_phi_psi.dat", "delta_f.png", "delta_f.dat"),
        *("convergence.png", "convergence.dat"),
        *(f"{name}.{kind}" for name in ("work", "work_1_3", "work_2_3") for kind in ("png", "dat")),
        *("acceptance.png", "trace.png"),
        *("flow.safetensors", "flow.cvf", "report.html", "summary.json"),
    }
    assert Summary.model_validate_json((folder / "summary.json").read_text()) == summary == summarise(three)
    assert list(summary.warnings) == cautions(summary)
    assert from_bytes((folder / "flow.safetensors").read_bytes()).version == three.flows[-1].version
    assert all(path.read_bytes().startswith(PNG) for path in folder.glob("*.png"))


def test_the_page_holds_the_figures(record, tmp_path):
    write_report(record, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert len(re.findall('src="data:image/png;base64,iVBOR', page)) == 6
    assert "F(r) with its error band, and −ln q of the proposal" in unescape(page)
    assert "http" not in re.sub('base64,[^"]*', "", page)


def test_figures_for_a_paper_and_the_data_beside_them(record, tmp_path):
    write_report(record, tmp_path, forms=("svg", "pdf"))
    pictures = {path.stem for path in tmp_path.glob("*.png")}
    assert pictures == {"fes_r", "delta_f", "convergence", "work", "trace", "acceptance"}
    for kind in ("svg", "pdf"):
        assert {path.stem for path in tmp_path.glob(f"*.{kind}")} == pictures
    works = pandas.read_csv(tmp_path / "work.dat", sep=r"\s+", comment="#", header=None)
    found = crossing_works(record, 0, 1)
    assert np.array_equal(works[works[0] == 0][1], found.forward.works)
    assert np.array_equal(works[works[0] == 1][2], found.reverse.weights)
    running = pandas.read_csv(tmp_path / "delta_f.dat", sep=r"\s+", comment="#", header=None)
    assert running[2].iloc[-1] == summarise(record).delta_f[0].value_kT


def test_of_many_cvs_each_pair_of_neighbours_is_drawn():
    assert _cv_pairs(["a"]) == []
    assert _cv_pairs(["a", "b", "c"]) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert _cv_pairs(["a", "b", "c", "d", "e"]) == [("a", "b"), ("c", "d")]


def test_writing_twice_gives_the_same_bytes(record, tmp_path):
    write_report(record, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_report(record, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_one_profile(three, tmp_path):
    write_fes(three, tmp_path, ["psi"], 12)
    assert names(tmp_path) == {"fes.dat", "fes_psi.png"}
    table = pandas.read_csv(tmp_path / "fes.dat", sep=r"\s+", comment="#", header=None)
    assert len(table) == 12
    assert np.nanmin(table[1]) == 0


def test_thin_data_make_a_report(thin, tmp_path):
    write_report(thin, tmp_path)
    assert "report.html" in names(tmp_path)


def test_a_curve_of_walkers_that_never_met_has_no_errors_and_no_points():
    found = profile(strangers(), "phi", 60)
    assert np.isnan(found.stderr).all()
    assert np.isnan(found.free_energy).all()


@pytest.mark.parametrize("turns", [0, 5])
def test_without_production_nothing_is_written(turns, tmp_path):
    record = fake_record(lengths=Lengths(2, turns, 0))
    with pytest.raises(ValueError, match="no production turns"):
        write_report(record, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_misuse_writes_nothing(record, tmp_path):
    with pytest.raises(ValueError, match="unknown CV"):
        write_fes(record, tmp_path, ["q"], 10)
    with pytest.raises(ValueError, match="2 bins"):
        write_fes(record, tmp_path, ["r"], 1)
    assert names(tmp_path) == set()

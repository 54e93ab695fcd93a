import io
from dataclasses import replace

import numpy as np
import pandas
import pytest

from cvflow.estimate.free_energy import profile
from cvflow.estimate.surface import surface
from cvflow.report.plumed_text import colvar_text, fes_text, jumps_text, plumed_text, surface_text
from tests.report.synthetic import KT, THREE, Lengths, all_failed, fake_record


def read(text):
    """What `plumed.read_as_pandas` does: FIELDS first, then SET lines, then the table."""
    lines = text.splitlines()
    assert lines[0].startswith("#! FIELDS ")
    constants = {}
    for line in lines[1:]:
        words = line.split()
        if words[:2] != ["#!", "SET"]:
            break
        assert len(words) == 4
        constants[words[2]] = words[3]
    names = lines[0].split()[2:]
    frame = pandas.read_csv(io.StringIO(text), sep=r"\s+", comment="#", header=None, names=names)
    return frame, constants


def same(read_back, values):
    """Up to pandas' own rounding."""
    return np.allclose(read_back, values, rtol=1e-14, atol=0, equal_nan=True)


def by_jump(record):
    return record.turns[np.lexsort((record.turns["walker"], record.turns["jump"]))]


def test_colvar_has_a_row_a_turn_by_jump_and_walker(three):
    frame, constants = read(colvar_text(three))
    turns = by_jump(three)
    assert list(frame.columns) == ["time", "walker", "jump", "production", "phi", "psi"]
    assert constants == {"units_time": "ps", "units_phi": "rad", "units_psi": "rad"}
    for column, name in enumerate(("phi", "psi")):
        assert same(frame[name], turns["cv"][:, column])
    assert (frame["jump"] == turns["jump"]).all()
    assert (frame["walker"].iloc[:4] == [0, 1, 2, 3]).all()
    assert frame["production"].sum() == turns["production"].sum()
    assert np.allclose(frame["time"], turns["jump"] * 250 * 0.014)


def test_reduced_units_are_not_named(record):
    assert read(colvar_text(record))[1] == {}


def test_jumps_have_the_ingredients_of_the_acceptance(record):
    frame, constants = read(jumps_text(record))
    turns = by_jump(record)
    columns = ["cv_old.r", "from.r", "to.r", "cv_end.r"]
    for name, field in zip(columns, ("cv_old", "centre_old", "centre_new", "cv_end"), strict=True):
        assert same(frame[name], turns[field][:, 0])
    for name in ("flow_version", "steps", "protocol_work", "heat", "accepted", "outcome"):
        assert same(frame[name], turns[name])
    assert np.allclose(frame["log_q_old"] - frame["log_q_new"] - frame["work"], frame["log_acceptance"])
    assert np.allclose(frame["protocol_work"] + frame["shadow_work"], frame["work"])
    assert constants["units_work"] == "kT"
    assert (constants["outcome_0"], constants["outcome_1"]) == ("completed", "diverged")


def test_failed_jumps_are_nan():
    frame, _ = read(jumps_text(all_failed(fake_record(lengths=Lengths(1, 1, 4)))))
    assert len(frame) == 5
    assert frame["work"].isna().all()
    assert (frame["outcome"] == 1).all()


def test_fes_is_a_grid_like_that_of_sum_hills(record):
    estimated = profile(record, "r", 30)
    frame, constants = read(fes_text(estimated, KT))
    assert list(frame.columns) == ["r", "free_energy", "stderr", "free_energy_kjmol", "stderr_kjmol"]
    assert same(frame["free_energy"], estimated.free_energy)
    assert np.allclose(frame["free_energy_kjmol"], KT * frame["free_energy"], equal_nan=True)
    assert np.allclose(frame["stderr_kjmol"], KT * frame["stderr"], equal_nan=True)
    grid = np.linspace(float(constants["min_r"]), float(constants["max_r"]), int(constants["nbins_r"]))
    assert np.allclose(frame["r"], grid)
    assert constants["periodic_r"] == "false"
    assert constants["nan"] == "too_few_visits_or_paths_to_tell_an_error"


def test_a_circle_s_grid_begins_at_the_seam():
    circle = fake_record(THREE, Lengths(2, 4, 40), periods=[2 * np.pi, 3.0])
    frame, constants = read(fes_text(profile(circle, "phi", 12), KT))
    assert (constants["min_phi"], constants["max_phi"], constants["periodic_phi"]) == ("-pi", "pi", "true")
    assert np.allclose(frame["phi"], -np.pi + np.arange(12) * np.pi / 6)
    _, constants = read(colvar_text(circle))
    assert (constants["min_phi"], constants["max_phi"]) == ("-pi", "pi")
    assert (constants["min_psi"], constants["max_psi"]) == ("-1.5", "1.5")


def test_two_cvs_are_a_grid_with_the_first_running_fastest(three):
    found = surface(three, ("phi", "psi"), 8)
    text = surface_text(found, KT)
    frame, constants = read(text)
    assert list(frame.columns)[:3] == ["phi", "psi", "free_energy"]
    assert same(frame["phi"], np.tile(found.first.centres, 8))
    assert same(frame["psi"], np.repeat(found.second.centres, 8))
    assert same(frame["free_energy"].to_numpy().reshape(8, 8), found.free_energy.T)
    assert np.allclose(frame["free_energy_kjmol"], KT * frame["free_energy"], equal_nan=True)
    assert (constants["nbins_phi"], constants["nbins_psi"], constants["periodic_psi"]) == ("8", "8", "false")
    assert [len(block.splitlines()) for block in text.split("\n\n")[1:-1]] == [8] * 7


def test_numbers_survive_the_text():
    values = np.array([np.pi, 1e-300, -1 / 3, np.nan])
    text = plumed_text({"a": values, "b": np.arange(4)}, {})
    back = [float(line.split()[0]) for line in text.splitlines()[1:]]
    assert np.array_equal(back, values, equal_nan=True)
    assert text.endswith("\n nan 3\n")


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError):
        plumed_text({"a": np.zeros(2), "b": np.zeros(3)}, {})


def test_a_unit_of_several_words_is_one_value(record):
    header = replace(record.header, units=["e nm per amu"])
    assert "#! SET units_r e_nm_per_amu\n" in colvar_text(record._replace(header=header))

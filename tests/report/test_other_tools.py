"""A run in other tools' hands, each the real one; tests of those that are not installed are skipped."""

from dataclasses import replace

import numpy as np
import pandas
import pytest

from cvflow.core.states import States
from cvflow.estimate.convergence import cv_chains, production
from cvflow.estimate.summary import summarise
from cvflow.report import other_tools
from cvflow.report.other_tools import (
    alchemlyb_table,
    arviz_tree,
    jumps_frame,
    mlcolvar_dataset,
    turns_frame,
    universe,
)
from tests.report.synthetic import with_turns


def test_pandas_has_a_row_a_turn_with_its_state(three):
    table = turns_frame(three)
    assert len(table) == len(three.turns)
    one = table[(table.walker == 2) & (table.jump == 57)].iloc[0]
    (turn,) = three.turns[(three.turns["walker"] == 2) & (three.turns["jump"] == 57)]
    assert (one.phi, one.psi, one.production) == (*turn["cv"], turn["production"])
    made = table[table.production]
    assert set(made.state) == {"left", "middle", "right"}
    assert (made[made.state == "left"].phi < -1).all()


def test_pandas_has_every_ingredient_of_a_jump(three):
    table = jumps_frame(three)
    assert np.allclose(table.log_acceptance, table.log_q_old - table.log_q_new - table.work)
    assert isinstance(table, pandas.DataFrame)


def test_arviz_finds_the_same_convergence(three):
    pytest.importorskip("arviz_base", reason="arviz-base is not installed")
    from arviz_stats.base import array_stats

    tree, summary = arviz_tree(three), summarise(three)
    for cv in ("phi", "psi"):
        drawn = tree["posterior"][cv]
        assert drawn.dims == ("chain", "draw")
        assert array_stats.rhat(drawn.values, chain_axis=0, draw_axis=1) == pytest.approx(summary.rhat[cv])
    assert float(tree["jumps"]["accepted"].mean()) == pytest.approx(summary.jumps.acceptance)
    assert np.array_equal(tree["posterior"]["psi"], cv_chains(three)[:, :, 1])


def test_alchemlyb_finds_the_same_free_energy(three):
    estimators = pytest.importorskip("alchemlyb.estimators", reason="alchemlyb is not installed")
    table = alchemlyb_table(three, "left", "middle")
    assert table.attrs["energy_unit"] == "kT"
    assert table.attrs["temperature"] == pytest.approx(1.3 / 0.00831446, rel=1e-5)
    found = estimators.BAR().fit(table)
    bar = summarise(three).delta_f_bar[0]
    error = found.d_delta_f_.loc[0.0, 1.0]
    assert found.delta_f_.loc[0.0, 1.0] == pytest.approx(bar.value_kT, abs=2 * error)
    assert error < 0.5


def test_pymbar_finds_the_same_free_energy(record):
    """The estimator below alchemlyb's, which tests have always."""
    from pymbar.other_estimators import bar

    table = alchemlyb_table(record, "compact", "extended")
    first, other = table.xs(0.0, level="fep-lambda"), table.xs(1.0, level="fep-lambda")
    found = bar((first[1.0] - first[0.0]).to_numpy(), (other[0.0] - other[1.0]).to_numpy())
    ours = summarise(record).delta_f_bar[0].value_kT
    assert found["Delta_f"] == pytest.approx(ours, abs=2 * found["dDelta_f"])
    assert found["dDelta_f"] < 0.4


def test_weighted_works_are_refused_and_so_are_states_that_are_none(three):
    rejecting = with_turns(three, log_survival=np.where(np.arange(len(three.turns)) % 3 == 0, -1.0, 0.0))
    with pytest.raises(ValueError, match="early rejection"):
        alchemlyb_table(rejecting, "left", "right")
    for pair in (("left", "left"), ("left", "up")):
        with pytest.raises(ValueError, match="two different states"):
            alchemlyb_table(three, *pair)
    nowhere = three._replace(header=replace(three.header, states={"left": "phi < -1", "up": "phi > 90"}))
    with pytest.raises(ValueError, match="no paths in both directions"):
        alchemlyb_table(nowhere, "left", "up")


def test_mlcolvar_learns_from_the_states(three, tmp_path):
    pytest.importorskip("mlcolvar", reason="mlcolvar is not installed")
    found = mlcolvar_dataset(three, tmp_path)
    made = production(three).reshape(-1)
    assert found["data"].shape == (len(made), 2)
    assert np.allclose(found["data"][:, 1], made["cv"][:, 1])
    inside = States(three.header.states, three.header.cvs).assign(made["cv"])
    assert np.array_equal(found["labels"], inside)
    assert list(found.feature_names) == ["phi", "psi"]


def test_frames_in_no_state_are_no_training_set(three, tmp_path):
    header = replace(three.header, states={"a": "phi > 90", "b": "phi < -90"})
    pytest.importorskip("mlcolvar", reason="mlcolvar is not installed")
    with pytest.raises(ValueError, match="no frame in a named state"):
        mlcolvar_dataset(three._replace(header=header), tmp_path)


def test_what_is_missing_is_named(three, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(other_tools, "import_module", missing)
    with pytest.raises(ImportError, match="this needs arviz-base, which is not installed: `pip install arviz-base`"):
        arviz_tree(three)


def test_a_walker_that_is_none_and_a_folder_without_frames(three, tmp_path):
    with pytest.raises(ValueError, match="walker must be 0 to 3, got 4"):
        universe(three, tmp_path, 4)
    with pytest.raises(ValueError, match=r"topology\.pdb: no such file"):
        universe(three, tmp_path, 0)

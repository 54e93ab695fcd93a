"""`cvflow check CONFIG`: what is foretold of a run, held against the run, and what is refused before a week is lost."""

from math import erfc, inf, sqrt
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from cvflow.cli.commands import execute
from cvflow.config.presets import POLYMER
from cvflow.config.settings import load, parse
from cvflow.core.states import States
from cvflow.estimate.convergence import production
from cvflow.estimate.cost import cost
from cvflow.estimate.summary import summarise
from cvflow.run.cost_model import LossCurve, Prospect, loss_curve, path_chance
from cvflow.run.feasibility import _evener, feasibility
from cvflow.run.forecast import Forecaster, Losses, Turns, determined, losses, piloted, populations
from cvflow.run.in_memory import run_in_memory
from cvflow.setup import from_config
from cvflow.store import turn_type
from tests.run.valley_run import written

EXAMPLES = Path(__file__).parents[2] / "examples"


def foretold_and_made(setup, seconds=300.0):
    """Force evaluations per mode change and for ΔF ± 0.2 kT: as foretold at the configured length, and as a run has."""
    workers = setup.walkers.workers(setup, None)
    with setup.walkers.executor(workers) as executor:
        pilots = piloted(setup, executor, workers, seconds, lambda trying: None)
        lost = losses(pilots.lengths, pilots.prospects)
        foretold = Forecaster(setup, pilots.turns, lost, workers).at(setup.settings.path.steps)
        start = setup.equilibrate(executor)
        record = run_in_memory(setup, executor, start, setup.kappa(start.samples))
    evaluations = production(record)["steps"].sum() + production(record)["local_steps"].sum()
    (found,) = summarise(record).delta_f
    made = evaluations / cost(record).mode_changes, evaluations * (found.stderr_kT / 0.2) ** 2
    each = foretold.evaluations_per_mode_change
    return np.array([each, each * foretold.mode_changes]), np.array(made)


def test_the_cost_of_a_tunnel_is_foretold_within_a_factor_of_two():
    config = load(EXAMPLES / "tunnel.toml", ["run.jumps=60"])
    foretold, made = foretold_and_made(from_config(config, EXAMPLES))
    print(foretold, made)
    assert (foretold / made > 0.5).all()
    assert (foretold / made < 2).all()


@pytest.mark.slow
def test_the_cost_of_the_polymer_is_foretold_within_a_factor_of_two():
    foretold, made = foretold_and_made(from_config(parse(POLYMER | {"path": {"steps": 1000}}, "polymer"), Path()))
    assert (foretold / made > 0.5).all()
    assert (foretold / made < 2).all()


@pytest.mark.slow
def test_the_cost_of_alanine_dipeptide_is_foretold_within_a_factor_of_two():
    config = load(EXAMPLES / "alanine_dipeptide.toml", ["run.jumps=2000"])
    foretold, made = foretold_and_made(from_config(config, EXAMPLES))
    print(foretold, made)
    assert (foretold / made > 0.5).all()
    assert (foretold / made < 2).all()


def test_loss_falls_with_length_to_what_no_length_saves():
    lengths = [100, 200, 400, 800]
    found = [Prospect(n, 0.5 + 300 / n, 0.1, 48) for n in lengths]
    assert loss_curve(lengths, found)[:2] == pytest.approx((0.5, 300))


def test_where_little_is_known_loss_falls_beyond_what_was_seen_as_it_did():
    few = [Prospect(50, inf, np.nan, 3), Prospect(100, 20.0, 0.5, 24), Prospect(200, 16.0, 0.5, 24)]
    lost = losses([50, 100, 200], few)
    assert [lost.at(n) for n in (50, 100, 100 * 2**0.5, 200, 400)] == pytest.approx([40, 20, 18, 16, 12.8])


@pytest.mark.parametrize(("dissipated", "power"), [((20.0, 5.0), 1.0), ((16.0, 18.0), 0.0), ((16.0,), 1.0)])
def test_but_no_faster_than_friction_has_it_and_no_slower_than_not_at_all(dissipated, power):
    assert Losses((100, 200)[: len(dissipated)], dissipated, None).power == power


def test_what_alanine_dipeptide_in_water_loses_is_foretold_within_a_factor_of_two():
    """Its pilots of up to 6 ps, and what its paths of 31 ps lost: docs/water.md."""
    pilots = zip((382, 764, 1527), (25.8, 16.3, 10.4), strict=True)
    lost = losses([382, 764, 1527], [Prospect(steps, kT, 1.0, 24) for steps, kT in pilots]).at(7700)
    assert 0.5 < lost / 6.3 < 2


def test_nothing_is_known_where_no_path_gets_there():
    assert losses([50], [Prospect(50, inf, np.nan, 3)]) is None


def test_populations_come_from_works_there_and_back():
    """F(right) = 1.5 kT, 2 kT lost each way, a proposal of any shape and weight."""
    rng, states = np.random.default_rng(1), States({"left": "z < 0", "right": "z >= 0"}, ("z",))
    rows = np.zeros(4000, dtype=turn_type(1))
    side = rng.random((2, 4000)) < 0.2
    rows["centre_old"], rows["centre_new"] = np.where(side[..., None], 1.0, -1.0)
    log_q = np.where(side, np.log(0.2), np.log(0.8)) - 0.5  # of each side, uniform on it
    rows["log_q_old"], rows["log_q_new"] = log_q
    rows["work"] = 1.5 * (side[1].astype(float) - side[0]) + 2.0 + 2.0 * rng.standard_normal(4000)
    expected = np.array([1.0, np.exp(-1.5)]) / (1 + np.exp(-1.5))
    np.testing.assert_allclose(populations(rows, states), expected, atol=0.02)
    assert determined(rows, states)
    assert not determined(rows[rows["centre_old"][:, 0] < 0], states)  # none back


def test_a_forecast_counts_local_moves_and_paths_of_both_kinds():
    setup = from_config(load(EXAMPLES / "tunnel.toml"), EXAMPLES)  # 5 local steps, 64 chains, paths given up early
    setup = setup.changed(path={"early_rejection": False})
    turns = Turns(np.array([0.25, 0.75]), 1.1, 0.3, 0.0, 1.0, 1e-3, 0.0)
    forecaster = Forecaster(setup, turns, Losses((25, 100), (4.5, 1.5), LossCurve(0.5, 100.0, 25, 100)), 2)
    forecast = forecaster.at(100)
    accepted, between = erfc(0.5 * sqrt(1.5)), 0.375
    turn = 5 + 0.625 * 0.3 * 100 + between * 1.1 * 100
    assert forecast.acceptance == pytest.approx(accepted)
    assert forecast.evaluations_per_mode_change == pytest.approx(turn / (between * accepted))
    assert forecast.hours == pytest.approx(100 * turn / (between * accepted) * 1e-3 / 2 / 3600)
    assert forecast.jumps == pytest.approx(100 / (between * accepted) / 64)
    assert forecast.price == pytest.approx(turn / between * path_chance(1.5, gives_up=False).paths)
    assert forecaster.cheapest().price <= forecast.price


def test_a_bias_of_the_states_is_foretold_and_named_where_one_of_them_is_rare():
    rare = Turns(np.array([0.98, 0.02]), 1.0, 0.0, 0.0, 1.0, 1e-3, 0.0)
    curve = Losses((500, 2000), (4.5, 1.5), LossCurve(0.5, 500.0, 500, 2000))
    plain = from_config(parse(POLYMER, "polymer"), Path())
    plain = plain.changed(path={"steps": 1000, "early_rejection": False}, run={"local_steps": 100})
    flat = plain.changed(run={"state_bias": "flat"})
    costs = [Forecaster(setup, rare, curve, 1).at(1000) for setup in (plain, flat)]
    turn, local = 1000.0, plain.settings.run.local_steps
    accepted = costs[0].acceptance
    assert costs[0].evaluations_per_mode_change == pytest.approx((local + 0.04 * turn) / (0.04 * accepted))
    assert costs[1].evaluations_per_mode_change == pytest.approx((local + turn) / accepted)
    (named,) = _evener(Forecaster(plain, rare, curve, 1), plain)
    assert named.line.startswith('cheaper: run.state_bias = "flat", at 1000 steps: ')
    even = rare._replace(populations=np.array([0.5, 0.5]))
    for turns, setup in ((even, plain), (rare, flat), (rare._replace(joined=False), plain)):
        assert not list(_evener(Forecaster(setup, turns, curve, 1), setup))


def test_states_that_no_path_connects_are_not_feasible(tmp_path):
    """Twenty standard deviations apart, with paths of a few steps."""
    far = {"means": [[-40.0], [40.0]], "sigmas": [[0.9], [1.0]], "weights": [0.5, 0.5]}
    setup = from_config(load(written(tmp_path, proposal=far, path={"steps": 8})), tmp_path)
    findings = list(feasibility(setup, 5.0))
    assert [found.line for found in findings if not found.feasible]
    assert not [found.line for found in findings if "populations" in found.line]


def test_springs_that_would_cost_less_are_named():
    """Two Gaussians with a barrier of 8 kT: softer than it is curved, a spring lets the CV snap across, at 10 kT."""
    sections = {
        "run": {"seed": 1, "walkers": 16, "adapt_jumps": 4, "adapt_limit": 1, "jumps": 100, "local_steps": 5},
        "system": {"name": "gaussian_mixture", "parameters": {"dim": 1}},
        "engine": {"name": "batch", "compile": False},
        "path": {"kernel": "restraint", "steps": 100, "timestep": 0.1, "kappa": 2.0},
        "proposal": {"means": [[-4.0], [4.0]], "sigmas": [[1.0], [1.0]], "weights": [0.5, 0.5]},
    }
    setup = from_config(parse(sections, "soft"), Path())
    (named,) = (found.line for found in feasibility(setup, 3.0) if "path.kappa" in found.line)
    assert named.startswith("cheaper: path.kappa = 8, at ")
    lossless = setup.changed(path={"kappa": 0.05})  # centres are blurred over both states
    assert not [found.line for found in feasibility(lossless, 3.0) if "path.kappa" in found.line]


def test_a_config_that_can_be_run_ends_well_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert execute(["check", str(EXAMPLES / "tunnel.toml"), "--minutes", "0.2"]) == 0
    told = capsys.readouterr().out
    assert "force evaluations a mode change" in told
    assert told.endswith("feasible\n")
    assert list(tmp_path.iterdir()) == []


def test_a_time_step_too_long_is_the_reason_of_exit_code_1(tmp_path, monkeypatch, capsys):
    """Seven in ten of these moves are accepted: what is called too long is a number, and another here."""
    monkeypatch.setattr("cvflow.run.feasibility.LOCAL_ACCEPTANCE", 0.9)
    (tmp_path / "run.toml").write_text(tomli_w.dumps({
        "run": {"walkers": 2, "jumps": 5, "local_steps": 50}, "system": {"name": "alanine_dipeptide"},
        "engine": {"temperature": 300.0, "platform": "Reference"},
        "path": {"steps": 100, "timestep": 0.0035, "kappa": 600.0}, "flow": {},
    }))  # fmt: skip
    assert execute(["check", str(tmp_path / "run.toml"), "--minutes", "0.1", "--quiet"]) == 1
    assert "path.timestep is too long" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.toml"], "nowhere.toml: cannot be read"),
        (["nowhere"], "no run here"),
        ([".", "--set", "run.seed=1"], "--set is for a config"),
        ([str(EXAMPLES / "tunnel.toml"), "--set", "path.stps=1"], "did you mean steps?"),
    ],
)
def test_misuse_is_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert execute(["check", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1

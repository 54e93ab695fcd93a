"""Whole runs on the small system with a known answer, through worker processes, store and report."""

import json
import multiprocessing
import os
import signal

import MDAnalysis
import numpy as np
import openmm
import pytest
from openmm import app

import cvflow
from cvflow.config.settings import load
from cvflow.core.units import temperature
from cvflow.doctor.verify import dumbbell
from cvflow.run import run_folder
from cvflow.setup import from_config
from cvflow.store import read_record

STATES = {"near": "r < 2.3", "far": "r >= 2.3"}


def topology():
    made = app.Topology()
    chain = made.addChain()
    for name in ("A", "B", "C"):
        made.addAtom(name, app.element.argon, made.addResidue(name, chain))
    return made


def sample(out, cv=None, system=None, **settings):
    rng = np.random.default_rng(0)
    draws = dumbbell.exact_draws(200, rng)
    r = dumbbell.observables(draws)["r"]
    starts = {"near": draws[r < 2.0][0], "far": draws[r > 2.6][0]}
    run = {"walkers": 4, "adapt_jumps": 26, "adapt_limit": 1, "jumps": 60, "local_steps": 10, "seed": 3}
    path = {"steps": 20, "timestep": 0.1, **settings.pop("path", {})}
    return cvflow.sample(
        cvflow.openmm_system(topology(), system or dumbbell.system(), temperature(dumbbell.KT)),
        cvs=[cv or dumbbell.native_cv()], states=STATES, starts=starts, out=out, path=path, quiet=True,
        **(run | settings),
    )  # fmt: skip


def chain(folder):
    """What identifies a chain, bit by bit: everything but the clock."""
    turns = read_record(folder / "run.h5").turns
    return {name: turns[name].tobytes() for name in turns.dtype.names if "seconds" not in name}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return sample(tmp_path_factory.mktemp("run") / "out", workers=2)


@pytest.mark.parametrize(("jumps", "within"), [(300, 0.25), pytest.param(1400, 0.1, marks=pytest.mark.slow)])
def test_the_free_energy_is_that_of_quadrature(jumps, within, tmp_path):
    result = sample(tmp_path, jumps=jumps)
    p, r = dumbbell.density(dumbbell.GRID), dumbbell.GRID
    far = np.trapezoid(p * (r >= 2.3), r)
    exact = -np.log(far / (1 - far))
    for key in ("delta_f", "delta_f_chain", "delta_f_bar"):
        estimate = result.summary[key][0]
        assert abs(estimate["value_kT"] - exact) < 4 * estimate["stderr_kT"]
        assert estimate["stderr_kT"] < within
    best = result.delta_f("near", "far")
    assert (best.kT, best.kT_stderr) == (result.summary.delta_f[0].value_kT, result.summary.delta_f[0].stderr_kT)
    assert best.kJ_mol == pytest.approx(dumbbell.KT * best.kT)
    back = result.delta_f("far", "near")
    assert back.kT == pytest.approx(-best.kT)
    assert back.kT_stderr == pytest.approx(best.kT_stderr)


def test_the_same_seed_gives_the_same_chain_on_any_number_of_workers(finished, tmp_path):
    sample(tmp_path / "one", workers=1)
    assert chain(finished.folder) == chain(tmp_path / "one")
    sample(tmp_path / "other", workers=2, seed=4)
    assert chain(tmp_path / "other")["work"] != chain(finished.folder)["work"]


def test_an_interrupted_run_continues_as_if_nothing_had_happened(finished, tmp_path, monkeypatch):
    folder = tmp_path / "out"

    def interrupt(self, progress):
        self.turns_seen = getattr(self, "turns_seen", 0) + 1
        if self.turns_seen == 150:
            raise KeyboardInterrupt

    monkeypatch.setattr("cvflow.sampler.loop.Run._progress", lambda self: self)
    monkeypatch.setattr("cvflow.api.watching", _Watching(interrupt))
    with pytest.raises(KeyboardInterrupt) as caught:
        sample(folder, workers=2)
    (note,) = caught.value.__notes__
    assert note == f"what is done is committed, go on with `cvflow resume {folder}` or cvflow.resume({str(folder)!r})"
    monkeypatch.undo()
    done = len(read_record(folder / "run.h5").turns)
    assert done >= 150
    with (folder / "walker_0.xtc").open("ab") as file:
        file.write(b"half a frame")
    result = cvflow.resume(folder, quiet=True)
    assert chain(folder) == chain(finished.folder)
    assert result.summary["delta_f"] == finished.summary["delta_f"]
    assert result.delta_f("near", "far") == finished.delta_f("near", "far")
    frames = MDAnalysis.Universe(str(folder / "topology.pdb"), str(folder / "walker_0.xtc"), to_guess=()).trajectory
    assert len(frames) == 86


class _Watching:
    """Stands in for the progress line."""

    def __init__(self, call):
        self._call = call

    def __call__(self, quiet):
        return self

    def __enter__(self):
        return lambda run: None if isinstance(run, str) else self._call(run, None)

    def __exit__(self, *error):
        return False


def test_a_finished_run_can_be_made_longer(finished, tmp_path):
    sample(tmp_path, jumps=30)
    summary = run_folder.resume(tmp_path, 60, lambda progress: None)
    assert chain(tmp_path) == chain(finished.folder)
    assert summary["jumps"]["proposed"] == 240
    assert load(tmp_path / "config.resolved.toml").run.jumps == 60


def test_production_has_one_flow_and_follows_adaptation(finished):
    turns = finished.record.turns
    made = turns[turns["production"]]
    assert set(made["flow_version"]) == {finished.summary["flow"]["version"]} == {1}
    assert (made["jump"] >= 26).all()
    assert set(turns["flow_version"][turns["jump"] < 26]) == {0}


def test_every_acceptance_can_be_computed_again_from_the_store(finished):
    """log a from its ingredients, and log q from the stored flow: the density that drew is the one that judges."""
    from cvflow.core.acceptance import log_acceptance
    from cvflow.proposals.io import from_bytes

    turns = finished.record.turns
    again = np.vectorize(log_acceptance)(turns["log_q_old"], turns["log_q_new"], turns["work"])
    np.testing.assert_array_equal(again, turns["log_acceptance"])
    for flow in finished.record.flows:
        drawn = turns[turns["flow_version"] == flow.version]
        proposal = from_bytes(flow.data)
        np.testing.assert_allclose(proposal.log_density(drawn["centre_old"]), drawn["log_q_old"], atol=1e-10)
        np.testing.assert_allclose(proposal.log_density(drawn["centre_new"]), drawn["log_q_new"], atol=1e-10)
    kept = np.where(turns["accepted"][:, None], turns["cv_end"], turns["cv_old"])
    np.testing.assert_array_equal(kept, turns["cv_kept"])


def test_trajectories_open_in_mdanalysis_and_hold_the_chain(finished):
    turns = finished.record.turns
    for walker in range(4):
        files = (str(finished.folder / "topology.pdb"), str(finished.folder / f"walker_{walker}.xtc"))
        universe = MDAnalysis.Universe(*files, to_guess=())
        a, b, _ = universe.atoms
        r = [np.linalg.norm(b.position - a.position) / 10 for _ in universe.trajectory]
        np.testing.assert_allclose(r, turns["cv"][turns["walker"] == walker, 0], atol=2e-3)


def test_the_summary_has_the_keys_of_the_contract(finished):
    summary = json.loads((finished.folder / "summary.json").read_text())
    assert list(summary) == [
        "schema_version", "version", "seed", "system", "engine", "cvs", "kT", "walkers", "jumps", "mode_changes",
        "local_crossings", "steps", "true_energies", "steps_per_mode_change", "delta_f", "delta_f_chain", "delta_f_bar",
        "chain_less_bar", "states", "adaptation", "populations", "ess", "rhat", "flow", "wall_s", "path_steps_per_s",
        "exact", "explored", "walls", "warnings",
    ]  # fmt: skip
    assert list(summary["adaptation"]) == ["asked", "made", "passed", "left", "drift"]
    assert list(summary["populations"]) == ["passed", "left", "drift", "begun", "relaxation_jumps", "rhat"]
    assert list(summary["jumps"]) == [
        "proposed", "accepted", "acceptance", "acceptance_stderr", "failed", "given_up", "within_state",
        "between_states",
    ]  # fmt: skip
    assert list(summary["jumps"]["between_states"]) == ["proposed", "accepted", "acceptance", "acceptance_stderr"]
    assert list(summary["steps"]) == [
        "equilibration", "exploration", "pilots", "adaptation", "local", "path", "total",
    ]  # fmt: skip
    estimate = ["from", "to", "value_kT", "stderr_kT", "determined", "reason"]
    assert list(summary["delta_f"][0]) == [*estimate, "chain_weight", "alone"]
    assert list(summary["delta_f_chain"][0]) == list(summary["chain_less_bar"][0]) == estimate
    assert list(summary["delta_f_bar"][0]) == [*estimate, "effective_paths"]
    assert list(summary["flow"]) == [
        "version", "trainings", "holdout_nll", "training_nll", "samples", "effective_samples",
    ]  # fmt: skip
    assert list(summary["wall_s"]) == ["total", "path", "local", "training"]
    assert summary["exact"]["value"] is True
    turns = read_record(finished.folder / "run.h5").turns
    made = turns["local_steps"]
    assert summary["steps"]["local"] == made[turns["production"]].sum()
    assert abs(made.mean() - 10) < 4 * np.sqrt(10 / len(made)), "drawn from 5 to 15"


def test_a_custom_cv_and_langevin_moves(tmp_path):
    """The same chain of CVs through CustomCVForce; unadjusted moves are named as what they are."""
    result = sample(tmp_path, cv=dumbbell.force_cv(), local="langevin", jumps=20)
    assert not result.summary["exact"]["value"]
    assert "Langevin" in result.summary["exact"]["reason"]
    assert (tmp_path / "cv_r.xml").is_file()
    run_folder.resume(tmp_path, 25, lambda progress: None)
    assert len(read_record(tmp_path / "run.h5").turns) == 4 * (26 + 25)


def test_a_fixed_proposal_needs_no_training(tmp_path):
    proposal = {"means": [[1.6], [3.0]], "sigmas": [[0.3], [0.3]], "weights": [0.5, 0.5]}
    result = sample(tmp_path, proposal=proposal, adapt_jumps=0, jumps=30, path={"schedule": "cosine", "friction": 0.2})
    untrained = {"holdout_nll": None, "training_nll": None, "samples": 0, "effective_samples": None}
    assert result.summary.flow.model_dump() == {"version": 0, "trainings": 0} | untrained
    assert result.summary["mode_changes"] > 0
    assert (result.record.turns["heat"] != 0).sum() == 0, "paths of 20 steps have no refreshment"


def test_failed_paths_are_counted_by_reason_and_the_run_goes_on(tmp_path):
    """A hard wall that paths hit at a coarse step: some diverge, none is retried, all are counted."""
    system = dumbbell.system()
    wall = openmm.CustomBondForce("1e-6/r^40")
    wall.addBond(0, 1, [])
    system.addForce(wall)
    proposal = {"means": [[0.2], [3.0]], "sigmas": [[0.2], [0.3]], "weights": [0.5, 0.5]}
    result = sample(tmp_path, system=system, proposal=proposal, adapt_jumps=0, jumps=40, path={"timestep": 0.15})
    failed = result.summary["jumps"]["failed"]
    assert failed.get("diverged", 0) > 0
    turns = result.record.turns
    assert len(turns) == 160
    assert not turns["accepted"][np.isnan(turns["work"])].any()
    assert np.isnan(turns["work"]).sum() == failed["diverged"]
    assert "diverged" in (tmp_path / "report.html").read_text()


def test_a_system_from_files_runs_resumes_and_runs_again(tmp_path):
    """Serialised System, PDB topology and starts under names of the user's own."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "dumbbell.xml").write_text(openmm.XmlSerializer.serialize(dumbbell.system()))
    (theirs / "cv.xml").write_text(dumbbell.force_cv().force_xml)
    draws = dumbbell.exact_draws(200, np.random.default_rng(0))
    r = dumbbell.observables(draws)["r"]
    for name, x in (("near", draws[r < 2.0][0]), ("far", draws[r > 2.6][0])):
        with (theirs / f"{name}.pdb").open("w") as file:
            app.PDBFile.writeFile(topology(), 10 * x, file)
    (theirs / "run.toml").write_text(
        f"""
        run = {{ walkers = 2, adapt_jumps = 2, adapt_limit = 1, jumps = 5, local_steps = 10 }}
        path = {{ steps = 20, timestep = 0.1 }}
        engine = {{ temperature = {temperature(dumbbell.KT)} }}
        states = {{ near = "r < 2.3", far = "r >= 2.3" }}
        cv = [{{ name = "r", type = "force", xml = "cv.xml", unit = "nm" }}]
        [system]
        xml = "dumbbell.xml"
        topology = "near.pdb"
        starts = {{ near = "near.pdb", far = "far.pdb" }}
        """
    )
    out = tmp_path / "out"
    run_folder.begin(from_config(load(theirs / "run.toml"), theirs), out, lambda progress: None)
    run_folder.resume(out, 8, lambda progress: None)
    assert len(read_record(out / "run.h5").turns) == 20
    again = tmp_path / "again"
    run_folder.begin(from_config(load(out / "config.resolved.toml"), out), again, lambda progress: None)
    assert chain(again) == chain(out)


def test_two_cvs_of_different_kinds(with_figures, tmp_path):
    """A flow of two dimensions; states and free energies along either CV."""
    along = openmm.CustomCompoundBondForce(1, "x1")
    along.addBond([2], [])
    draws = dumbbell.exact_draws(200, np.random.default_rng(0))
    r = dumbbell.observables(draws)["r"]
    result = cvflow.sample(
        cvflow.openmm_system(topology(), dumbbell.system(), temperature(dumbbell.KT)),
        cvs=[dumbbell.native_cv(), cvflow.cv.from_force("c", along, unit="nm")],
        states={"near": "r < 2.3 and c < 100", "far": "r >= 2.3"},
        starts={"near": draws[r < 2.0][0], "far": draws[r > 2.6][0]}, out=tmp_path, quiet=True, walkers=4,
        adapt_jumps=26, adapt_limit=1, jumps=150, local_steps=10,
        path={"steps": 20, "timestep": 0.1, "kappa": [40.0, 10.0]},
    )  # fmt: skip
    p, grid = dumbbell.density(dumbbell.GRID), dumbbell.GRID
    far = np.trapezoid(p * (grid >= 2.3), grid)
    estimate = result.delta_f("near", "far")
    assert abs(estimate.kT + np.log(far / (1 - far))) < 4 * estimate.kT_stderr
    assert result.record.header.kappa == [40.0, 10.0]
    c = result.record.turns["cv"][:, 1]
    assert abs(c.mean() - dumbbell.SLOPE * np.trapezoid(p * grid, grid)) < 0.3
    for name in ("fes_r.png", "fes_c.png"):
        assert (tmp_path / name).stat().st_size > 1000


def test_momentum_removers_are_said(tmp_path):
    system = dumbbell.system()
    system.addForce(openmm.CMMotionRemover())
    with pytest.warns(UserWarning, match="CMMotionRemover taken out"):
        result = sample(tmp_path, system=system, jumps=5)
    assert any("CMMotionRemover" in note for note in result.record.header.notes)


def test_the_polymer_runs_from_its_config(tmp_path):
    """The built-in system end to end, as short as it can be."""
    config = tmp_path / "polymer.toml"
    config.write_text(
        "[run]\nwalkers = 2\nadapt_jumps = 2\nadapt_limit = 1\njumps = 3\nlocal_steps = 20\n"
        '[system]\nname = "polymer"\n'
        "[path]\nsteps = 40\ntimestep = 0.01\nkappa = 300.0\n"
    )
    setup = from_config(load(config), tmp_path)
    summary = run_folder.begin(setup, tmp_path / "out", lambda progress: None)
    run_folder.begin(setup, tmp_path / "alone", lambda progress: None, workers=1)
    assert chain(tmp_path / "alone") == chain(tmp_path / "out")
    assert summary["jumps"]["proposed"] == 6
    assert summary["delta_f"][0]["from"] == "compact"
    record = read_record(tmp_path / "out" / "run.h5")
    assert record.header.kappa == [300.0]
    inside = setup.states.assign(record.pilot[:, -1])
    assert inside.tolist() == [0, 1]


def test_a_worker_killed_in_the_middle_changes_nothing(finished, tmp_path, caplog):
    """Its turn is run again elsewhere, and the chain is that of the undisturbed run."""
    seen = []

    def kill(self, progress):
        seen.append(progress)
        if len(seen) in (40, 200):
            os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvflow.sampler.loop.Run._progress", lambda self: self)
        patch.setattr("cvflow.api.watching", _Watching(kill))
        sample(tmp_path / "out", workers=2)
    assert caplog.text.count("a worker process died") >= 1
    assert chain(tmp_path / "out") == chain(finished.folder)

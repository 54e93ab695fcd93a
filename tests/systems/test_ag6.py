"""ag6: its isomers, its potential against a second writing of it, and what its free energy is."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.core.frames import Frame
from cvflow.core.states import States
from cvflow.cv import anisotropy
from cvflow.systems import BUILT_IN, Ag6

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "ag6.toml"
REFERENCE = json.loads((HERE / "ag6_reference.json").read_text())
"""ΔF at 300 K, and the commands that it came from."""

pytest.importorskip("ase", reason="NO ASE: ag6 is not tested (pip install ase)")


def structure(state, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    frame = Ag6().start(state, rng)
    return frame._replace(positions=frame.positions + noise * rng.standard_normal((6, 3)))


def energy(frame):
    """eV, of ASE itself."""
    atoms = Ag6().system()
    atoms.positions = 10 * frame.positions
    return atoms.get_potential_energy()


def test_it_is_listed():
    assert BUILT_IN["ag6"] is Ag6
    with pytest.raises(ValueError, match="ag6 has no state 'prism', only octahedron, capped"):
        Ag6().start("prism", np.random.default_rng(0))
    with pytest.raises(ValueError, match="temperature"):
        Ag6(temperature=0.0)


def test_the_starts_are_the_two_isomers():
    """12 bonds each, none alike, 0.12 eV apart when relaxed."""
    from ase.optimize import FIRE

    relaxed = []
    for state in Ag6().states:
        atoms = Ag6().system()
        atoms.positions = 10 * structure(state).positions
        apart = atoms.get_all_distances()[np.triu_indices(6, 1)]
        assert (apart < 3.0).sum() == 12
        FIRE(atoms, logfile=None).run(fmax=0.005, steps=300)
        frame = Frame(atoms.positions / 10, None)
        point = np.array([[cv.evaluate(frame) for cv in Ag6().cvs()]])
        assert list(Ag6().states)[States(Ag6().states, ["a"]).assign(point)[0]] == state
        relaxed.append(atoms.get_potential_energy())
    assert relaxed == pytest.approx([4.2195, 4.3418], abs=1e-3)


def test_no_slope_is_nan_at_the_octahedron():
    value, gradient = anisotropy("a", range(6)).value_and_gradient(structure("octahedron"))
    assert value == pytest.approx(0.0, abs=1e-7)
    assert np.isfinite(gradient).all()


def test_the_reference_s_potential_is_ase_s(tmp_path):
    """The Monte Carlo that the reference comes from computes the same energies and the same CV."""
    if shutil.which("g++") is None:
        pytest.skip("NO C++ COMPILER: ag6's reference is not compared with ASE (install g++)")
    program, source = tmp_path / "ag6", HERE / "ag6_monte_carlo.cpp"
    subprocess.run(["g++", "-O1", str(source), "-o", str(program)], check=True, timeout=300)
    frames = [structure(state, noise=0.015, seed=seed) for seed in range(3) for state in Ag6().states]
    lines = "\n".join(" ".join(f"{10 * number!r}" for number in frame.positions.ravel().tolist()) for frame in frames)
    said = subprocess.run([program], input=lines, capture_output=True, text=True, check=True, timeout=60).stdout
    found = np.array([line.split() for line in said.splitlines()], dtype=float)
    (cv,) = Ag6().cvs()
    np.testing.assert_allclose(found[:, 0], [energy(frame) for frame in frames], atol=1e-9)
    np.testing.assert_allclose(found[:, 1], [cv.evaluate(frame) for frame in frames], atol=1e-9)


def test_the_reference_is_of_this_system():
    assert REFERENCE["temperature"] == Ag6().temperature
    assert Ag6().states["octahedron"] == f"a < {REFERENCE['cut']}"
    assert 0 < REFERENCE["stderr_kT"] < 0.03


@pytest.mark.slow
def test_the_chain_agrees_with_the_reference(tmp_path):
    """The example as it stands, with a flow that is learned, against Monte Carlo by other code. Minutes long.

    The seed is that of the example, so that on one machine the run is always the same.

    python -m pytest -m slow -s tests/systems/test_ag6.py
    """
    assert execute(["run", str(EXAMPLE), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    (chain,), (bar,), jumps = summary["delta_f_chain"], summary["delta_f_bar"], summary["jumps"]
    known, error = REFERENCE["free_energy_octahedron_to_capped_kT"], REFERENCE["stderr_kT"]
    print(f"chain {chain}\nBAR {bar}\n{jumps}\n{summary['mode_changes']} mode changes by jumps")
    print(f"reference {known} ± {error} kT; wall time {summary['wall_s']['total']:.0f} s")
    assert (chain["from"], chain["to"]) == ("octahedron", "capped")
    for estimate in (chain, bar):
        assert estimate["stderr_kT"] <= 0.2
        assert abs(estimate["value_kT"] - known) < 3 * np.hypot(estimate["stderr_kT"], error)
    assert jumps["between_states"]["acceptance"] >= 0.15
    assert summary["mode_changes"] >= 100
    assert summary["exact"]["value"]

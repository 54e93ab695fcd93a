"""Wrong input to the batch engine: one line, exit code 2, and nothing written."""

from pathlib import Path

import pytest
import torch

import cvflow
from cvflow.cli.commands import execute
from tests import valley, wrong
from tests.run.valley_run import PROPOSAL, written

MIXTURE = {"means": [[0.0, 0.0], [4.0, 0.0]], "sigmas": [[1.0, 1.0]] * 2, "weights": [0.5, 0.5]}
Z = {"name": "z", "type": "coordinate", "index": 0}

SYSTEMS = {
    "column": "takes (8, 2) to (8, 1), not to (8,): one energy a chain",
    "summed": "takes (8, 2) to (), not to (8,)",
    "centred": "depends on the other chains in the batch",
    "from_the_first": "depends on the other chains in the batch",
    "infinite": "has the energy nan: give starts of finite energy",
    "single": "the potential fails on a batch of shape (8, 2): RuntimeError",
    "a_number": "the potential gives a float, not a torch tensor",
    "a_bug": "the potential fails on a batch of shape (8, 2): KeyError: 'force constant'",
    "other_library": "the potential's automatic derivative fails on a batch of shape (8, 2)",
    "kink": "the gradient at the start of chain 0 is not finite",
    "short_derivative": "the potential's derivative takes (8, 2) to (8, 1), not to the same shape",
    "no_derivative": "the potential's derivative gives a NoneType, not a torch tensor",
    "two_for_one": "CV z: the function takes (8, 2) to (8, 2), not to (8, 1): one value a chain and name",
    "one_for_two": "CV z, y: the function takes (8, 2) to (8,), not to (8, 2)",
    "lying": "CV z, y: the function takes (8, 2) to (2, 8), not to (8, 2)",
    "summed_cv": "CV z: the function takes (8, 2) to (), not to (8, 1)",
    "centred_cv": "CV z of a chain depends on the other chains in the batch",
    "buggy_cv": "CV z fails on a batch of shape (8, 2): IndexError",
    "twice": "the gradients of CV z, again are zero or parallel at the start of chain 0",
    "too_many": "CV z, y, both: 3 components are more than the 2 coordinates",
    "flat": "the gradients of CV z are zero or parallel at the start of chain 0",
    "kinked_cv": "the gradient of CV z is not finite at the start of chain 0",
    "undefined_cv": "CV z is not finite at the start of chain 0",
    "narrow": "at the start of chain 1 is outside its range, -1 to 3",
    "noisy": "the potential changes from one call to the next",
    "noisy_derivative": "the potential's derivative changes from one call to the next",
    "remembering": "the potential changes from one call to the next",
    "dropping_cv": "CV z changes from one call to the next",
    "leaving": "wrong.py:leaving fails: SystemExit: no licence",
    "leaving_energy": "the potential fails on a batch of shape (8, 2): SystemExit: no licence",
    "leaving_cv": "CV z fails on a batch of shape (8, 2): SystemExit: no licence",
    "leaving_starts": "rng) fails: SystemExit: no licence",
    "short_starts": "starts('left', 4, rng) gives shape (4, 3), not (4, 2)",
    "one_start": "starts('left', 4, rng) gives shape (2,), not (4, 2)",
    "worded_starts": "starts('left', 4, rng) fails: ValueError",
    "failing_starts": "starts('right', 4, rng) fails: KeyError: 'right'",
    "all_left": "lies in left",
    "not_a_number": "has the energy nan",
    "failing": "wrong.py:failing fails: KeyError: 'parameters.json'",
    "own_fault": "wrong.py:own_fault fails: TypeError",
    "cold": "kT must be positive, got -1.0",
    "one_state": "two named states",
    "unknown_state": "state right: unknown CV 'zeta'",
    "looks": "gives a Looks, not a cvflow.TorchSystem",
    "nothing_there": "has no function nothing_there",
    "PROPOSAL": "has no function PROPOSAL",
    "SYSTEM": "refuses system.parameters: missing a required argument: 'potential'",
}
"""Functions of tests/wrong.py, and what is said about them."""

CONFIGS = {
    "a CV of no gradient": (
        {"cv": [{"name": "z", "python": "wrong.py:level"}], "path": {"kernel": "restraint"}},
        "the gradients of CV z are zero or parallel",
    ),
    "a circle that begins at zero": (
        {"system": {"python": "wrong.py:unwrapped"}, "path": {"kernel": "constrained"}},
        "at the start of chain 1 is more than half a period from zero: bring the CV into [-3, 3)",
    ),
    "two CVs that are one": (
        {"cv": [Z, {"name": "a", "python": "wrong.py:own_potential"}, Z], "proposal": None},
        "two CVs have the same name: z, a, z",
    ),
    "one coordinate twice": ({"cv": [Z, Z | {"name": "y"}], "proposal": MIXTURE}, "two CVs are the same coordinate"),
    "coordinate out of range": ({"cv": [Z | {"index": 2}]}, "coordinates are counted from 0 to 1, got (2,)"),
    "coordinate without index": ({"cv": [{"name": "z", "type": "coordinate"}]}, "a coordinate needs index"),
    "an index for a function": ({"cv": [{"name": "z", "python": "a.py:b", "index": 0}]}, "'coordinate'"),
    "a period for a coordinate": ({"cv": [Z | {"period": 1.0}]}, "period and range are for CVs given by python"),
    "a range that falls": ({"cv": [{"name": "z", "python": "a.py:b", "range": [1.0, 0.0]}]}, "two rising numbers"),
    "a CV of OpenMM's": (
        {"cv": [{"name": "z", "type": "distance", "atoms": [0, 1]}]},
        "the batch engine takes type 'coordinate'",
    ),
    "a CV in no file": ({"cv": [{"name": "z", "python": "none.py:f"}]}, "none.py is not a file"),
    "a CV in no function": ({"cv": [{"name": "z", "python": "wrong.py"}]}, "not of the form"),
    "a CV that does not exist": ({"cv": [{"name": "z", "python": "wrong.py:zeta"}]}, "no function zeta"),
    "a CV with no name": ({"cv": [{"name": "2z", "type": "coordinate", "index": 0}]}, "must be a word"),
    "a CV without a type": ({"cv": [{"name": "z"}]}, "or python"),
    "a file that is not there": ({"system": {"python": "none.py:f"}}, "none.py is not a file"),
    "a file that is no Python": ({"system": {"python": "run.toml:f"}}, "no Python file"),
    "a file that fails": ({"system": {"python": "raises.py:f"}}, "fails when imported: ZeroDivisionError: division"),
    "a file that does not parse": ({"system": {"python": "broken.py:f"}}, "fails when imported: SyntaxError"),
    "unknown parameter": ({"system": {"parameters": {"wieght": 0.5}}}, "unexpected keyword argument 'wieght'"),
    "parameter of a wrong type": ({"system": {"parameters": {"weight": "half"}}}, "system.parameters.weight"),
    "name and function": ({"system": {"name": "angle"}}, "give one of name"),
    "topology of a function": ({"system": {"topology": "a.pdb"}}, "topology goes with xml; a function makes its own"),
    "starts of a function": ({"system": {"starts": {"left": "a.pdb"}}}, "system.starts is refused"),
    "a temperature": ({"engine": {"temperature": 300.0}}, "engine.temperature is refused"),
    "functions on OpenMM": ({"engine": {"name": "openmm"}}, 'runs on [engine] name = "batch", not "openmm"'),
    "a model on OpenMM": (
        {"system": {"python": None, "name": "angle"}, "engine": {"name": "openmm"}},
        'system \'angle\' runs on [engine] name = "batch", not "openmm"',
    ),
    "a molecule on the batch engine": (
        {"system": {"python": None, "name": "polymer"}},
        'system \'polymer\' runs on [engine] name = "openmm", not "batch"',
    ),
    "a serialised System on the batch engine": (
        {"system": {"python": None, "xml": "a.xml", "topology": "a.pdb"}},
        "takes no molecules",
    ),
    "unknown built-in": ({"system": {"python": None, "name": "tunnel"}}, "built in are polymer, alanine_dipeptide"),
    "unknown parameter of a built-in": (
        {"system": {"python": None, "name": "phi4", "parameters": {"kT": 1.0}}},
        "unknown key system.parameters.kT; phi4 has n, a, h, beta",
    ),
    "parameter out of range": (
        {"system": {"python": None, "name": "phi4", "parameters": {"n": 1}}},
        "phi4 needs n >= 2, got 1",
    ),
    "platform": ({"engine": {"platform": "CPU"}}, "platform is OpenMM's word"),
    "compile on OpenMM": ({"engine": {"name": "openmm", "compile": True}}, "compile is the batch engine's word"),
    "precision": ({"engine": {"precision": "half"}}, "one of float32, float64, got 'half'"),
    "only double": (
        {"engine": {"precision": "float32"}, "system": {"python": "wrong.py:only_double"}},
        "the potential fails on a batch of shape (8, 2): RuntimeError: expected m1 and m2 to have the same dtype",
    ),
    "device": ({"engine": {"device": "abacus"}}, "engine.device = 'abacus' cannot be used here"),
    "a device without numbers": ({"engine": {"device": "meta"}}, "engine.device = 'meta' cannot be used here"),
    "no cores": ({"engine": {"threads": 0}}, "engine.threads"),
    "wide proposal": ({"proposal": MIXTURE}, "proposal.means has 2 columns for 1 CVs: z"),
    "ragged proposal": ({"proposal": {"means": [[0.0], [4.0, 1.0]]}}, "proposal.means has 2 columns for 1 CVs: z"),
    "ragged widths": ({"proposal": {"sigmas": [[1.0], [1.0, 1.0]]}}, "proposal.sigmas has 2 columns for 1 CVs: z"),
    "proposal of unlike lengths": ({"proposal": {"sigmas": [[1.0]]}}, "one weight a component"),
    "weights": ({"proposal": {"weights": [0.5, 0.6]}}, "add up to 1"),
    "a width of zero": ({"proposal": {"sigmas": [[1.0], [0.0]]}}, "proposal.sigmas.1.0"),
    "proposal and flow": ({"flow": {}}, "not both"),
    "a flow without bins": ({"proposal": None, "flow": {"bins": 1}}, "flow.bins"),
    "a flow without layers": ({"proposal": None, "flow": {"hidden": []}}, "flow.hidden"),
    "a flow of negative width": ({"proposal": None, "flow": {"hidden": [32, -1]}}, "flow.hidden.1"),
    "a mixture wider than the circle": (
        {"system": {"python": "wrong.py:circle"}, "proposal": {"sigmas": [[1.0], [4.0]]}},
        "at most 0.4 of the period",
    ),
    "langevin with a nonlinear CV": (
        {"system": {"python": "wrong.py:bent"}},
        "path.kernel = 'langevin' needs a CV that is some of the coordinates",
    ),
    "none with a nonlinear CV": ({"system": {"python": "wrong.py:bent"}, "path": {"kernel": "none"}}, "'none' needs"),
    "masses that mix": ({"system": {"python": "wrong.py:heavy"}}, "equal masses"),
    "kappa without a restraint": ({"path": {"kappa": 3.0}}, "kernel 'langevin' has no restraint"),
    "kappas for other CVs": (
        {"path": {"kernel": "restraint", "kappa": [1.0, 2.0]}},
        "path.kappa has 2 numbers for 1 CVs",
    ),
    "unknown kernel": ({"path": {"kernel": "leapfrog"}}, "path.kernel"),
    "unknown local move": ({"run": {"local": "gibbs"}}, "run.local"),
    "local steps below zero": ({"run": {"local_steps": -1}}, "run.local_steps"),
    "local time step of zero": ({"run": {"local_timestep": 0.0}}, "run.local_timestep"),
    "one walker": ({"run": {"walkers": 1}}, "run.walkers = 1: one walker starts in one state"),
    "state of an unknown CV": ({"states": {"left": "x < 0", "right": "x > 0"}}, "unknown CV 'x'"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's files; the config is written anew for each fault."""
    made = tmp_path_factory.mktemp("misuse")
    (made / "wrong.py").write_text(Path(wrong.__file__).read_text())
    (made / "raises.py").write_text("1 / 0\n")
    (made / "broken.py").write_text("def f(:\n")
    return made


def says(folder, capsys, *arguments, **sections):
    """The one line that a fault makes `cvflow run` say; checks that it is one, and that nothing was written."""
    written(folder, **sections)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert execute(["run", str(folder / "run.toml"), "--out", str(folder / "out"), *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    return printed.err


@pytest.mark.parametrize("name", SYSTEMS)
def test_faults_in_the_users_functions(name, folder, capsys):
    path = {"kernel": "constrained", "timestep": 0.1}
    sections = {"system": {"python": f"wrong.py:{name}"}, "path": path, "proposal": None}
    assert SYSTEMS[name] in says(folder, capsys, **sections)


@pytest.mark.parametrize("what", CONFIGS)
def test_faults_in_the_config(what, folder, capsys):
    sections, mend = CONFIGS[what]
    assert mend in says(folder, capsys, **sections)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(folder, capsys):
    assert "engine.device = 'cuda' cannot be used here" in says(folder, capsys, engine={"device": "cuda"})


def test_compiling_without_a_compiler(folder, capsys, monkeypatch):
    monkeypatch.setattr("cvflow.setup.batch.chains.compiler_available", lambda: False)
    assert "engine.compile = true needs a C++ compiler" in says(folder, capsys, engine={"compile": True})


def test_several_processes(folder, capsys):
    found = says(folder, capsys, "--workers", "2")
    assert "--workers 2: the batch engine is one process; set engine.threads" in found


def test_misuse_from_python(tmp_path):
    """The same lines, as exceptions."""
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="cvs and starts are for molecules"):
        cvflow.sample(valley.valley(), starts={"left": "a.pdb"}, out=out)
    with pytest.raises(ValueError, match="one energy a chain"):
        cvflow.sample(wrong.summed(), out=out, walkers=4, proposal=PROPOSAL, path={"kernel": "langevin"})
    with pytest.raises(ValueError, match="did you mean walkers"):
        cvflow.sample(valley.valley(), out=out, walker=4)
    with pytest.raises(ValueError, match="the batch engine is one process"):
        cvflow.sample(valley.valley(), out=out, walkers=4, workers=3, proposal=PROPOSAL)
    assert not out.exists()


@pytest.mark.parametrize("wrong_values", [{"kT": 0.0}, {"masses": -1.0}, {"masses": (1.0, 1.0, 1.0)}])
def test_systems_out_of_range_raise(wrong_values):
    system = valley.valley()
    parts = {"potential": system.potential, "cv": system.cv, "states": system.states, "starts": system.starts}
    with pytest.raises(ValueError, match="must be positive"):
        cvflow.TorchSystem(**parts | wrong_values)

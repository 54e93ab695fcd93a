"""OpenMM Systems that a user's function makes in each process: from a config, and from Python."""

import re

import openmm
import pytest
import tomli_w
from openmm import app

import cvflow
from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, parse
from cvflow.setup import from_config, from_objects
from cvflow.store import read_record

FILE = '''
import numpy as np
import openmm
from openmm import app


def pair(depth=30.0):
    """Two atoms in a double well of their distance, as a function of Python's."""
    system, topology = openmm.System(), app.Topology()
    residue = topology.addResidue("UNK", topology.addChain())
    for name in ("A", "B"):
        system.addParticle(20.0)
        topology.addAtom(name, app.element.neon, residue)

    def well(state):
        x = state.getPositions(asNumpy=True)._value
        apart = x[1] - x[0]
        r = np.linalg.norm(apart)
        u = (r - 0.5) / 0.1
        slope = depth * 4 * u * (u**2 - 1) / 0.1
        return depth * (u**2 - 1) ** 2, np.array([slope * apart / r, -slope * apart / r])

    system.addForce(openmm.PythonForce(well))
    return topology, system


def simulation():
    topology, system = pair()
    return app.Simulation(topology, system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))


def turned():
    topology, system = pair()
    return system, topology


def fewer():
    topology, system = pair()
    system.addParticle(1.0)
    return topology, system


def number():
    return 3


def atoms():
    import ase
    return ase.Atoms("He")


CALLS = []


def changing():
    CALLS.append(1)
    return pair(10.0 * len(CALLS))


def failing():
    raise RuntimeError("no licence")
'''

STATES = {"near": "r < 0.5", "far": "r >= 0.5"}
RUN = {"walkers": 2, "adapt_jumps": 4, "adapt_limit": 1, "jumps": 6, "local_steps": 20, "seed": 4}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "wells.py").write_text(FILE)
    for name, r in (("near", 4.1), ("far", 5.9)):
        (tmp_path / f"{name}.xyz").write_text(f"2\n\nNe 0 0 0\nNe {r} 0 0\n")
    return tmp_path


def values(function="pair", **system):
    return {
        "run": RUN,
        "engine": {"temperature": 300.0, "platform": "Reference"},
        "system": {"python": f"wells.py:{function}", "starts": {"near": "near.xyz", "far": "far.xyz"}} | system,
        "cv": [{"name": "r", "type": "distance", "atoms": [0, 1]}],
        "states": STATES,
        "path": {"steps": 50, "timestep": 0.002},
    }


def build(folder, function="pair", **system):
    return from_config(parse(values(function, **system), "a test"), folder)


def chain(folder):
    turns = read_record(folder / "run.h5").turns
    return {name: turns[name].tobytes() for name in turns.dtype.names if "seconds" not in name}


def run(folder, out, jumps):
    text = tomli_w.dumps(values() | {"run": RUN | {"jumps": jumps}})
    (folder / "run.toml").write_text(text)
    return execute(["run", str(folder / "run.toml"), "--out", str(out), "--quiet"])


def test_a_run_goes_on_with_the_function_and_stores_no_code(folder, capsys):
    assert run(folder, folder / "whole", 6) == 0
    assert run(folder, folder / "out", 3) == 0
    assert not (folder / "out" / "system.xml").exists()
    assert execute(["resume", str(folder / "out"), "--jumps", "6", "--quiet"]) == 0
    assert chain(folder / "out") == chain(folder / "whole")
    (folder / "wells.py").write_text(FILE.replace("depth=30.0", "depth=20.0"))
    capsys.readouterr()
    assert execute(["resume", str(folder / "out"), "--jumps", "8", "--quiet"]) == 2
    assert "wells.py has changed since the run began" in capsys.readouterr().err


def test_the_function_is_given_its_parameters(folder):
    """In the engine of the run, too."""
    energies = []
    for depth in (30.0, 15.0):
        setup = build(folder, parameters={"depth": depth})
        engine = setup.walkers.spec(setup).build()
        frame = setup.walkers.starts[0]._replace(positions=setup.walkers.starts[0].positions * 45 / 41)
        energies.append(engine.potential_energy(frame))
    assert energies == pytest.approx([30.0 * 0.5625, 15.0 * 0.5625])
    assert setup.exactness.value


@pytest.mark.parametrize("function", ["simulation", "turned"])
def test_it_may_give_a_simulation_or_the_pair_the_other_way_round(folder, function):
    setup = build(folder, function)
    assert [atom.name for atom in setup.topology.atoms()] == ["A", "B"]


MISUSE = {
    "number": "gives a int: on OpenMM it has to give an app.Topology and an openmm.System",
    "atoms": 'an ase.Atoms runs on [engine] name = "ase", not "openmm"',
    "fewer": "its topology has 2 atoms and its system 3",
    "failing": "fails: RuntimeError: no licence",
    "nothing": "has no function nothing",
    "changing": "made twice, is",
}


@pytest.mark.parametrize("function", MISUSE)
def test_misuse_is_one_line(folder, function):
    if function == "atoms":
        pytest.importorskip("ase")
    with pytest.raises(ConfigError, match=re.escape(MISUSE[function])) as refused:
        build(folder, function)
    assert "\n" not in str(refused.value)


def test_words_of_others_are_refused(folder):
    for word, value in (("hydrogen_mass", 4.0), ("constraints", "h-bonds"), ("forcefield", ["amber14-all.xml"])):
        with pytest.raises(ConfigError, match=f"{word} goes with .*; a function makes its own"):
            build(folder, **{word: value})
    with pytest.raises(ConfigError, match="depht"):
        build(folder, parameters={"depht": 3.0})


SCRIPT = '''
import cvflow
from wells import pair

if __name__ == "__main__":
    system = cvflow.openmm_system(pair, temperature=300, parameters={"depth": 30.0})
    cvflow.sample(
        system, [cvflow.cv.distance("r", 0, 1)], {"near": "r < 0.5", "far": "r >= 0.5"},
        {"near": "near.xyz", "far": "far.xyz"}, out="scripted", quiet=True, walkers=2, adapt_jumps=4, adapt_limit=1,
        jumps=6, local_steps=20, seed=4, path={"steps": 50, "timestep": 0.002}, engine={"platform": "Reference"},
    )
'''


def test_python_gives_the_function_itself(folder):
    """The same chain as from a config."""
    import subprocess
    import sys

    (folder / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert run(folder, folder / "out", 6) == 0
    assert chain(folder / "scripted") == chain(folder / "out")


def topology_and_system():
    system, topology = openmm.System(), app.Topology()
    residue = topology.addResidue("UNK", topology.addChain())
    for name in ("A", "B"):
        system.addParticle(20.0)
        topology.addAtom(name, app.element.neon, residue)
    well = openmm.CustomBondForce("30*(((r-0.5)/0.1)^2-1)^2")
    well.addBond(0, 1, [])
    system.addForce(well)
    return topology, system


def test_a_simulation_brings_its_system_and_its_thermostat_s_temperature():
    topology, system = topology_and_system()
    simulation = app.Simulation(topology, system, openmm.LangevinMiddleIntegrator(310, 1, 0.001))
    given = cvflow.openmm_system(simulation)
    assert given.temperature == 310
    assert given.topology is topology
    assert cvflow.openmm_system(simulation, temperature=300).temperature == 300
    simulation = app.Simulation(topology, system, openmm.VerletIntegrator(0.001))
    with pytest.raises(ValueError, match="temperature must be a positive number"):
        cvflow.openmm_system(simulation)
    with pytest.raises(ValueError, match="a Simulation has its System already"):
        cvflow.openmm_system(simulation, system, 300)
    simulation.context.setPositions([[0, 0, 0], [0.4, 0, 0]])
    setup = from_objects(
        cvflow.openmm_system(simulation, temperature=300),
        {"states": STATES, "run": {"walkers": 2}},
        [cvflow.cv.distance("r", 0, 1)],
        {"near": simulation, "far": [[0, 0, 0], [0.6, 0, 0]]},
    )
    assert setup.walkers.starts[0].positions[1, 0] == pytest.approx(0.4)


def test_a_modeller_brings_its_topology():
    from cvflow.systems.peptide import alanine_dipeptide_positions, alanine_dipeptide_topology

    modeller = app.Modeller(alanine_dipeptide_topology(), alanine_dipeptide_positions(-1.4, 1.0))
    given = cvflow.openmm_system(modeller, app.ForceField("amber14-all.xml"), 300)
    assert given.topology.getNumAtoms() == 22
    assert given.system.getNumParticles() == 22
    with pytest.raises(ValueError, match="got Modeller and NoneType"):
        cvflow.openmm_system(modeller)


def test_what_goes_with_a_function_and_what_does_not():
    topology, system = topology_and_system()
    with pytest.raises(ValueError, match="parameters go to a function"):
        cvflow.openmm_system(topology, system, 300, parameters={"depth": 1})
    with pytest.raises(ValueError, match="got str and System"):
        cvflow.openmm_system("wells.py:pair", system, 300)
    with pytest.raises(ValueError, match="a function makes its own masses"):
        cvflow.openmm_system("wells.py:pair", temperature=300, hydrogen_mass=4)
    with pytest.raises(ValueError, match=r"wells\.py is not a file"):
        cvflow.openmm_system("wells.py:pair", temperature=300)
    with pytest.raises(ValueError, match="not at the top level of a file"):
        cvflow.openmm_system(lambda: None, temperature=300)

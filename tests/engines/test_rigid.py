"""Rigid bonds, virtual sites and frozen atoms in OpenMM's paths; their exactness: test_rigid_stationarity.py."""

from dataclasses import replace

import numpy as np
import openmm
import pytest

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.core.schedule import Linear
from cvflow.core.states import States
from cvflow.core.walls import wall
from cvflow.cv import distance, torsion
from cvflow.doctor.verify import rigid_chain, rigid_water
from cvflow.doctor.verify.rigid_chain import SOFT_CHAIN, STIFF_CHAIN
from cvflow.engines.external import rigid as projection
from cvflow.engines.motion import BlownUpError, Course
from cvflow.engines.openmm import OpenMMSpec, put_right, rigid_parts
from cvflow.engines.openmm.integrator import SteeredRattle, SteeredVerlet
from cvflow.engines.openmm.rigid import LARGEST_SHIFT, RigidParts
from cvflow.sampler.local import HybridMonteCarlo, UnadjustedLangevin
from cvflow.sampler.walkers.process import equilibrate
from tests.engines.external import butane
from tests.engines.opencl import needs_opencl
from tests.engines.test_verlet import UNDECIDED, Scripted, noted
from tests.engines.waters import cluster

FINE = 1e-10
PHI = torsion("phi", 0, 1, 2, 3)
IN_DOUBLE = ["Reference", "CPU"]
"""Where positions are: OpenCL's solver for nets of bonds leaves some steps short of the tolerance, which then fail."""

PLATFORMS = ["Reference", "CPU", pytest.param("OpenCL", marks=needs_opencl)]
MIXED = (("Precision", "mixed"),)


def spec(system, cvs, timestep=0.002, platform="Reference", **settings) -> OpenMMSpec:
    properties = MIXED if platform == "OpenCL" else ()
    xml = openmm.XmlSerializer.serialize(system)
    return OpenMMSpec(xml, tuple(cvs), butane.KT, timestep, platform=platform, properties=properties, **settings)


def chain(**settings):
    """An engine of the chain with rigid bonds, and a frame."""
    place = Frame(STIFF_CHAIN.exact_draws(1, np.random.default_rng(3))[0], None)
    settings = {"timestep": 0.004, "constraint_tolerance": FINE} | settings
    made = spec(STIFF_CHAIN.system(), [PHI], **settings)
    return made.build(), put_right(STIFF_CHAIN.system(), place, made.constraint_tolerance)


OXYGENS = (distance("d", 0, 4),)


def water(model, cvs=OXYGENS, rigid=True, **settings):
    """An engine of three molecules, and a frame."""
    system, x = cluster(model, rigid)
    made = spec(system, cvs, **({"constraint_tolerance": FINE} | settings))
    at_rest = replace(made, platform="Reference", properties=()).build()
    return made.build(), at_rest.relaxed(put_right(system, Frame(x, None), made.constraint_tolerance))


def there_and_back(engine, start, way, kappa, steps=60):
    """A path, and the path from its end with the velocities turned round."""
    seen, a = noted(engine), engine.cv_values(start)
    there = engine.steer(start, Steering(a, a + way, np.array([kappa]), steps), np.random.default_rng(1))
    back = engine.steer(there.frame, Steering(a + way, a, np.array([kappa]), steps), as_noise(engine, -seen[-1]))
    return there, back


def as_noise(engine, *velocities):
    speeds = engine._speeds * np.ones(3)
    return Scripted(*(np.divide(v, speeds, out=np.zeros_like(v), where=speeds > 0) for v in velocities))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("what", ["chain", "triangle"])
def test_velocities_are_projected_in_the_metric_of_the_masses(platform, what):
    """Of Maxwell velocities that makes those of the rigid system; another metric would not."""
    target, system, masses = {
        "chain": (STIFF_CHAIN, STIFF_CHAIN.system(), rigid_chain.CHAIN_MASSES),
        "triangle": (rigid_water, rigid_water.system(), rigid_water.WATER_MASSES),
    }[what]
    engine = spec(system, [distance("d", 0, 1)], platform=platform).build()
    pairs, rng = rigid_parts(system).pairs, np.random.default_rng(2)
    for x in target.exact_draws(3, rng):
        engine._context.place(Frame(x, None))
        velocities = rng.standard_normal(x.shape)
        kept = engine._context.tangential(velocities)
        box = 100.0 * np.eye(3)
        right = projection.tangential(velocities, x, box, np.array(masses), pairs)
        wrong = projection.tangential(velocities, x, box, np.ones(len(masses)), pairs)
        np.testing.assert_allclose(kept, right, atol=1e-5)
        assert np.abs(kept - wrong).max() > 0.01


@pytest.mark.parametrize("friction", [0.0, 2.0])
def test_a_path_with_rigid_bonds_backwards_has_minus_the_work(friction):
    """With friction, the noise of the way back is made from the velocities around each refreshment."""
    engine, start = chain(friction=friction)
    steps, seen, a = 90, noted(engine), engine.cv_values(start)
    order, rng = Steering(a, a + 1.0, np.array([60.0]), steps), np.random.default_rng(1)
    there = engine._path(start, order, friction, rng, None, watched=False)
    _, *refreshed, last = seen
    pairs = [(refreshed[i + 1], refreshed[i]) for i in range(0, len(refreshed), 2)]
    assert len(pairs) == (2 if friction else 0)
    decay = np.exp(-friction * 0.004 * 25)
    noises = [(-before + decay * after) / np.sqrt(1 - decay**2) for before, after in reversed(pairs)]
    back = engine.steer(there.frame, Steering(a + 1.0, a, np.array([60.0]), steps), as_noise(engine, -last, *noises))
    np.testing.assert_allclose(back.frame.positions, start.positions, atol=1e-8)
    assert back.work == pytest.approx(-there.work, abs=1e-6)
    assert back.protocol_work == pytest.approx(-there.protocol_work, abs=1e-6)
    assert back.heat == pytest.approx(-there.heat, abs=1e-6)
    assert abs(there.shadow_work) > 1e-3
    assert (abs(there.heat) > 0.01) == (friction > 0)


@pytest.mark.parametrize("platform", IN_DOUBLE)
def test_velocities_are_tangential_wherever_they_are_looked_at(platform):
    """At the start, at a look, before and after a refreshment, at the end: no bond is stretched or pressed."""
    engine, start = chain(platform=platform, constraint_tolerance=1e-6)
    rng, a = np.random.default_rng(5), engine.cv_values(start)
    drawn = engine._maxwell(rng)
    course = Course(Steering(a, a + 0.5, np.array([60.0]), 40), np.array([0.5]), np.array([2 * np.pi]), Linear())
    motion = engine._begin(start, drawn, course)
    found = {"start": (start.positions, motion.before.velocities)}
    motion.advance(20)
    here = engine._context.frame(motion._state(), start).positions
    found["look"] = here, motion.instant().velocities
    found["before"], found["after"] = ((here, v) for v in motion.refresh(lambda v: 0.6 * v + 0.8 * drawn))
    motion.advance(20)
    end = motion.end()
    found["end"] = end.frame.positions, end.instant.velocities
    for where, (x, velocities) in found.items():
        stretched = (np.diff(x, axis=0) * np.diff(velocities, axis=0)).sum(axis=1) / butane.LENGTH
        assert np.abs(stretched).max() < 1e-4, where
        assert np.abs(velocities).max() > 0.5, where
    bonds = np.diff(start.positions, axis=0)
    assert np.abs((bonds * np.diff(drawn, axis=0)).sum(axis=1) / butane.LENGTH).max() > 0.1


def test_to_look_at_a_path_changes_nothing():
    engine, start = chain()
    a = engine.cv_values(start)
    order = Steering(a, a - 0.5, np.array([60.0]), 60)
    plain = engine.steer(start, order, np.random.default_rng(5))
    seen = engine.steer(start, order, np.random.default_rng(5), UNDECIDED)
    assert seen.outcome is plain.outcome is Outcome.COMPLETED
    assert seen.work == pytest.approx(plain.work, abs=1e-7)
    assert np.isfinite(seen.interim).all()


@pytest.mark.parametrize("platform", IN_DOUBLE)
def test_the_tolerance_that_runs_have_is_enough_for_the_way_back(platform):
    engine, start = chain(platform=platform, constraint_tolerance=1e-6, timestep=0.008)
    there, back = there_and_back(engine, start, 1.0, 60.0, 40)
    assert back.work == pytest.approx(-there.work, abs=2e-3)
    assert abs(there.shadow_work) > 0.02


def test_bonds_keep_their_lengths_to_the_tolerance():
    engine, start = chain(constraint_tolerance=1e-6)
    a = engine.cv_values(start)
    for path in (
        engine.steer(start, Steering(a, a + 1.0, np.array([60.0]), 50), np.random.default_rng(6)),
        engine.free_path(start, 50, 1.0, np.random.default_rng(7)),
    ):
        assert path.outcome is Outcome.COMPLETED
        off = rigid_parts(STIFF_CHAIN.system()).off(path.frame.positions)
        assert np.abs(off).max() < 2e-6 * butane.LENGTH
    relaxed = engine.relaxed(start)
    assert engine.potential_energy(relaxed) < engine.potential_energy(start)
    assert np.abs(rigid_parts(STIFF_CHAIN.system()).off(relaxed.positions)).max() < 2e-6 * butane.LENGTH


def test_a_start_off_the_bonds_lengths_is_a_failed_path():
    """As is an end: both are looked at alike, or a path could be accepted whose reverse is refused."""
    engine, start = chain()
    longer = start._replace(positions=start.positions * (1 + 2e-4))
    path = engine.free_path(longer, 5, 0.0, np.random.default_rng(0))
    assert path.outcome is Outcome.UNCONVERGED
    assert path.frame is longer
    engine._context.context.applyConstraints = lambda tolerance: None
    motion_end = engine._context.frame
    engine._context.frame = lambda state, like: motion_end(state, like)._replace(positions=longer.positions)
    assert engine.free_path(start, 5, 0.0, np.random.default_rng(0)).outcome is Outcome.UNCONVERGED


def test_a_bond_that_turns_too_far_in_a_step_is_a_failed_path_both_ways():
    """The same atom moves as far on the way back."""
    engine = spec(free_rotor(), [distance("d", 0, 1)], timestep=0.03, constraint_tolerance=FINE).build()
    pair, seen = Frame(np.array([[0.0, 0.0, 0.0], [butane.LENGTH, 0.0, 0.0]]), None), noted(engine)
    limit = LARGEST_SHIFT * butane.LENGTH / 0.03
    across = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    below, above = (engine.free_path(pair, 1, 0.0, as_noise(engine, f * limit * across)) for f in (0.95, 1.05))
    assert (below.outcome, above.outcome) == (Outcome.COMPLETED, Outcome.UNCONVERGED)
    back = engine.free_path(below.frame, 1, 0.0, as_noise(engine, -seen[1]))
    assert back.outcome is Outcome.COMPLETED
    np.testing.assert_allclose(back.frame.positions, pair.positions, atol=1e-9)


@pytest.mark.parametrize("platform", IN_DOUBLE)
@pytest.mark.parametrize("turned", [0, 5, 11])
def test_one_step_in_which_a_bond_turns_too_far_is_enough(platform, turned):
    """Whichever it is: the pair is still but for a gust that takes it at a step, and is still again."""
    settings = {"platform": platform, "timestep": 0.03, "constraint_tolerance": FINE}
    engine = spec(free_rotor(), [distance("d", 0, 1)], **settings).build()
    still = Frame(np.array([[0.0, 0.0, 0.0], [butane.LENGTH, 0.0, 0.0]]), None)
    gust = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]) * LARGEST_SHIFT * butane.LENGTH / 0.03

    def outcome(strength):
        course = Course(Steering(np.zeros(1), np.zeros(1), np.zeros(1), 12), np.zeros(1), np.array([np.inf]), Linear())
        motion = engine._begin(still, np.zeros((2, 3)), course)
        for step in range(12):
            if step == turned:
                motion.refresh(lambda velocities: strength * gust)
            motion.advance(1)
            if step == turned and np.isfinite(motion.instant().velocities).all():
                motion.refresh(lambda velocities: 0 * velocities)
        return motion.end()

    assert np.isfinite(outcome(0.9).instant.energy)
    with pytest.raises(BlownUpError):
        outcome(1.1)


def test_a_path_has_a_way_back_however_strong_the_force_along_a_bond():
    """Kicks are projected: without, the solver would find the other end of a bond, or not, by the step before."""
    pull, push = openmm.CustomBondForce("strength*r"), openmm.CustomExternalForce("-1500*y")
    mass = 12.0 / 13.0
    pull.addGlobalParameter("strength", 1.02 * 0.1 * mass / 0.002**2)
    pull.addBond(0, 1)
    push.addParticle(1)
    system = openmm.System()
    for each in (12.0, 1.0):
        system.addParticle(each)
    system.addConstraint(0, 1, 0.1)
    system.addForce(pull)
    system.addForce(push)
    engine = spec(system, [distance("d", 0, 1)], constraint_tolerance=1e-8).build()
    rng, seen, came_back = np.random.default_rng(0), noted(engine), 0
    for _ in range(400):
        along = rng.standard_normal(3)
        start = Frame(np.array([np.zeros(3), 0.1 * along / np.linalg.norm(along)]), None)
        there = engine.free_path(start, 6, 0.0, as_noise(engine, 4 * engine._speeds * rng.standard_normal((2, 3))))
        if there.outcome is not Outcome.COMPLETED:
            continue
        back = engine.free_path(there.frame, 6, 0.0, as_noise(engine, -seen[-1]))
        assert back.outcome is Outcome.COMPLETED
        assert np.abs(back.frame.positions - start.positions).max() < 1e-6
        came_back += 1
    assert 200 < came_back < 400


def test_a_net_of_bonds_whose_solver_finds_no_way_back_is_a_failed_path():
    """OpenMM's solver for such nets goes by the angles of the force field, and these are far from them.

    Where a path comes back, it is refused if and only if its reverse is.
    """
    made = spec(SOFT_CHAIN.system(), [PHI], timestep=0.004)
    watchful, blind, rng = made.build(), made.build(), np.random.default_rng(1)
    blind._context.check_turns = lambda velocities: None
    seen, lost, refused = noted(blind), 0, 0
    for x in SOFT_CHAIN.exact_draws(500, rng):
        start, noise = Frame(x, None), rng.standard_normal((4, 3))
        there = blind.free_path(start, 20, 0.0, Scripted(noise))
        if there.outcome is not Outcome.COMPLETED:
            continue
        turned = -seen[-1]
        back = blind.free_path(there.frame, 20, 0.0, as_noise(blind, turned))
        outcome = watchful.free_path(start, 20, 0.0, Scripted(noise)).outcome
        if back.outcome is Outcome.COMPLETED and np.abs(back.frame.positions - x).max() < 2e-4:
            assert watchful.free_path(there.frame, 20, 0.0, as_noise(watchful, turned)).outcome is outcome
            refused += outcome is not Outcome.COMPLETED
        else:
            assert outcome is Outcome.UNCONVERGED
            lost += 1
    assert lost >= 1
    assert refused < 10


NETS = {
    "none": ([], False),
    "a bond": ([(0, 1)], False),
    "a methyl group": ([(0, 1), (0, 2), (3, 0)], False),
    "water": ([(0, 1), (0, 2), (1, 2)], False),
    "two waters": ([(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5)], False),
    "a chain": ([(0, 1), (1, 2), (2, 3)], True),
    "a ring": ([(0, 1), (1, 2), (2, 3), (3, 0)], True),
    "water and a chain": ([(0, 1), (0, 2), (1, 2), (3, 4), (4, 5), (5, 6)], True),
}


@pytest.mark.parametrize("what", NETS)
def test_nets_of_bonds_are_told_from_stars_and_triangles(what):
    pairs, coupled = NETS[what]
    assert (
        RigidParts(np.array(pairs, dtype=int).reshape(-1, 2), np.ones(len(pairs)), np.zeros(8, bool)).coupled == coupled
    )


def free_rotor():
    system = openmm.System()
    for _ in range(2):
        system.addParticle(3.0)
    system.addConstraint(0, 1, butane.LENGTH)
    return system


def test_systems_without_rigid_parts_keep_the_plain_steps():
    """And all their chains, bit by bit."""
    plain, _ = cluster("tip3p", rigid=False)
    engine = spec(plain, [distance("d", 0, 3)]).build()
    assert isinstance(engine._context.integrator, SteeredVerlet)
    for rigid in (cluster("tip3p")[0], cluster("tip4pew", rigid=False)[0]):
        assert isinstance(spec(rigid, [distance("d", 0, 4)]).build()._context.integrator, SteeredRattle)


@pytest.mark.parametrize("rigid", [True, False], ids=["rigid", "flexible"])
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("model", ["tip4pew", "tip5p"])
def test_forces_on_virtual_sites_go_to_their_atoms(model, platform, rigid):
    """Forces are minus the gradient by the atoms, the sites following them."""
    engine, frame = water(model, rigid=rigid, platform=platform, constraint_tolerance=1e-6)
    forces, step = engine.forces(frame), 1e-4 if platform == "Reference" else 1e-3
    for atom, axis in ((0, 0), (1, 1), (2, 2)):
        shift = np.zeros_like(frame.positions)
        shift[atom, axis] = step
        up, down = (engine.potential_energy(frame._replace(positions=frame.positions + s * shift)) for s in (1, -1))
        tolerance = 1e-2 if platform == "Reference" else 5.0
        assert forces[atom, axis] == pytest.approx(-(up - down) / (2 * step), abs=tolerance)


@pytest.mark.parametrize("rigid", [True, False], ids=["rigid", "flexible"])
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("model", ["tip3p", "tip4pew", "tip5p"])
def test_water_reads_backwards(model, platform, rigid):
    """With forces of sites that are a step behind it would not, nor would its energy be kept."""
    fine = FINE if platform == "Reference" else 1e-6
    settings = {"platform": platform, "constraint_tolerance": fine, "timestep": 0.002 if rigid else 0.0005}
    engine, start = water(model, cvs=(distance("d", 0, len(cluster(model)[1]) // 3),), rigid=rigid, **settings)
    there, back = there_and_back(engine, start, 0.05, 2000.0)
    assert there.outcome is back.outcome is Outcome.COMPLETED
    assert back.work == pytest.approx(-there.work, abs=1e-6 if platform == "Reference" else 4e-3)
    assert 1e-4 < abs(there.shadow_work) < 0.5


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_site_is_where_its_atoms_put_it(platform):
    """In the frames that paths end with, and wherever a frame is placed."""
    engine, start = water("tip4pew", platform=platform, constraint_tolerance=1e-6)
    path = engine.free_path(start, 20, 0.0, np.random.default_rng(1))
    system, _ = cluster("tip4pew")
    placed = put_right(system, path.frame, 1e-6)
    np.testing.assert_allclose(path.frame.positions, placed.positions, atol=2e-6)
    astray = path.frame._replace(positions=path.frame.positions.copy())
    astray.positions[3] += 0.05
    assert engine.potential_energy(astray) == pytest.approx(engine.potential_energy(path.frame), abs=1e-3)


def test_a_cv_may_read_a_virtual_site():
    """It pulls on the atoms that place the site; its value is that of the frame."""
    site = distance("m", 3, 7)
    engine, start = water("tip4pew", cvs=(site,))
    there, back = there_and_back(engine, start, 0.05, 2000.0)
    assert back.work == pytest.approx(-there.work, abs=1e-6)
    assert there.cv == pytest.approx(np.linalg.norm(there.frame.positions[7] - there.frame.positions[3]), abs=1e-12)
    assert abs(there.protocol_work) > 0.01
    engine._put(start, there.cv, np.array([2000.0]))
    held = engine._context.context.getState(getEnergy=True).getPotentialEnergy()._value
    wanted = engine.potential_energy(start) + 1000.0 * float((engine.cv_values(start) - there.cv)[0]) ** 2
    assert held == pytest.approx(wanted, abs=1e-8)


def test_frozen_atoms_stay_beside_rigid_ones():
    system, x = cluster("tip4pew")
    for atom in (0, 1, 2):
        system.setParticleMass(atom, 0.0)
    engine = spec(system, [distance("d", 0, 4)], constraint_tolerance=FINE).build()
    start = put_right(system, Frame(x, None), FINE)
    there, back = there_and_back(engine, start, 0.05, 2000.0)
    np.testing.assert_array_equal(there.frame.positions[:3], start.positions[:3])
    assert (there.frame.positions[4:] != start.positions[4:]).all()
    assert back.work == pytest.approx(-there.work, abs=1e-6)


def test_a_constraint_of_a_frozen_and_a_moving_atom_is_refused_in_openmm_s_words():
    system, _ = cluster("tip3p")
    system.setParticleMass(0, 0.0)
    with pytest.raises(ValueError, match="A constraint cannot involve a massless particle") as error:
        spec(system, [distance("d", 0, 3)]).build()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("tolerance", [0.0, 2e-5])
def test_a_tolerance_that_the_way_back_cannot_have_is_refused(tolerance):
    with pytest.raises(ValueError, match=r"engine\.constraint_tolerance"):
        spec(free_rotor(), [distance("d", 0, 1)], constraint_tolerance=tolerance).build()


def test_a_wall_leaves_the_protocol_work_of_a_path_as_it_is():
    """The restraints' force group is that of the restraints, whatever other forces there are."""
    ends = (distance("d", 0, 3),)
    works = []
    for walls in ((), (wall("d", upper=50.0, kappa=10.0),)):
        engine = spec(STIFF_CHAIN.system(), ends, 0.001, walls=walls).build()
        place = Frame(STIFF_CHAIN.exact_draws(1, np.random.default_rng(3))[0], None)
        start = put_right(STIFF_CHAIN.system(), place, FINE)
        here = engine.cv_values(start)
        path = engine.steer(start, Steering(here, here + 0.02, np.array([3000.0]), 50), np.random.default_rng(1))
        works.append((path.work, path.protocol_work))
    assert works[0][1] == pytest.approx(works[0][0], abs=0.05)
    assert works[1] == pytest.approx(works[0], abs=1e-9)


def test_a_start_that_never_moves_ends_its_equilibration():
    """Off its bonds' lengths, and its minimum in another state: no path from it begins."""
    engine, right = chain()
    off = right._replace(positions=np.round(right.positions, 4))
    phi = engine.cv_values(off)[0]
    states = States({"home": f"{phi - 1e-6} < phi < {phi + 1e-6}", "away": "phi < 9"}, ("phi",))
    made = spec(STIFF_CHAIN.system(), [PHI], 0.004, constraint_tolerance=FINE)
    with pytest.raises(ArithmeticError, match="walker 0 does not move: constraint not met"):
        equilibrate(made, off, UnadjustedLangevin(20), HybridMonteCarlo(20), 24, 1, 0, states)


def test_a_configuration_is_put_on_its_bonds_as_a_start_from_a_file_is():
    engine, right = chain()
    off = right._replace(positions=np.round(right.positions, 4))
    assert engine.free_path(off, 20, 0.0, np.random.default_rng(1)).outcome is Outcome.UNCONVERGED
    mended = engine.put_right(off)
    np.testing.assert_array_equal(mended.positions, put_right(STIFF_CHAIN.system(), off, FINE).positions)
    assert engine.free_path(mended, 20, 0.0, np.random.default_rng(1)).outcome is Outcome.COMPLETED

"""The law of paths, of every engine whose library makes Verlet steps."""

from collections import Counter

import numpy as np
import pytest

from cvflow.core.early_rejection import PROGRESS, EarlyRejection
from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.core.schedule import Cosine, Linear
from cvflow.cv import distance
from cvflow.doctor.verify import dumbbell
from cvflow.engines.motion import BlownUpError
from cvflow.engines.segments import palindromic_segments
from tests.engines import triangle, wrong_motion
from tests.engines.verlet_case import LIBRARIES, mixed, of_lammps, of_openmm

A, B, KAPPA = np.array([1.4]), np.array([3.2]), np.array([30.0])
START = Frame(dumbbell.exact_draws(1, np.random.default_rng(0))[0], None)
UNDECIDED = EarlyRejection(np.array([-np.inf]), np.zeros(1), np.zeros(1), np.ones(1), np.zeros((1, len(PROGRESS))))
HOPELESS = UNDECIDED._replace(log_uniform=np.array([1e6]))

VARIANTS = {
    "OpenMM, a force as a CV": lambda **given: of_openmm(cvs=(dumbbell.force_cv(),), **given),
    "LAMMPS, its own bonds": lambda **given: of_lammps(model=triangle.native(), **given),
    "LAMMPS, a CV with its own gradient": lambda **given: of_lammps(cvs=(triangle.OwnGradient(),), **given),
    "LAMMPS, both": lambda **given: of_lammps(model=triangle.native(), cvs=(triangle.OwnGradient(),), **given),
}
each_library = pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)


class Scripted(np.random.Generator):
    """A generator whose normal numbers are given: to run a path backwards with the noise of the forward path."""

    def __init__(self, *arrays):
        super().__init__(np.random.PCG64())
        self._arrays = list(arrays)

    def standard_normal(self, shape):
        return self._arrays.pop(0).reshape(shape)


def noted(engine):
    """Velocities whose kinetic energy is taken: at the start, (after, before) of each refreshment, at the end."""
    seen, kinetic_energy = [], engine._kinetic_energy
    engine._kinetic_energy = lambda velocities: seen.append(velocities) or kinetic_energy(velocities)
    return seen


def there_and_back(engine, steps=100):
    """A path, and the path from its end with the velocities turned round."""
    seen = noted(engine)
    there = engine.steer(START, Steering(A, B, KAPPA, steps), np.random.default_rng(1))
    back = engine.steer(there.frame, Steering(B, A, KAPPA, steps), Scripted(-seen[-1] / engine._speeds))
    return there, back


@pytest.mark.parametrize("schedule", [Linear(), Cosine()])
@pytest.mark.parametrize("library", (LIBRARIES | VARIANTS).values(), ids=LIBRARIES | VARIANTS)
def test_a_path_backwards_has_minus_the_work(library, schedule):
    there, back = there_and_back(library(schedule=schedule).build())
    np.testing.assert_allclose(back.frame.positions, START.positions, atol=1e-9)
    assert back.work == pytest.approx(-there.work, abs=1e-9)
    assert back.protocol_work == pytest.approx(-there.protocol_work, abs=1e-9)
    assert abs(there.shadow_work) > 1e-3


@each_library
def test_a_wrong_order_has_no_reverse(library):
    there, back = there_and_back(mixed(wrong_motion.SwitchFirst, library()), 10)
    assert abs(back.work + there.work) > 1e-3


@each_library
def test_the_error_of_the_way_back_tells_a_right_order_from_a_wrong_one(library):
    steering = Steering(A, B, KAPPA, 20)
    assert abs(library().build().return_error(START, steering, np.random.default_rng(1))) < 1e-9
    wrong = mixed(wrong_motion.SwitchFirst, library())
    assert abs(wrong.return_error(START, steering, np.random.default_rng(1))) > 1e-3


@each_library
def test_the_error_of_a_path_that_blows_up_is_infinite(library):
    engine = library(timestep=50.0).build()
    assert not engine.return_error(START, Steering(A, B, KAPPA, 50), np.random.default_rng(1)) < 1e6


@each_library
def test_a_path_with_friction_backwards_has_minus_the_work(library):
    """The noise of the way back is reconstructed from the velocities around each refreshment."""
    engine, steps = library(friction=0.5).build(), 90
    seen = noted(engine)
    there = engine._path(START, Steering(A, B, KAPPA, steps), 0.5, np.random.default_rng(1), None, watched=False)
    _, *refreshed, last = seen
    pairs = [(refreshed[i + 1], refreshed[i]) for i in range(0, len(refreshed), 2)]
    assert len(pairs) == len(palindromic_segments(steps, 25)) - 1
    decay = np.exp(-0.5 * 0.05 * 25)
    noises = [(-before + decay * after) / np.sqrt(1 - decay**2) / engine._speeds for before, after in reversed(pairs)]
    back = engine.steer(there.frame, Steering(B, A, KAPPA, steps), Scripted(-last / engine._speeds, *noises))
    np.testing.assert_allclose(back.frame.positions, START.positions, atol=1e-9)
    assert back.work == pytest.approx(-there.work, abs=1e-9)
    assert back.heat == pytest.approx(-there.heat, abs=1e-9)
    assert abs(there.heat) > 0.01


@each_library
def test_a_path_that_is_looked_at_is_the_same_path(library):
    """A criterion that nothing can lose: the interruptions change nothing but the last digits."""
    engine, order = library().build(), Steering(A, B, KAPPA, 100)
    plain = engine.steer(START, order, np.random.default_rng(5))
    seen = engine.steer(START, order, np.random.default_rng(5), UNDECIDED)
    assert seen.work == pytest.approx(plain.work, abs=1e-9)
    assert np.isnan(plain.interim).all()
    assert np.isfinite(seen.interim).all()


@each_library
def test_a_path_that_is_given_up_carries_its_start(library):
    engine = library().build()
    path = engine.steer(START, Steering(A, B, KAPPA, 100), np.random.default_rng(5), HOPELESS)
    assert path.outcome is Outcome.GIVEN_UP
    assert path.steps == 20
    assert path.frame is START
    np.testing.assert_array_equal(path.cv, engine.cv_values(START))
    assert np.isnan(path.work)


def counted(engine):
    """How often each method of the engine's motions is called."""
    calls, begin = Counter(), engine._begin

    def counting(*arguments):
        motion = begin(*arguments)
        for name in ("advance", "instant", "refresh", "end"):
            method = getattr(motion, name)
            setattr(motion, name, lambda *given, name=name, method=method: calls.update([name]) or method(*given))
        return motion

    engine._begin = counting
    return calls


@each_library
def test_a_path_asks_for_no_energy_that_it_does_not_need(library):
    """Each costs an evaluation of the forces: what is seen of a steered path on its way is seen once."""
    order, rng = Steering(A, B, KAPPA, 100), np.random.default_rng(0)
    engine = library().build()
    calls = counted(engine)
    engine.steer(START, order, rng)
    assert calls == {"advance": 5, "instant": 4, "end": 1}
    calls.clear()
    engine.steer(START, order, rng, UNDECIDED)
    assert calls == {"advance": 5, "instant": 4, "end": 1}
    calls.clear()
    engine.free_path(START, 100, 0.0, rng)
    assert calls == {"advance": 1, "end": 1}
    calls.clear()
    engine.free_path(START, 100, 0.5, rng)
    assert calls == {"advance": 5, "refresh": 4, "end": 1}


@each_library
@pytest.mark.parametrize("where", ["advance", "instant", "refresh", "end"])
def test_a_motion_that_blows_up_is_a_failed_path(library, where):
    engine = library(friction=0.5).build()
    begin = engine._begin

    def breaking(*arguments):
        def broken(*given):
            raise BlownUpError("numbers that are none")

        motion = begin(*arguments)
        setattr(motion, where, broken)
        return motion

    engine._begin = breaking
    path = engine.steer(START, Steering(A, B, KAPPA, 60), np.random.default_rng(0), UNDECIDED)
    assert path.outcome is Outcome.DIVERGED
    assert path.frame is START
    assert np.isnan(path.work)


@each_library
@pytest.mark.parametrize("energy", [2e9, -2e9, np.nan, np.inf])
def test_an_energy_beyond_the_cap_is_a_failed_path(library, energy):
    engine = library().build()
    begin = engine._begin

    def wild(*arguments):
        motion = begin(*arguments)
        motion.before = motion.before._replace(energy=energy)
        return motion

    engine._begin = wild
    assert engine.steer(START, Steering(A, B, KAPPA, 5), np.random.default_rng(0)).outcome is Outcome.DIVERGED


WRONG = [
    ({"timestep": 0.0}, "timestep must be positive, got 0.0 ps"),
    ({"kT": -1.0}, "kT must be positive, got -1.0 kJ/mol"),
    ({"friction": -1.0}, "friction must not be negative, got -1.0 1/ps"),
    ({"cvs": ()}, "at least one CV"),
    ({"cvs": (distance("r", 0, 3),)}, "CV r: atom 3 is out of range, the system has 3 atoms, counted from 0"),
]


@each_library
@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_settings_out_of_range_raise(library, wrong, message):
    with pytest.raises(ValueError, match=message) as error:
        library(**wrong).build()
    assert "\n" not in str(error.value)

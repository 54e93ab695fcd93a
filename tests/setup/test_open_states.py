"""What is said of states without an end, and of lengths near half the box; what walls do to it."""

from pathlib import Path

import numpy as np
import pytest

from cvflow.config.settings import parse
from cvflow.config.wall_section import wall_words
from cvflow.core.frames import Frame
from cvflow.core.walls import wall
from cvflow.cv import Particles, angle, centre_distance, combination, coordination, distance, from_torch, functions
from cvflow.setup import from_config
from cvflow.setup.objects import from_objects
from cvflow.setup.starts.open_states import open_notes
from tests.setup.test_placing import FAR, NEAR, STATES, D, diatomics

BOX = 2.0 * np.eye(3)


def size(x):
    return functions.gyration(x)


def notes(cv, states, *walls, apart=(0.3, 0.5), molecules=(), box=BOX):
    periodic = Particles((1.0,) * 4, periodic=box is not None, molecules=molecules)
    frames = {
        name: Frame(np.array([[0, 0, 0], [far, 0, 0], [0, 0.4, 0], [0.1, 0.4, 0.3]]), box)
        for name, far in zip(states, apart, strict=False)
    }
    return open_notes([cv.among(periodic)], states, walls, frames)


UNBOUNDED = {"in": "d < 0.4", "out": "d >= 0.4"}


def test_an_unbounded_state_is_said_in_one_line_with_the_mend():
    line, near = notes(distance("d", 0, 1), UNBOUNDED)
    assert line.startswith("warning: d has no upper bound in out: what is free to leave does")
    assert 'a wall does: [[wall]] cv = "d", upper = …' in line
    assert 'walls=[cvflow.wall("d", upper=…' in line
    assert "\n" not in line
    assert near.startswith("warning: d comes near half the box, 1, in state out: beyond it another image is")
    (alone,) = notes(distance("d", 0, 1), UNBOUNDED, box=None)
    assert alone == line


@pytest.mark.parametrize(
    ("cv", "states", "said"),
    [
        (distance("d", 0, 1), {"in": "d < 0.4", "out": "0.4 <= d < 0.8"}, False),
        (distance("d", 0, 1), {"in": "d < 0.4", "out": "not d < 0.4"}, True),
        (centre_distance("d", [0, 1], [2, 3]), UNBOUNDED, True),
        (angle("d", 0, 1, 2), UNBOUNDED, False),
        (coordination("d", [0], [1, 2], r0=0.3), UNBOUNDED, False),
        (combination("d", {distance("a", 0, 1): 1.0, distance("b", 2, 3): -1.0}), UNBOUNDED, True),
        (combination("d", {distance("a", 0, 1): -1.0}), UNBOUNDED, False),
        (from_torch("d", size, [0, 1]), UNBOUNDED, True),
        (from_torch("d", size, [0, 1], range=(0.0, 3.0)), UNBOUNDED, False),
    ],
)
def test_what_can_grow_without_end(cv, states, said):
    assert any("no upper bound in " in line for line in notes(cv, states)) is said


def test_a_lower_end_is_named_too():
    cv = combination("d", {distance("a", 0, 1): -1.0})
    assert "d has no lower bound in in:" in notes(cv, {"in": "d < -0.4", "out": "d >= -0.4"})[0]


def test_atoms_of_one_molecule_are_held_by_it():
    assert notes(distance("d", 0, 1), UNBOUNDED, molecules=(0, 0, 1, 1), apart=(0.3, 0.97)) == ()


def test_a_molecule_in_vacuum_holds_its_atoms_too():
    assert notes(distance("d", 0, 1), UNBOUNDED, molecules=(0, 0, 0, 0), box=None) == ()


def test_walls_end_a_state():
    cv = distance("d", 0, 1)
    assert notes(cv, UNBOUNDED, wall("d", upper=0.8, kappa=1000.0)) == ()
    (near,) = notes(cv, UNBOUNDED, wall("d", upper=0.95, kappa=1000.0))
    assert "d comes near half the box, 1, in state out" in near
    assert len(notes(cv, UNBOUNDED, wall("d", lower=0.1, kappa=1000.0))) == 2


def test_a_start_near_half_the_box_is_named():
    states = {"in": "d < 0.4", "out": "0.4 <= d < 0.85"}
    (line,) = notes(distance("d", 0, 1), states, apart=(0.3, 0.96))
    assert "d comes near half the box, 1, in the start of out (0.96)" in line
    terms = combination("d", {distance("a", 0, 1): 0.5, distance("b", 2, 3): 0.1})
    assert "a comes near half the box, 1, in the start of out (0.96)" in notes(terms, states, apart=(0.3, 0.96))[0]


def test_a_run_says_it_and_takes_walls():
    """From Python objects; the config has the wall's words."""
    def built(*walls):
        sections = {"states": STATES, "run": {"walkers": 2}, "engine": {"platform": "Reference"}}
        if walls:
            sections["wall"] = [{"cv": "d", "upper": 0.85, "kappa": 500.0}]
        return from_objects(diatomics(), sections, [D], {"near": NEAR, "far": FAR})

    assert any("no upper bound in far" in note for note in built().notes)
    held = built(wall("d", upper=0.85, kappa=500.0))
    assert not any(" bound in " in note for note in held.notes)
    assert held.wall_words == ("wall where d > 0.85: 500 |d - 0.85|^2 kJ/mol",)
    assert held.walkers.spec(held).walls == (wall("d", upper=0.85, kappa=500.0),)
    assert '{ cv = "d", upper = 0.85, kappa = 500.0, exponent = 2 }' in held.config.to_toml()
    assert "wall" not in built().config.to_toml()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"cv": "d", "upper": 1.0}, "wall.0.kappa is missing"),
        ({"cv": "d", "kappa": 1.0}, "the wall on d: give upper = where it begins"),
        ({"cv": "d", "kappa": 1.0, "upper": 1.0, "at": 2.0}, "unknown key wall.0.at; known are cv, upper, lower"),
        ({"cv": "d", "kappa": 1.0, "upper": 1.0, "exponent": 1}, "wall.0.exponent: "),
    ],
)
def test_misuse_is_one_line(section, words):
    with pytest.raises(ValueError, match=words) as refused:
        parse({"system": {"name": "polymer"}, "wall": [section]}, "test")
    assert "\n" not in str(refused.value)


def test_a_wall_on_no_cv_or_on_a_circle_is_refused():
    section = {"cv": "q", "upper": 1.0, "kappa": 1.0}
    config = {"system": {"name": "gaussian_tunnel"}, "engine": {"name": "batch"}, "wall": [section]}
    with pytest.raises(ValueError, match=r"wall: no CV is called .q.; the CVs are z"):
        from_config(parse(config, "test"), Path())
    with pytest.raises(ValueError, match=r"walls: 'd' is no wall: make them by cvflow\.wall"):
        wall_words(["d"])

"""How well a platform repeats its paths: bit by bit, after other paths and in another process; and backwards."""

from typing import NamedTuple

import numpy as np
import openmm

from cvflow.core.frames import Frame, Steering
from cvflow.engines.openmm import OpenMMEngine, OpenMMSpec
from cvflow.engines.openmm.platforms import Properties
from cvflow.host.pool import Pool
from cvflow.systems import Polymer

STEPS = 600
"""Long enough for atoms to be sorted again on the way."""

_BACK_STEPS = 100
"""Of the path there and of the path back: few, since a liquid forgets in some hundred what rounding has done to it."""


class Repetition(NamedTuple):
    """What repeated paths of the polymer did.

    Attributes:
        repeatable: the same path was the same, bit by bit, after other paths and in another process.
        reversal: |W + W_back| of a path and its reverse [kT], which exact arithmetic makes zero.
    """

    repeatable: bool
    reversal: float


def of_paths(platform: str, properties: Properties, devices: tuple[int, ...]) -> Repetition:
    """Run one path in two processes, in one of them after others, and once there and back."""
    polymer = Polymer()
    xml = openmm.XmlSerializer.serialize(polymer.system())
    spec = OpenMMSpec(
        xml, (polymer.cv(),), polymer.kT, 0.01, platform=platform, properties=properties, devices=devices[:1]
    )
    start = OpenMMSpec(xml, spec.cvs, spec.kT, spec.timestep).build().relaxed(polymer.start("compact", _noise(0)))
    with Pool(2) as pool:
        first, later = pool.map(_path, [spec, spec], [start, start], [0, 2])
    engine = spec.build()
    back = engine.return_error(start, _across(engine, start)._replace(steps=_BACK_STEPS), _noise(1))
    return Repetition(first == later, abs(back))


def _path(spec: OpenMMSpec, start: Frame, others: int) -> tuple[float, bytes]:
    """Work and end of one path, after so many others."""
    engine = spec.build()
    for number in range(others):
        engine.steer(start, _across(engine, start), _noise(2 + number))
    path = engine.steer(start, _across(engine, start), _noise(1))
    return path.work, path.frame.positions.tobytes()


def _across(engine: OpenMMEngine, start: Frame) -> Steering:
    """From where the polymer is to its other state."""
    return Steering(engine.cv_values(start), np.array([5.65]), np.array([300.0]), STEPS)


def _noise(number: int) -> np.random.Generator:
    return np.random.default_rng([23, number])

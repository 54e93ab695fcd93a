"""What a script may give by mistake, and what is said: `python -m tests.host.odd_arguments FOLDER`."""

import json
import os
import sys
import warnings
from math import inf, nan

from openmm import unit

import cvflow
from tests.setup.test_steady import PROPOSAL, STARTS, pair

NEAR = STARTS["near"]


def _system(**change):
    parts = pair()
    given = {"topology": parts.topology, "system": parts.system, "temperature": 300.0} | change
    return lambda: cvflow.openmm_system(**given)


def _sample(**change):
    given = {
        "cvs": [cvflow.cv.distance("d", 0, 1)], "starts": STARTS, "out": "out", "proposal": PROPOSAL,
        "states": {"near": "d < 0.2", "far": "d >= 0.2"}, "quiet": True,
    } | change  # fmt: skip
    return lambda: cvflow.sample(**{"system": pair()} | given)


CASES = {
    f"temperature {value!r}": (_system(temperature=value), "temperature must be a positive number [kelvin], got")
    for value in (None, "300", nan, inf, 0, -1.0, True, [300], 1j, b"300", 10**400)
} | {
    "temperature in another unit": (_system(temperature=3 * unit.angstrom), "temperature is measured in kelvin"),
    "mass": (_system(hydrogen_mass="heavy"), "hydrogen_mass must be a positive number [dalton]"),
    "no topology": (_system(topology="a.pdb"), "got str and System"),
    "no potential": (_system(system="amber14-all.xml"), "got Topology and str"),
    "no system": (_sample(system=None), "system is of type NoneType"),
    "cvs alone": (_sample(cvs=cvflow.cv.distance("d", 0, 1)), "cvs must be a list"),
    "cvs by name": (_sample(cvs=["d"]), "'d' is no collective variable"),
    "cvs twice": (_sample(cvs=[cvflow.cv.distance("d", 0, 1)] * 2), "two CVs have the same name"),
    "states as a list": (_sample(states=["d < 0.2"]), "states must be a mapping"),
    "states of numbers": (_sample(states={"near": 1, "far": 2}), "states.near"),
    "starts as a list": (_sample(starts=[NEAR]), "starts must be a mapping"),
    "path as a number": (_sample(path=3), "path must be a mapping"),
    "out as a number": (_sample(out=3), "out must be the name of a folder"),
    "no states": (_sample(states=None), "at least two named states"),
    "no starts": (_sample(starts=None), "starts is empty"),
    "an unknown setting": (_sample(walker=3), "unknown key run.walker; did you mean walkers?"),
    "no workers": (_sample(workers=0), "workers must be a whole number from 1"),
    "workers in words": (_sample(workers="all"), "workers must be a whole number from 1"),
    "a lambda": (
        lambda: cvflow.cv.from_torch("s", lambda x: x[:, 0, 0], [0]),
        "a lambda or a function inside another cannot be sent",
    ),
    "no function": (lambda: cvflow.cv.from_torch("s", None, [0]), "is no function"),
    "atoms of floats": (lambda: cvflow.cv.distance("d", 0.0, 1.0), "indices"),
    "no atoms": (lambda: cvflow.cv.distance("d", None, 1), "indices"),
    "r0": (lambda: cvflow.cv.coordination("n", [0], [1], r0="far"), "r0 must be a positive number [nanometer]"),
    "a name of bytes": (lambda: cvflow.cv.distance(b"d", 0, 1), "a CV's name must be"),
    "no name": (lambda: cvflow.cv.distance(None, 0, 1), "a CV's name must be"),
    "a long name": (lambda: cvflow.cv.distance("d" * 300, 0, 1), "a CV's name has at most 64"),
}
"""By name: a call, and part of what is said."""


def main(folder):
    os.chdir(folder)
    warnings.simplefilter("ignore")
    said = {}
    for name, (call, _) in CASES.items():
        try:
            call()
        except BaseException as error:
            said[name] = (type(error).__name__, str(error))
        else:
            said[name] = ("nothing", "")
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1])

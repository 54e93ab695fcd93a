"""Well-tempered metadynamics of a config's molecule, by OpenMM's own class: the same System, CVs, states and number of
force evaluations as a run of cvflow, to stand beside it.

As many runs as the config has walkers, each from its start, share the force evaluations equally. Each gives ΔF by
integrating its own free-energy surface over the named states; their mean has the error that their spread gives it. All
is counted, the filling too. Hills as in PLUMED's tutorials for torsions: 1.2 kJ/mol every 500 steps, 0.35 rad wide,
bias factor 10; OpenMM's LangevinMiddle at 1/ps.

    python benchmarks/metadynamics.py examples/amber_alanine/alanine.toml --evaluations 7628345

A surface has a table, and six CVs would need 91⁶ numbers: `--along phi3 psi3` takes two of a config's CVs.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from biased import grid_of, spec_of
from methods.metadynamics import surfaces
from methods.work import delta_f_of_surface

from cvflow.config.settings import load
from cvflow.setup import from_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--evaluations", type=int, required=True, help="force evaluations of all runs together")
    parser.add_argument("--width", type=float, default=0.35, help="of hills, in the CVs' unit")
    parser.add_argument("--bins", type=int, default=91)
    parser.add_argument("--limits", nargs=3, action="append", default=[], metavar=("CV", "LOW", "HIGH"))
    parser.add_argument("--along", nargs="+", metavar="CV", help="CVs that hills are along, where not all: two at most")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    config = load(given.config, given.set)
    config = config.changed(cv=[cv for cv in config.cv if cv.name in (given.along or [cv.name])])
    setup = from_config(config, given.config.parent)
    walkers, grid = setup.settings.run.walkers, grid_of(spec_of(setup), given.limits, given.bins)
    steps = given.evaluations // walkers
    found = np.zeros(walkers)
    for walker in range(walkers):
        (surface,) = surfaces(setup, walker, given.width, grid, [steps])
        found[walker] = delta_f_of_surface(setup.states, surface, grid)
        print(f"run {walker + 1} of {walkers}: {found[walker]:.2f} kT", file=sys.stderr)
    error = float(found.std(ddof=1) / np.sqrt(walkers))
    print(json.dumps({"delta_f": float(found.mean()), "stderr": error, "runs": found.tolist(), "steps_each": steps}))


if __name__ == "__main__":
    main()

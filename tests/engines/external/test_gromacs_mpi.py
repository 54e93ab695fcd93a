"""A GROMACS built with MPI, under mpirun. Two ranks need a PLUMED that is built with MPI, too."""

from dataclasses import replace

import numpy as np
import pytest

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.engines.external import ExternalSpec, Gromacs
from cvflow.engines.external.gromacs import prepared
from tests.engines.external import butane

STEERING = Steering(np.array([1.0]), np.array([1.3]), np.array([60.0]), 30)


def steered(folder, library, **words):
    """A path of a few steps, and the program that made it."""
    butane.write_files(folder)
    files = Gromacs(butane.MDP, str(folder / "topol.top"), str(folder / "start.gro"), maxwarn=3)
    program = prepared(replace(files, **words))
    spec = ExternalSpec(program, butane.PLUMED, ("phi",), str(library), butane.KT, 0.001, time_limit=120.0)
    x = butane.exact_draws(1, np.random.default_rng(3))[0]
    return spec.build().steer(Frame(x, butane.box()), STEERING, np.random.default_rng(1)), program


def check_ranks(ranks, folder, library):
    """The path under mpirun is that of the plain program."""
    plain, _ = steered(folder, library)
    path, program = steered(folder, library, gmx="gmx_mpi", launcher=("mpirun", "-n", str(ranks)))
    assert program.mpi
    assert not program.exactness.value
    assert path.outcome is Outcome.COMPLETED
    assert path.work == pytest.approx(plain.work, abs=2e-3)
    assert path.frame.positions == pytest.approx(plain.frame.positions, abs=1e-4)


@pytest.mark.gromacs_mpi
def test_a_path_of_one_rank_is_that_of_the_plain_program(gromacs, library, tmp_path):
    check_ranks(1, tmp_path, library)


@pytest.mark.gromacs_mpi
@pytest.mark.plumed_mpi
def test_a_path_of_two_ranks_is_that_of_the_plain_program(gromacs, library, tmp_path):
    check_ranks(2, tmp_path, library)

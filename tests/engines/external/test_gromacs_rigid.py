"""Rigid bonds through GROMACS: reversal (of rigid water too), start velocities, and stationarity with mutants."""

from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import TRRFrame

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.doctor.verify import four_atoms, rigid_chain
from cvflow.doctor.verify.rigid_chain import CHAIN_MASSES as MASSES
from cvflow.doctor.verify.rigid_chain import SOFT_CHAIN, STIFF_CHAIN, largest_z
from cvflow.engines.external import Gromacs
from cvflow.engines.external.gromacs import prepared
from cvflow.engines.external.gromacs_mdp import LAW
from cvflow.engines.external.gromacs_rigid import kept_lengths
from cvflow.engines.external.rigid import tangential
from cvflow.host.cores import available_cores
from cvflow.host.pool import Pool
from tests.engines.external import butane, gromacs_chain, rigid_water
from tests.engines.external.given_velocities import given
from tests.engines.external.one_jump import CHUNKS, MUTANTS, Case, jumps

THRESHOLD = 5.0
COARSE = 0.008
"""Time step of the jumps [ps]: the shadow work must show, and no path may fail."""


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Folders with the files of both chains."""
    folders = {chain: tmp_path_factory.mktemp("chain") for chain in (STIFF_CHAIN, SOFT_CHAIN)}
    for chain, folder in folders.items():
        gromacs_chain.write_files(chain, folder)
    return {chain: str(folder) for chain, folder in folders.items()}


def test_the_volume_of_the_surface_in_the_metric_of_the_masses():
    """√det(JᵀMJ) over the exact draws' weight; J is the derivative by angles, torsion, place and rotation."""
    rng = np.random.default_rng(0)

    def positions(q):
        turned = [np.random.default_rng(4)]  # the same way round each time
        return butane.placed(np.full((3, 1), butane.LENGTH), q[:2, None], q[2:3], *turned)[0]

    def volume(q):
        step, x = 3e-3, positions(q)
        inner = [(positions(q + step * e) - positions(q - step * e)).ravel() / (2 * step) for e in np.eye(3)]
        shifts = [np.tile(e, 4) for e in np.eye(3)]
        turns = [np.cross(e, x).ravel() for e in np.eye(3)]
        derivative = np.array(inner + shifts + turns)
        return np.sqrt(np.linalg.det(derivative * np.repeat(MASSES, 3) @ derivative.T))

    points = np.column_stack([rng.uniform(0.8, 2.8, (6, 2)), rng.uniform(-3, 3, 6)])
    weights = np.sin(points[:, 0]) * np.sin(points[:, 1]) * np.sqrt(rigid_chain.metric(points[:, :2]))
    ratios = np.array([volume(q) for q in points]) / weights
    assert ratios == pytest.approx(np.full(6, ratios[0]), rel=1e-3)  # positions are single precision


def test_a_bond_that_has_become_longer_is_noticed():
    """By a thousandth, across the border of the box."""

    def end(longer):
        x = np.array([[0.05, 0.0, 0.0], [butane.BOX - 0.05 - longer, 0.0, 0.0], [1.0 + longer, 0.0, 0.0]])
        return TRRFrame(*[None] * len(TRRFrame._fields))._replace(x=x, box=butane.box())

    assert kept_lengths(end(0.0), end(1e-7), ((0, 1),))
    assert not kept_lengths(end(0.0), end(1e-4), ((0, 1),))
    assert kept_lengths(end(0.0), end(1e-4), ())


def there_and_back(engine, x, masses, a, b, kappa, monkeypatch):
    """A path, and the one from its end with the velocities turned round."""
    rng = np.random.default_rng(3)
    v = rng.standard_normal(x.shape) * np.sqrt(butane.KT / np.array(masses))[:, None]
    with monkeypatch.context() as patched:
        kept = given(patched, v)
        there = engine.steer(Frame(x, butane.box()), Steering(a, b, kappa, 50), rng)
    with monkeypatch.context() as patched:
        given(patched, -kept["v"])
        back = engine.steer(there.frame, Steering(b, a, kappa, 50), rng)
    assert there.outcome is back.outcome is Outcome.COMPLETED
    return there, back


def nearest(apart):
    return apart - butane.BOX * np.round(apart / butane.BOX)


def test_a_path_reads_backwards(gromacs, library, files, monkeypatch):
    """It comes back, with -W; bonds keep their lengths."""
    engine = gromacs_chain.spec(files[SOFT_CHAIN], str(library), 0.004).build()
    shadow = []
    for x in SOFT_CHAIN.exact_draws(3, np.random.default_rng(3)):
        a = butane.value(x[None])
        there, back = there_and_back(engine, x, MASSES, a, a + 1.0, np.array([60.0]), monkeypatch)
        assert back.work == pytest.approx(-there.work, abs=2e-3)
        assert np.abs(nearest(back.frame.positions - x)).max() < 1e-4
        assert butane.internal(there.frame.positions[None])[0] == pytest.approx(butane.LENGTH, abs=1e-6)
        shadow.append(abs(there.shadow_work))
    assert max(shadow) > 0.02  # ten times what was tolerated


def test_rigid_water_across_the_border_reads_backwards(gromacs, library, tmp_path, monkeypatch):
    engine, x = rigid_water.spec(tmp_path, str(library), 0.003).build(), rigid_water.positions()
    assert np.ptp(x[:3, 0]) > 1  # nm
    a, kappa = np.linalg.norm(nearest(x[:1] - x[3:4]), axis=1), np.array([5000.0])
    there, back = there_and_back(engine, x, rigid_water.MASSES, a, a + 0.1, kappa, monkeypatch)
    assert back.work == pytest.approx(-there.work, abs=2e-3)
    assert abs(there.shadow_work) > 0.02
    assert np.abs(nearest(back.frame.positions - x)).max() < 1e-4
    apart = np.linalg.norm(nearest(np.diff(there.frame.positions.reshape(2, 3, 3), axis=1)), axis=2)
    assert apart == pytest.approx(np.array([[rigid_water.OH, rigid_water.HH]] * 2), abs=1e-6)


def test_the_path_s_first_energy_has_tangential_velocities(gromacs, library, files):
    engine = gromacs_chain.spec(files[SOFT_CHAIN], str(library), 1e-6).build()
    masses, pairs = np.array(MASSES), np.array(engine._spec.program.rigid)
    assert pairs.tolist() == [[0, 1], [1, 2], [2, 3]]
    for x in SOFT_CHAIN.exact_draws(3, np.random.default_rng(5)):
        done = engine._run(Frame(x, butane.box()), 1, None, np.random.default_rng(2))
        v = np.random.default_rng(2).standard_normal((4, 3)) * np.sqrt(butane.KT / masses)[:, None]
        kept = tangential(v, x, butane.box(), masses, pairs)
        kinetic = 0.5 * float((masses[:, None] * kept**2).sum())
        assert done.ends.before - kinetic == pytest.approx(SOFT_CHAIN.energy(x[None])[0], abs=2e-3)


def test_a_start_need_not_have_its_bonds_exactly(gromacs, library, files):
    """A .gro file has three decimals; GROMACS puts the bonds right, and the velocities are tangential there."""
    spec = gromacs_chain.spec(files[SOFT_CHAIN], str(library), 0.004)
    start = spec.program.read_start(Path(files[SOFT_CHAIN]) / "start.gro")
    assert np.abs(butane.internal(start.positions[None])[0] - butane.LENGTH).max() > 1e-4
    x = spec.build().free_path(start, 1, 0.0, np.random.default_rng(1)).frame.positions
    assert butane.internal(x[None])[0] == pytest.approx(butane.LENGTH, abs=1e-6)


def test_frozen_atoms_are_refused():
    with pytest.raises(ValueError, match="freezegrps"):
        prepared(Gromacs("freezegrps = System\nfreezedim = Y Y Y\n", "topol.top", "start.gro"))


@pytest.mark.parametrize("mistake", [{"continuation": "yes"}, {"lincs-order": "1", "lincs-iter": "1"}])
def test_other_velocities_than_the_given_are_noticed(gromacs, library, files, monkeypatch, mistake):
    """Half a step late, or not tangential enough."""
    engine = gromacs_chain.spec(files[SOFT_CHAIN], str(library), 0.004).build()
    x = SOFT_CHAIN.exact_draws(1, np.random.default_rng(6))[0]
    assert engine.free_path(Frame(x, butane.box()), 2, 0.0, np.random.default_rng(1)).outcome is Outcome.COMPLETED
    for key, value in mistake.items():
        monkeypatch.setitem(LAW, key, value)
    path = engine.free_path(Frame(x, butane.box()), 2, 0.0, np.random.default_rng(1))
    assert path.outcome is Outcome.PROGRAM_FAILED


@cache
def case(library, folder):
    return Case(
        partial(gromacs_chain.spec, folder, str(library), COARSE), STIFF_CHAIN.exact_draws, butane.box, butane.value,
        STIFF_CHAIN.observables, four_atoms.TORSION_FLOW, 80.0, 40, np.pi, 2 * np.pi, 4800,
    )  # fmt: skip


@pytest.mark.slow
def test_one_jump_leaves_the_target_alone(gromacs, library, files):
    sample = jumps(case(library, files[STIFF_CHAIN]))
    moved = (sample.after != sample.before).any(axis=(1, 2)).mean()
    print(f"acceptance {moved:.3f}, largest |z| {sample.largest_z():.2f}")
    assert moved > 0.05
    assert sample.largest_z() < THRESHOLD


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_decisions_show(gromacs, library, files, mutant):
    sample = jumps(case(library, files[STIFF_CHAIN]))
    found = sample.decided(MUTANTS[mutant](sample)).largest_z()
    print(f"{mutant}: {found:.1f}")
    assert found > THRESHOLD


LOCAL_DRAWS = 6400


@cache
def local_moves(library, folder):
    """Metropolised free paths from exact draws: configurations before and after, and how many paths failed."""
    with Pool(len(available_cores())) as pool:
        parts = list(pool.map(partial(_local_chunk, folder, str(library)), range(CHUNKS)))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _local_chunk(folder, library, chunk):
    rng, spec = np.random.default_rng([19, chunk]), gromacs_chain.spec(folder, library, 0.004)
    before = SOFT_CHAIN.exact_draws(LOCAL_DRAWS // CHUNKS, rng)
    after, failed = before.copy(), np.zeros(len(before), dtype=bool)
    for row, x in enumerate(before):
        path = spec.build().free_path(Frame(x, butane.box()), 20, 0.0, rng)
        failed[row] = path.outcome is not Outcome.COMPLETED  # an angle of 180 degrees, or nearly
        if np.log(rng.random()) < -path.work:
            after[row] = path.frame.positions
    return before, after, failed


@pytest.mark.slow
def test_local_moves_leave_the_target_alone_and_no_other_measure(gromacs, library, files):
    """With the surface's volume in the metric of the masses, neither with none nor with its inverse."""
    before, after, failed = local_moves(library, files[SOFT_CHAIN])
    found = {power: largest_z(before, after, power) for power in (0.0, -0.5, -1.0)}
    print(f"accepted {(before != after).any(axis=(1, 2)).mean():.3f}, failed {failed.sum()}, largest |z| {found}")
    assert failed.mean() < 2e-3
    assert found[0.0] < THRESHOLD
    assert found[-0.5] > THRESHOLD
    assert found[-1.0] > THRESHOLD

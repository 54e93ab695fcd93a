"""The action CVFLOW in PLUMED itself, against the same in numpy. Skipped where there is no PLUMED."""

import numpy as np
import pytest

from cvflow.core.periodic import wrapped
from tests.plumed.driven import Driver, wandering
from tests.proposals.cases import learned

KT = 0.0083144626 * 300
KAPPA, PERIODS = np.array([200.0, 300.0]), np.array([2 * np.pi, np.inf])
"""Of φ and r."""

STEPS, REST = 40, 5
PATH = f"KAPPA=200,300 TEMP=300 STEPS={STEPS} EQUILIBRATE={REST}"
START, END = (2.9, 1.2), (-2.6, 0.7)
ENDS = "FROM=2.9,1.2 TO=-2.6,0.7"
FRACTIONS = {"LINEAR": lambda t: t, "COSINE": lambda t: 0.5 * (1 - np.cos(np.pi * t))}


def proposal():
    return learned("mixed")


@pytest.fixture
def driver(plumed, library, tmp_path):
    made = Driver(plumed, library, tmp_path)
    made.has(proposal(), ["phi", "r"], ["rad", "nm"])
    return made


def stretch(s, centre):
    return 0.5 * (KAPPA * wrapped(s - centre, PERIODS) ** 2).sum(axis=-1)


def path(driver, words, count=50, **more):
    return driver.steered(wandering(count), f"{PATH} {words}", **more)


def expected(found, start, end, schedule="LINEAR"):
    """Centres, bias and work of a path over the trajectory that PLUMED saw."""
    s = np.stack([found["phi"], found["r"]], axis=1)
    t = np.clip((np.arange(len(s)) - REST) / STEPS, 0, 1)
    way = wrapped(np.subtract(end, start), PERIODS)
    centres = wrapped(start + way * FRACTIONS[schedule](t)[:, None], PERIODS)
    before = stretch(s[:-1], centres[1:]) - stretch(s[:-1], centres[:-1])
    after = stretch(s[1:], centres[1:]) - stretch(s[1:], centres[:-1])
    return s, centres, stretch(s, centres), np.append(0.0, np.cumsum(0.5 * (before + after)))


@pytest.mark.parametrize("schedule", FRACTIONS)
def test_a_path_is_that_of_numpy(driver, schedule):
    found = path(driver, f"{ENDS} SCHEDULE={schedule}")
    s, centres, bias, work = expected(found, START, END, schedule)
    assert (np.abs(np.diff(found["phi"])) > 3).sum() >= 2
    np.testing.assert_allclose(found["jump.phi_cntr"], centres[:, 0], atol=1e-12)
    np.testing.assert_allclose(found["jump.r_cntr"], centres[:, 1], atol=1e-12)
    np.testing.assert_allclose(found["jump.bias"], bias, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found["jump.work"], work, rtol=1e-10, atol=1e-9)
    force = KAPPA * wrapped(s - centres, PERIODS)
    np.testing.assert_allclose(found["jump.force2"], (force**2).sum(axis=1), rtol=1e-10)
    np.testing.assert_allclose(found["jump.logq"], proposal().log_density(centres), atol=1e-9)
    np.testing.assert_array_equal(found["jump.step"], np.minimum(np.arange(50) - REST, STEPS))


def test_a_path_leaves_one_row_with_what_a_decision_needs(driver):
    found = path(driver, ENDS)
    _, centres, bias, work = expected(found, START, END)
    row, end = driver.columns("jumps.dat"), REST + STEPS
    assert {len(column) for column in row.values()} == {1}
    assert row["decision"] == ["NA"]
    assert row["protocol_work"] == pytest.approx(work[end], rel=1e-10)
    assert row["bias_old"] == pytest.approx(bias[REST], rel=1e-10)
    assert row["bias_new"] == pytest.approx(bias[end], rel=1e-10)
    log_q = proposal().log_density(centres[[REST, end]])
    assert [row["log_q_old"][0], row["log_q_new"][0]] == pytest.approx(log_q, abs=1e-9)
    for name, i in (("phi", 0), ("r", 1)):
        assert row[f"from.{name}"] == pytest.approx(START[i])
        assert row[f"to.{name}"] == pytest.approx(END[i])
        assert row[f"cv_old.{name}"] == found[name][REST]
        assert row[f"cv_end.{name}"] == found[name][end]
    text = (driver.folder / "jumps.dat").read_text()
    constants = dict(line.split()[2:] for line in text.splitlines() if line.startswith("#! SET"))
    assert float(constants["kT"]) == pytest.approx(KT, rel=1e-6)
    assert float(constants["kappa.phi"]) == 200


def test_the_work_is_minus_that_of_the_path_read_backwards(driver):
    positions = wandering(STEPS + 1)
    words = f"KAPPA=200,300 TEMP=300 STEPS={STEPS}"
    there = driver.steered(positions, f"{words} {ENDS}")
    back = driver.steered(positions[::-1], f"{words} FROM=-2.6,0.7 TO=2.9,1.2")
    assert abs(there["jump.work"][-1]) > 1
    assert back["jump.work"][-1] == pytest.approx(-there["jump.work"][-1], rel=1e-9)
    np.testing.assert_allclose(back["jump.bias"][::-1], there["jump.bias"], rtol=1e-9, atol=1e-9)


def test_an_unfinished_path_leaves_no_row(driver):
    path(driver, ENDS, count=REST + STEPS)
    assert "NA" not in (driver.folder / "jumps.dat").read_text()


@pytest.mark.parametrize("rest", [0, REST])
def test_the_row_is_on_disk_after_the_last_step_whatever_becomes_of_the_engine(driver, rest):
    words = f"KAPPA=200,300 TEMP=300 STEPS={STEPS} EQUILIBRATE={rest} {ENDS}"
    driver.killed_after(wandering(rest + STEPS + 1), words, "jumps.dat")
    row = driver.columns("jumps.dat")
    assert row["decision"] == ["NA"]
    whole = driver.steered(wandering(rest + STEPS + 1), f"{words} FILE=whole")
    assert row["bias_new"] == whole["jump.bias"][-1]


def test_without_rest_the_path_begins_at_the_first_step(driver):
    found = driver.steered(wandering(STEPS + 1), f"KAPPA=200,300 TEMP=300 STEPS={STEPS} EQUILIBRATE=0 {ENDS}")
    row = driver.columns("jumps.dat")
    assert row["equilibrate"] == 0
    assert found["jump.step"][0] == 0
    assert found["jump.work"][0] == 0
    assert row["cv_old.phi"] == found["phi"][0]
    assert row["bias_old"] == found["jump.bias"][0]
    assert row["cv_end.phi"] == found["phi"][-1]
    assert row["bias_new"] == found["jump.bias"][-1]


def test_between_given_ends_no_flow_is_needed(driver):
    """The same path, and log q is nobody's."""
    given = path(driver, f"{ENDS} FILE=given")
    bare = path(driver, f"{ENDS} FILE=bare", model="")
    for name in set(given) - {"jump.logq"}:
        np.testing.assert_array_equal(bare[name], given[name])
    assert np.isnan(bare["jump.logq"]).all()
    with_flow, without = driver.columns("given"), driver.columns("bare")
    for name in set(with_flow) - {"decision", "log_q_old", "log_q_new"}:
        assert without[name] == with_flow[name]
    assert np.isnan([without["log_q_old"][0], without["log_q_new"][0]]).all()
    assert "flow_version" not in (driver.folder / "bare").read_text()


def test_without_a_flow_the_arguments_are_in_plumeds_units(driver):
    words = f"TEMP=300 STEPS={STEPS} EQUILIBRATE={REST}"
    nm = driver.steered(wandering(50), f"KAPPA=200,300 {words} {ENDS} FILE=nm", model="")
    angstrom = driver.steered(
        wandering(50), f"KAPPA=200,3 {words} FROM=2.9,12 TO=-2.6,7 FILE=angstrom", before="UNITS LENGTH=A", model=""
    )
    np.testing.assert_allclose(angstrom["jump.r_cntr"], 10 * nm["jump.r_cntr"], rtol=1e-9)
    np.testing.assert_allclose(angstrom["jump.work"], nm["jump.work"], rtol=1e-7, atol=1e-9)


def test_ends_are_drawn_from_the_seed(driver, harness):
    """λ_0 as the evaluator draws it, λ̃ where the flow can be; both follow from the seed alone."""
    rows = []
    for seed in (7, 7, 8):
        found = path(driver, f"SEED={seed} FILE=row{len(rows)}")
        row = driver.columns(f"row{len(rows)}")
        offset = np.frombuffer(harness("centre", np.sqrt(KT / 200), 2 * np.pi, 1, seed).stdout)[0]
        drawn = wrapped(np.array([row["from.phi"][0] - found["phi"][0]]), np.array([2 * np.pi]))
        assert drawn == pytest.approx(offset, abs=1e-6)
        to = np.array([row["to.phi"][0], row["to.r"][0]])
        assert row["log_q_new"] == pytest.approx(proposal().log_density(to[None]), abs=1e-9)
        rows.append((row["from.phi"][0], *to))
    assert rows[0] == rows[1]
    assert not set(rows[0]) & set(rows[2])


def test_lengths_follow_units(driver):
    """In Å all is the same path: lengths ten times as large, κ a hundredth, log q less by log 10."""
    words = f"TEMP=300 STEPS={STEPS} EQUILIBRATE={REST} SEED=7"
    nm = driver.steered(wandering(50), f"KAPPA=200,300 {words} FILE=nm")
    angstrom = driver.steered(wandering(50), f"KAPPA=200,3 {words} FILE=angstrom", before="UNITS LENGTH=A")
    np.testing.assert_allclose(angstrom["jump.r_cntr"], 10 * nm["jump.r_cntr"], rtol=1e-9)
    np.testing.assert_allclose(angstrom["jump.work"], nm["jump.work"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(angstrom["jump.logq"], nm["jump.logq"] - np.log(10), atol=1e-9)


def test_a_restarted_path_is_the_uninterrupted_one(driver):
    words, positions = "SEED=7 STATE_WFILE=state STATE_WSTRIDE=10", wandering(50)
    whole = path(driver, f"{words} FILE=whole")
    cut = f"{PATH} {words} FILE=cut"
    driver.steered(positions[:31], cut)
    rest = driver.steered(positions[30:], f"{cut} RESTART=YES", "--initial-step", "30")
    for name in ("jump.work", "jump.bias", "jump.phi_cntr", "jump.step", "jump.logq"):
        np.testing.assert_allclose(rest[name], whole[name][30:], rtol=1e-12, atol=1e-12)
    one, two = driver.columns("whole"), driver.columns("cut")
    for name in set(one) - {"decision"}:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-12)


def test_a_state_of_another_step_of_the_engine_is_refused(driver):
    words = f"{PATH} SEED=7 STATE_WFILE=state STATE_WSTRIDE=10"
    driver.steered(wandering(50)[:31], words)
    for step in (0, 29, 31):
        done = driver.runs(wandering(50)[30:], f"{words} RESTART=YES", "--initial-step", str(step))
        assert done.returncode != 0
        assert f"the state is of step 30 of the MD engine, which goes on from step {step}" in done.stderr


def test_a_state_that_is_not_read_is_warned_of(driver):
    driver.steered(wandering(50)[:31], f"{PATH} SEED=7 STATE_WFILE=state STATE_WSTRIDE=10")
    warned = "STATE_RFILE=state is not read without RESTART: this path begins anew"
    assert warned in driver.runs(wandering(50), f"{PATH} SEED=7 STATE_RFILE=state").stdout
    assert warned not in driver.runs(wandering(50), f"{PATH} SEED=7").stdout


def test_two_paths_in_one_file_are_refused(driver):
    second = "\nother: CVFLOW ARG=phi,r KAPPA=200,300 TEMP=300 STEPS=9 FROM=1,1 TO=2,1"
    done = driver.runs(wandering(50), f"{PATH} SEED=7{second}")
    assert done.returncode != 0
    assert "FILE=jumps.dat is that of jump, too" in done.stderr
    assert driver.runs(wandering(50), f"{PATH} SEED=7{second} FILE=other.dat").returncode == 0


def test_a_vector_is_refused_before_the_first_step(driver):
    done = driver.runs(
        wandering(3), f"{PATH} SEED=7", before="v: DISTANCE ATOMS1=1,2 ATOMS2=3,4 NOPBC", arguments="phi,v"
    )
    assert done.returncode != 0
    assert "ERROR in input to action CVFLOW" in done.stderr
    assert "argument v is a vector or a matrix" in done.stderr


@pytest.mark.parametrize(("unit", "units", "factor"), [("ps", "TIME=fs", 1000), ("kJ/mol", "ENERGY=j/mol", 1000)])
def test_energies_and_times_follow_units(driver, unit, units, factor):
    """log q per unit; the numbers are the same, so that the variable is a thousandth in the model's unit."""
    words = "MODE=BIAS TEMP=300 BIASFACTOR=5"
    driver.has(proposal(), ["phi", "r"], ["rad", unit])
    found = driver.steered(wandering(20), words, before=f"UNITS {units}")
    s = np.stack([found["phi"], found["r"] / factor], axis=1)
    np.testing.assert_allclose(found["jump.logq"], proposal().log_density(s) - np.log(factor), atol=1e-9)


def test_a_unit_that_nobody_can_convert_needs_plumed_s_own(driver):
    words = "MODE=BIAS TEMP=300 BIASFACTOR=5"
    driver.has(proposal(), ["phi", "r"], ["rad", "nm^2"])
    driver.steered(wandering(3), words)
    done = driver.runs(wandering(3), words, before="UNITS LENGTH=A")
    assert done.returncode != 0
    assert "r of MODEL is in nm^2, which is not converted: leave out UNITS" in done.stderr


def test_places_of_periodic_arguments_have_their_domain(driver):
    path(driver, ENDS)
    lines = [line.split()[2:] for line in (driver.folder / "jumps.dat").read_text().splitlines() if "SET m" in line]
    wanted = {f"{end}_{place}.phi" for end in ("min", "max") for place in ("cv_old", "from", "to", "cv_end")}
    assert dict(lines) == {name: "-pi" if name.startswith("min") else "pi" for name in wanted}


def test_replicas_have_streams_of_their_own(harness):
    """The first has that of a run without replicas."""

    def drawn(*replica):
        return np.frombuffer(harness("centre", 0.1, 2 * np.pi, 5, 7, *replica).stdout).tolist()

    assert drawn(0) == drawn()
    assert len({tuple(drawn(replica)) for replica in range(4)}) == 4


def test_the_bias_is_that_of_the_flow_and_no_deeper_than_the_barrier(driver):
    words = "MODE=BIAS TEMP=300 BIASFACTOR=5 BARRIER=15"
    found = driver.steered(wandering(60), words)
    s = np.stack([found["phi"], found["r"]], axis=1)
    log_q, strength = proposal().log_density(s), 0.8 * KT
    np.testing.assert_allclose(found["jump.logq"], log_q, atol=1e-9)
    # The peak is the highest of 1,000 draws; the floor follows from any one of the rows.
    floors = np.log(np.exp(found["jump.bias"] / strength) - np.exp(log_q))
    deep = log_q < np.median(log_q)
    assert np.ptp(floors[deep]) < 1e-6
    draws = proposal().log_density(proposal().draw(3000, np.random.default_rng(0)))
    assert floors[deep][0] + 15 / strength == pytest.approx(draws.max(), abs=0.4)
    assert np.ptp(found["jump.bias"]) <= 15

import pytest

from cvflow.estimate.summary import summarise
from cvflow.estimate.verdict import verdict
from tests.report.synthetic import Lengths, all_failed, fake_record


@pytest.fixture(scope="module")
def good():
    return summarise(fake_record())


def test_nothing_amiss_is_converged_and_four_times_the_jumps_halve_the_error(good):
    assert good.warnings == ()
    found = verdict(good, 160)
    assert found.converged
    assert "`cvflow resume FOLDER --jumps 640` halves the error" in found.next[0]


def test_any_warning_is_not_converged(good):
    found = verdict(good.model_copy(update={"warnings": ("R-hat of r is 1.4",)}), 160)
    assert not found.converged
    assert "1 warning, below" in found.words
    assert found.next == ("Run longer: `cvflow resume FOLDER --jumps 320`, and look again.",)


def test_the_most_pressing_comes_first():
    record = all_failed(fake_record(lengths=Lengths(2, 5, 20), states={"compact": "r < 4.62", "far": "r > 90"}))
    found = verdict(summarise(record), 20)
    assert not found.converged
    assert found.next[0].startswith("Start a walker in far")
    assert found.next[1].startswith("Shorten path.timestep")
    assert found.next[2].startswith("Start one walker in each state")


def test_jumps_of_which_none_gets_anywhere_want_longer_paths():
    record = all_failed(fake_record(lengths=Lengths(2, 5, 20)))
    found = verdict(summarise(record), 20)
    assert found.next[-1].startswith("Make the paths between the states longer")


def test_an_inexact_chain_is_not_made_exact_by_a_longer_run(good):
    exact = good.exact.model_copy(update={"value": False})
    found = verdict(good.model_copy(update={"exact": exact, "warnings": ("not exact",)}), 10)
    assert found.next[0].startswith("Remove what makes the chain inexact")


def test_one_state_has_nothing_to_converge():
    record = fake_record(lengths=Lengths(2, 5, 30), states={"all": "r > 0"})
    assert verdict(summarise(record), 30).next == ("Name two states or more to get a ΔF.",)


def test_a_rare_state_is_worth_a_bias_where_it_has_none_yet(good):
    warned = good.model_copy(update={"warnings": ("R-hat of r is 1.4",)})
    first, *others = warned.states.items()
    rare = first[1].model_copy(update={"share": 0.02})
    found = verdict(warned.model_copy(update={"states": dict([(first[0], rare), *others])}), 160).next
    assert found[-1].startswith(f'Or begin anew with run.state_bias = "flat": {first[0]} holds 2 %')
    biased = rare.model_copy(update={"bias_kT": -3.0})
    for states in ({first[0]: biased}, dict([first])):
        update = {"states": dict(others) | states}
        assert "state_bias" not in verdict(warned.model_copy(update=update), 160).next[-1]

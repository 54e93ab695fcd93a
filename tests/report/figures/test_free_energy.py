import numpy as np
import pytest

from cvflow.estimate.free_energy import profile
from cvflow.estimate.grid import Axis
from cvflow.estimate.summary import summarise
from cvflow.proposals.io import from_bytes
from cvflow.report.figures import free_energy_figure
from cvflow.report.figures.free_energy import flow_profile
from tests.report.figures.reading import all_words, curve
from tests.report.synthetic import THREE, Lengths, fake_record


def test_the_profile_is_drawn_as_it_is(record):
    estimated = profile(record, "r", 40)
    figure = free_energy_figure(record, "r", 40)
    drawn = curve(figure.axes[0], "F(r) of chains and works")
    assert np.array_equal(drawn[1], estimated.free_energy, equal_nan=True)


def test_the_flow_is_shifted_to_zero(record):
    _, flow = curve(free_energy_figure(record, "r").axes[0], "−ln q")
    assert flow.min() == 0


def test_the_title_has_the_difference_by_both_estimators(record):
    summary = summarise(record)
    words = all_words(free_energy_figure(record, "r", summary=summary))
    assert "F(r) with its error band, and −ln q of the proposal" in words
    assert f"chain {summary['delta_f_chain'][0]['value_kT']:.2f} ± " in words
    assert "BAR " in words
    assert "compact" in words.split("\n")
    assert "blurred by 1/√(βκ) = 0.066" in words


def test_a_fixed_proposal_does_not_learn(record):
    assert "the flow, which learns" in all_words(free_energy_figure(record, "r"))
    fixed = [record.flows[-1]._replace(epochs=0, holdout_nll=float("nan"))]
    words = all_words(free_energy_figure(record._replace(flows=fixed), "r"))
    assert "learns" not in words
    assert "−ln q of the fixed proposal of the restraint's centre λ, to compare with p(r)" in words


def test_pieces_of_a_state_have_one_colour_and_their_names_are_not_cut_off():
    states = {"left": "phi < 0 or phi > 2.1", "right": "0 < phi < 2.1"}
    figure = free_energy_figure(fake_record(THREE, Lengths(2, 5, 40), states=states, periods=[2 * np.pi] * 2), "phi")
    axes = figure.axes[0]
    tints = {patch.get_x(): patch.get_facecolor() for patch in axes.patches}
    left, right, again = (tints[x] for x in sorted(tints))
    assert left == again != right
    figure.draw_without_rendering()
    frame = axes.get_window_extent()
    names = [text.get_window_extent() for text in axes.texts]
    assert len(names) == 3
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in names)


def test_units_are_named_where_there_are_any(record, three):
    assert free_energy_figure(record, "r").axes[0].get_xlabel() == "r"
    assert free_energy_figure(three, "psi").axes[0].get_xlabel() == "psi [rad]"


def test_marginals_come_from_draws(three):
    axis = Axis("psi", np.linspace(-1.0, 1.0, 11), np.inf)
    centres, flow = axis.centres, flow_profile(three, axis)
    proposal = from_bytes(three.flows[-1].data)
    means, sigmas = np.array(proposal.means)[:, 1], np.array(proposal.sigmas)[:, 1]
    exact = -np.log((proposal.weights / sigmas * np.exp(-0.5 * ((centres[:, None] - means) / sigmas) ** 2)).sum(axis=1))
    error = (flow - flow.mean()) - (exact - exact.mean())
    assert np.abs(error).max() < 0.2
    assert np.array_equal(flow, flow_profile(three, axis))


def test_many_differences_go_into_the_legend():
    states = {"a": "phi < -2", "b": "-2 <= phi < -1", "c": "-1 <= phi < 1", "d": "phi >= 1"}
    figure = free_energy_figure(fake_record(THREE, Lengths(2, 2, 40), states=states), "phi")
    assert figure.axes[0].get_title() == ""
    assert sum(text.get_text().startswith("ΔF a → ") for text in figure.legends[0].get_texts()) == 3


def test_a_cv_that_never_moved_is_said_in_words(record):
    still = record._replace(turns=record.turns.copy())
    still.turns["cv"] = still.turns["cv_kept"] = 3.5
    assert "never moved" in all_words(free_energy_figure(still, "r"))


def test_an_unknown_cv_is_refused(record):
    with pytest.raises(ValueError, match="unknown CV"):
        free_energy_figure(record, "s")

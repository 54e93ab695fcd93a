import matplotlib
from matplotlib.figure import Figure

from cvflow.report.figures import free_energy_figure, png
from cvflow.report.figures.drawing import say
from tests.report.figures.reading import all_words
from tests.report.synthetic import Lengths, fake_record


def test_the_style_does_not_leak(record):
    before = dict(matplotlib.rcParams)
    png(free_energy_figure(record, "r"))
    assert dict(matplotlib.rcParams) == before


def test_the_same_figure_gives_the_same_bytes(record):
    assert png(free_energy_figure(record, "r")) == png(free_energy_figure(record, "r"))


def test_words_in_place_of_a_plot():
    figure = Figure()
    say(figure.add_subplot(), "nothing to see")
    assert "nothing to see" in all_words(figure)


def test_names_with_dollars_and_underscores_are_no_mathematics():
    record = fake_record(lengths=Lengths(2, 1, 10), states={"$x_": "r < 4.62", "_y$^": "r >= 4.62"})
    figure = free_energy_figure(record, "r")
    png(figure)
    assert "ΔF $x_ → _y$^" in all_words(figure)

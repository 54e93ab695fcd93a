"""The progress line, in a pipe."""

from cvflow.run.progress import watching
from cvflow.run.tuning import Trying
from cvflow.sampler.loop import Progress

SEEN = Progress(turns=30, total=120, production=False, accepted=6, mode_changes=2, steps=6000, seconds=3.0)


def test_a_run_says_where_it_stands_and_what_is_left(capsys):
    with watching(quiet=True) as watch:
        watch(SEEN)
    assert capsys.readouterr().out == ("adapting 30/120 acceptance 0.20, 2 mode changes, 2,000 steps/s, 0:09 left\n")


def test_pilots_say_which_setting_they_try(capsys):
    """What is left is not said: nobody knows how many settings there will be."""
    with watching(quiet=True) as watch:
        watch(Trying("kappa [300], steps 128", 3, SEEN))
    assert capsys.readouterr().out == ("tuning 3 30/120 kappa [300], steps 128: acceptance 0.20, 2,000 steps/s\n")


def test_lines_in_a_pipe_are_few_but_the_last_of_each_is_there(capsys):
    with watching(quiet=True) as watch:
        for turns in range(1, 121):
            watch(Trying("steps 64", 1, SEEN._replace(turns=turns)))
        for turns in range(1, 121):
            watch(SEEN._replace(turns=turns, production=True))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[:3] for line in lines] == [
        ["tuning", "1", "1/120"],
        ["tuning", "1", "120/120"],
        ["production", "120/120", "acceptance"],
    ]

"""The figures of a run's page: which there are, what is written below each, and the data beside it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Literal

from matplotlib.figure import Figure

from cvflow.estimate.cautions import Estimate
from cvflow.estimate.comparison import Compared
from cvflow.estimate.free_energy import profile
from cvflow.estimate.running import RunningDifferences, running_convergence, running_differences
from cvflow.estimate.schema import Summary
from cvflow.estimate.surface import surface
from cvflow.estimate.work import crossing_works
from cvflow.host.faults import said
from cvflow.host.journal import LOG
from cvflow.report.figures import (
    acceptance_figure,
    alt_text,
    convergence_figure,
    free_energy_figure,
    png,
    running_figure,
    surface_figure,
    trace_figure,
    vector,
    work_figure,
)
from cvflow.report.html import Illustration
from cvflow.report.plumed_text import convergence_text, fes_text, running_text, surface_text, works_text
from cvflow.store import Record

REPORT_BINS = 60

Form = Literal["svg", "pdf"]

_MOST_PAIRS = 6
"""Pairs of states whose works are drawn: those of four states."""

_VERSIONS = (
    ", dotted lines where a new version of the flow begins to propose; below, how well each version predicts samples "
    "it was not trained on"
)


def run_illustrations(
    record: Record, summary: Summary, pairs: Mapping[tuple[int, int], Compared], forms: Sequence[Form] = ()
) -> list[Illustration]:
    """All figures that can be drawn.

    Args:
        record: the run.
        summary: of this record.
        pairs: estimates of all pairs of states, by their indices.
        forms: vector formats that each figure is written in besides.
    """
    found = [
        *(free_energy_surface(record, *cvs, REPORT_BINS, forms) for cvs in _cv_pairs(record.header.cvs)),
        *(free_energy_profile(record, cv, REPORT_BINS, summary, forms) for cv in record.header.cvs),
        _running(record, forms),
        _convergence(record, forms),
        *(_works(record, pair, pairs[pair], forms) for pair in list(pairs)[:_MOST_PAIRS]),
        drawn("trace.png", "What every walker visited. Its data: COLVAR.", partial(trace_figure, record), forms),
        drawn(
            "acceptance.png",
            f"Acceptance in a running window with its binomial error (68 %){_of_versions(record)}. Its data: "
            "jumps.dat.",
            partial(acceptance_figure, record),
            forms,
        ),
    ]
    return [illustration for illustration in found if illustration is not None]


def drawn(
    file: str,
    caption: str,
    make: Callable[[], Figure],
    forms: Sequence[Form] = (),
    data: Callable[[], Mapping[str, str]] = dict,
) -> Illustration | None:
    """The figure; one that cannot be drawn costs neither the tables nor the others, and is said."""
    try:
        figure = make()
        stem = file.removesuffix(".png")
        beside = {f"{stem}.{form}": vector(figure, form) for form in forms}
        beside |= {name: text.encode() for name, text in data().items()}
        return Illustration(file, caption, png(figure), alt_text(figure), beside)
    except Exception as error:
        LOG.warning("warning: %s could not be drawn (%s)", file, said(error))
        LOG.info("%s", file, exc_info=error)
        return None


def free_energy_profile(
    record: Record, cv: str, bins: int, summary: Summary | None = None, forms: Sequence[Form] = ()
) -> Illustration | None:
    """F along one CV."""
    return drawn(
        f"fes_{cv}.png",
        f"Free energy along {cv}: F({cv}) with its error band, and −ln q of the proposal{_of_centres(record)}.",
        partial(free_energy_figure, record, cv, bins, summary),
        forms,
        lambda: {f"fes_{cv}.dat": fes_text(profile(record, cv, bins), record.header.kT)},
    )


def free_energy_surface(
    record: Record, first: str, second: str, bins: int, forms: Sequence[Form] = ()
) -> Illustration | None:
    """F along two CVs."""
    return drawn(
        f"fes_{first}_{second}.png",
        f"Free energy along {first} and {second}, from the chains and the works of paths between states. Dashed "
        "lines are the borders of the named states; white is where too few visits or paths tell an error, and says "
        "nothing about the free energy there.",
        partial(surface_figure, record, first, second, bins),
        forms,
        lambda: {f"fes_{first}_{second}.dat": surface_text(surface(record, (first, second), bins), record.header.kT)},
    )


def _cv_pairs(cvs: list[str]) -> list[tuple[str, str]]:
    """All pairs of two CVs or three; of more, each with its neighbour: `cvflow fes` draws any other."""
    return list(combinations(cvs, 2)) if len(cvs) <= 3 else list(zip(cvs[::2], cvs[1::2], strict=False))


def _running(record: Record, forms: Sequence[Form]) -> Illustration | None:
    """ΔF as the run goes on; nothing with fewer than two states."""
    if len(record.header.states) < 2:
        return None
    found: list[RunningDifferences] = []

    def figure() -> Figure:
        found.append(running_differences(record))
        return running_figure(record, found[0])

    return drawn(
        "delta_f.png",
        "The best ΔF that the run would have given, had it ended after fewer jumps: the points hold one another, and "
        "should stay within the bands of those before them. A dotted line is the last value.",
        figure,
        forms,
        lambda: {"delta_f.dat": running_text(found[0], next(iter(record.header.states)))},
    )


def _convergence(record: Record, forms: Sequence[Form]) -> Illustration | None:
    """R-hat and effective samples as the run goes on."""
    found = running_convergence(record)
    return drawn(
        "convergence.png",
        "R-hat of each CV and its effective samples, after ever more jumps. R-hat should fall below the dotted line "
        "and stay there; effective samples should rise in proportion to the jumps.",
        partial(convergence_figure, record, found),
        forms,
        lambda: {"convergence.dat": convergence_text(found, record.header.cvs)},
    )


def _works(record: Record, pair: tuple[int, int], found: Compared, forms: Sequence[Form]) -> Illustration | None:
    names = [list(record.header.states)[index] for index in pair]
    stem = "work" if pair == (0, 1) else f"work_{pair[0] + 1}_{pair[1] + 1}"
    return drawn(
        f"{stem}.png",
        f"Works of all production paths between {names[0]} and {names[1]}, accepted or not, with each bin's error. The "
        "two histograms cross at ΔF; the less they overlap, the less the paths relax.",
        partial(work_figure, record, pair, Estimate(found.bar.value, found.bar.stderr)),
        forms,
        lambda: {f"{stem}.dat": works_text(crossing_works(record, *pair), *names)},
    )


def _of_centres(record: Record) -> str:
    if len(record.header.kappa) != len(record.header.cvs):
        return ""
    learns = ", which learns the density of the" if _learns(record) else " of the"
    return f"{learns} restraint's centre, a little broader than that of the CV"


def _of_versions(record: Record) -> str:
    return _VERSIONS if _learns(record) else "; the proposal is fixed, and nothing was trained"


def _learns(record: Record) -> bool:
    return any(flow.epochs for flow in record.flows)

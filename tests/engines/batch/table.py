"""Runs all cases and mutants and writes docs/exactness.md:

python -m tests.engines.batch.table
"""

from math import log, pi, sqrt
from pathlib import Path

import numpy as np
import torch

from tests.engines.batch import centre
from tests.engines.batch.cases import CASES
from tests.engines.batch.circles import CIRCLE
from tests.engines.batch.mutants import MUTANTS
from tests.engines.batch.stationarity import THRESHOLD, Case, Verdict, run

DOCUMENT = Path(__file__).parents[3] / "docs" / "exactness.md"

HEAD = """# Exactness of the batched kernels

Written by `python -m tests.engines.batch.table`; do not edit. The same cases and mutants run in
`pytest tests/engines/batch/test_exactness.py`.

If a move leaves a density π invariant, one application of it to exact draws of π changes no mean. Each case below is
one kernel on one target whose draws are exact: the move is applied once (on circles twice) to every draw, and

    z = mean(f(x') - f(x)) / standard error

is taken over functions f of the CV, of what is orthogonal to it, of the energy, and of these together. A case fails
where any |z| reaches {threshold:g}. All proposals are bad on purpose (wrong weights, too broad, shifted), time steps
are coarse and paths 1, 3 or 20 steps long; targets and settings are in `tests/engines/batch/targets.py`, `circles.py`,
`systems.py` and `cases.py`. {draws:,} draws a case where a mutant's row says nothing else, float64 where a setting
says nothing else, fixed seeds.

"Exact" means that no case has failed: z sees a bias only where it is larger than its standard error, and the mutants
show how small an error is seen. Of {count:,} z in {cases} cases the largest is {largest:.2f}; the largest of as many
independent normal numbers would be about {expected:.1f}.

## Kernels

Rows named after a local move are local moves; the other rows are jumps.

| kernel | verdict | targets | cases | z's | largest \\|z\\| | of |
|---|---|---|---|---|---|---|
"""

ENGINE = """| K5 in OpenMM | | | | | | see docs/theory.md, section 6: `pytest tests/engines/test_stationarity.py` |
| K5 in LAMMPS | | | | | | `pytest tests/engines/test_verlet_stationarity.py -k LAMMPS`, most of it with `-m slow` |
| K5 in ASE | | | | | | `pytest tests/engines/test_verlet_stationarity.py -k ASE`, most of it with `-m slow` |
"""

ERRORS = """
## Mutants

The same machinery with one thing wrong, next to the same case without it.

| kernel | what is wrong | target | setting | draws | \\|z\\| with the error | of | \\|z\\| without |
|---|---|---|---|---|---|---|---|
"""

FOOT = """
Moves that are biased by construction, and named so in reports, are the mutants "not Metropolised": Euler-Maruyama and
Langevin steps, and Hamiltonian paths taken as they come.
"""


def largest_of(count: int) -> float:
    """About where the largest |z| of so many independent normal numbers lies."""
    a = sqrt(2 * log(2 * count))
    return a - (log(log(2 * count)) + log(4 * pi)) / (2 * a)


def kernel_row(kernel: str, cases: list[Case], verdicts: list[Verdict]) -> str:
    worst = max(range(len(cases)), key=lambda i: verdicts[i].largest)
    verdict = "exact" if verdicts[worst].largest < THRESHOLD else "BIASED"
    targets = ", ".join(dict.fromkeys(case.target.name for case in cases))
    count = sum(len(verdict.names) for verdict in verdicts)
    name = verdicts[worst].names[int(np.abs(verdicts[worst].z).argmax())]
    where = f"{name}; {cases[worst].target.name}, {cases[worst].setting}"
    return f"| {kernel} | {verdict} | {targets} | {len(cases)} | {count} | {verdicts[worst].largest:.2f} | {where} |\n"


def mutant_row(mutant) -> str:
    right, wrong = run(mutant.right), run(mutant.wrong)
    name = wrong.names[int(np.abs(wrong.z).argmax())]
    verdict = f"{wrong.largest:.1f}" if wrong.largest > THRESHOLD else f"{wrong.largest:.1f}, NOT CAUGHT"
    return (
        f"| {mutant.right.kernel} | {mutant.error} | {mutant.right.target.name} | {mutant.right.setting} "
        f"| {mutant.right.draws:,} | {verdict} | {name} | {right.largest:.1f} |\n"
    )


def centre_row() -> str:
    right, wrong = (centre.largest_z(kernel, CIRCLE) for kernel in (centre.RIGHT, centre.WRAPPED))
    return f"| {' | '.join(centre.ERROR)} | {centre.COUNT:,} | {wrong:.1f} | λ - ξ(x) | {right:.1f} |\n"


def text() -> str:
    """The document."""
    verdicts = [run(case) for case in CASES]
    count = sum(len(verdict.names) for verdict in verdicts)
    lines = [
        HEAD.format(
            threshold=THRESHOLD, draws=CASES[0].draws, count=count, cases=len(CASES),
            largest=max(verdict.largest for verdict in verdicts), expected=largest_of(count),
        )
    ]  # fmt: skip
    for kernel in dict.fromkeys(case.kernel for case in CASES):
        mine = [i for i, case in enumerate(CASES) if case.kernel == kernel]
        lines.append(kernel_row(kernel, [CASES[i] for i in mine], [verdicts[i] for i in mine]))
    return "".join([*lines, ENGINE, ERRORS, *map(mutant_row, MUTANTS), centre_row(), FOOT])


if __name__ == "__main__":
    torch.set_num_threads(1)
    DOCUMENT.write_text(text())
    print(f"wrote {DOCUMENT}")

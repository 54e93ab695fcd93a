"""CVs of systems of torch functions: from the config's words to objects."""

from collections.abc import Sequence
from math import inf
from pathlib import Path

import torch

from cvflow.config.cv_given import PythonSection
from cvflow.config.cv_types import CoordinateSection
from cvflow.config.cv_words import CvSection
from cvflow.config.references import absolute
from cvflow.cv.batch import BatchCV, Coordinates, FunctionCV
from cvflow.engines.batch.system import TorchSystem
from cvflow.host.functions import load_function


def found_from(section: CvSection, folder: Path) -> CvSection:
    """The CV's words with its function found from any folder.

    Raises:
        ConfigError: they do not name one as file.py:function.
    """
    if not isinstance(section, PythonSection):
        return section
    return section.changed(python=absolute(section.python, folder, f"cv {section.name}"))


def batch_cv(sections: Sequence[CvSection], system: TorchSystem) -> BatchCV:
    """The CVs that the config names, as one with several components.

    Raises:
        ValueError: one of them is not possible, or two are the same coordinate.
    """
    return _joined([_cv(section, system) for section in sections])


def _cv(section: CvSection, system: TorchSystem) -> BatchCV:
    shape, dof = system.potential.shape, system.potential.dof
    if isinstance(section, PythonSection):
        function = load_function(section.python, f"cv {section.name}")
        return FunctionCV((section.name,), function, shape, (section.period or inf,), (section.limits,))
    if not isinstance(section, CoordinateSection):
        raise ValueError(
            f"cv {section.name}: the batch engine takes type 'coordinate' or python = \"file.py:function\", "
            f"not {section.type!r}"
        )
    return Coordinates((section.name,), (section.index,), dof)


def _joined(cvs: list[BatchCV]) -> BatchCV:
    """Several CVs as one with several components."""
    if len(cvs) == 1:
        return cvs[0]
    if all(isinstance(cv, Coordinates) for cv in cvs):
        split = [cv for cv in cvs if isinstance(cv, Coordinates)]
        if len({cv.index for cv in split}) < len(split):
            raise ValueError("two CVs are the same coordinate")
        return Coordinates(tuple(cv.names[0] for cv in split), tuple(cv.index[0] for cv in split), split[0].dof)
    shape = next(cv.shape for cv in cvs if isinstance(cv, FunctionCV))
    return FunctionCV(
        names=tuple(cv.names[0] for cv in cvs),
        function=lambda x: torch.cat([cv.value(x.flatten(1)) for cv in cvs], dim=1),
        shape=shape,
        periods=tuple(cv.periods[0] for cv in cvs),
        ranges=tuple(cv.ranges[0] for cv in cvs),
    )

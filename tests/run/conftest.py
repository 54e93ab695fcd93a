"""Runs in this room have no figures, but where a test looks at them."""

import pytest

from tests.figures import drawn, undrawn


@pytest.fixture(scope="package", autouse=True)
def without_figures():
    with undrawn():
        yield


@pytest.fixture
def with_figures():
    with drawn():
        yield

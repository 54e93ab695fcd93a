from tests.plumed.conftest import library, plumed  # noqa: F401

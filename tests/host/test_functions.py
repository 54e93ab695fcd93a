"""Functions from users' files."""

import sys

import pytest

from cvflow.host.functions import load_function


def test_the_folder_is_left_as_it_is(tmp_path, monkeypatch):
    """Where this process writes bytecode, too."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "mine.py").write_text("def twice(x):\n    return 2 * x\n")
    assert load_function(f"{tmp_path / 'mine.py'}:twice", "here")(3) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_what_is_no_python_file_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("def twice(x):\n    return 2 * x\n")
    with pytest.raises(ValueError, match=r"here: .*mine\.txt is no Python file"):
        load_function(f"{tmp_path / 'mine.txt'}:twice", "here")

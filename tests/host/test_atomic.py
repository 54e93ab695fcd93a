"""Files that appear whole or not at all."""

import os
import stat

import pytest

from cvflow.host.atomic import copy_whole, write_whole


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_place_with_the_mode_of_any_other(tmp_path):
    (tmp_path / "other").write_text("")
    write_whole(tmp_path / "file", "Å\n")
    assert (tmp_path / "file").read_bytes() == "Å\n".encode()
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode
    write_whole(tmp_path / "file", b"again")
    assert (tmp_path / "file").read_bytes() == b"again"
    assert left(tmp_path) == ["file", "other"]


def test_what_a_link_points_to_is_not_written_over(tmp_path):
    """Neither where the file goes, nor where a name for the half-written one could be guessed."""
    (tmp_path / "precious").write_text("mine")
    for name in ("COLVAR", "COLVAR.tmp"):
        (tmp_path / name).symlink_to("precious")
    write_whole(tmp_path / "COLVAR", "0 1 2")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "COLVAR").read_text() == "0 1 2"
    assert not (tmp_path / "COLVAR").is_symlink()
    assert (tmp_path / "COLVAR.tmp").is_symlink()


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cvflow.host.atomic.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert left(tmp_path) == ["file"]


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_not_replaced(tmp_path, kind):
    (os.mkdir if kind == "folder" else os.mkfifo)(tmp_path / "place")
    with pytest.raises(FileExistsError, match="no file"):
        write_whole(tmp_path / "place", "new")
    assert left(tmp_path) == ["place"]


def test_a_copy_can_be_run_like_the_original(tmp_path):
    (tmp_path / "program").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "program").chmod(0o754)
    copy_whole(tmp_path / "program", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"#!/bin/sh\n"
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o754

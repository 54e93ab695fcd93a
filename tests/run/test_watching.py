"""`cvflow watch`: the page of a run that goes on, that the run notices nothing, and what is refused."""

import os
import socket
import threading
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from cvflow.cli.commands import execute
from cvflow.config.section import ConfigError
from cvflow.run import run_folder, watching
from cvflow.run.folder_lock import folder_lock
from cvflow.run.watching import HOST, WatchedFolder, served
from tests.run.test_status import touched
from tests.run.valley_run import begin
from tests.run.valley_run import quick as quick
from tests.run.valley_run import short as short


@contextmanager
def showing(folder, every=0.0):
    """A function that asks for the page, or for another path of its server."""
    with served(WatchedFolder(folder, every), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def ask(path="/", **headers):
            request = Request(f"http://{HOST}:{server.server_port}{path}", headers=headers)
            with urlopen(request, timeout=60) as answer:
                return answer.read().decode()

        yield ask
        server.shutdown()


def test_a_run_is_watched_from_its_first_commit_to_its_end(quick, tmp_path):
    """Asked at each turn, in another thread: the report grows, and no byte and no time of a file is another."""
    out, seen = tmp_path / "out", []

    def look(progress):
        if not (out / "run.h5").is_file():
            return
        before = touched(out)
        with showing(out) as ask:
            seen.append(ask())
        assert touched(out) == before

    begin(tmp_path, look, run={"jumps": 12})
    assert "The report begins when each walker has made a jump of production." in seen[0]
    assert all("running: process " in page and "setInterval(" in page for page in seen)
    growing = [page for page in seen if "<h2>In short</h2>" in page]
    assert len(set(growing)) > 1
    with showing(out) as ask:
        ended = ask()
    assert "finished: all jumps are made" in ended
    assert ended.count("<section") > 8


def test_before_the_first_commit(tmp_path):
    with folder_lock(tmp_path), showing(tmp_path) as ask:
        assert "nothing is committed yet" in ask()
        (tmp_path / "run.h5").write_bytes(b"garbage")
        with pytest.raises(HTTPError, match="503") as caught:
            ask()
    assert "not a cvflow store" in caught.value.read().decode()
    caught.value.close()


def test_it_is_made_once_in_so_many_seconds(quick, tmp_path, monkeypatch):
    begin(tmp_path)
    watched = WatchedFolder(tmp_path / "out", every=1000.0)
    first = watched.page()
    monkeypatch.setattr("cvflow.run.watching.status", pytest.fail)
    assert watched.page() is first


def test_pictures_are_drawn_once_for_as_long_as_no_turn_is_added(quick, tmp_path, monkeypatch):
    """The lines above them are as of now: here the age of the last commit."""
    drawn, draw = [], watching.live_report
    monkeypatch.setattr(watching, "live_report", lambda *of: drawn.append(of) or draw(*of))
    begin(tmp_path)
    watched = WatchedFolder(tmp_path / "out", every=0.0)
    first = watched.page()
    os.utime(tmp_path / "out" / "run.h5", (1e9, 1e9))
    second = watched.page()
    assert len(drawn) == 1
    assert first != second
    assert first.split("<h2>In short</h2>")[1] == second.split("<h2>In short</h2>")[1]
    run_folder.resume(tmp_path / "out", 8, lambda progress: None)
    assert watched.page() != second
    assert len(drawn) == 2


@pytest.mark.parametrize(("path", "host", "code"), [("/run.h5", "localhost:1", 404), ("/", "evil.example:80", 403)])
def test_it_shows_one_page_to_this_machine(path, host, code, tmp_path):
    """No file of the folder, and nothing to a page elsewhere whose name leads here."""
    with folder_lock(tmp_path), showing(tmp_path) as ask:
        with pytest.raises(HTTPError) as caught:
            ask(path, Host=host)
        assert caught.value.code == code
        caught.value.close()
        assert "Where it stands" in ask(Host="localhost:8765")


def test_a_port_that_is_taken_is_one_line(quick, tmp_path, capsys):
    begin(tmp_path)
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert execute(["watch", str(tmp_path / "out"), "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert said == f"cvflow: --port {port}: Address already in use; give another, or 0 for any that is free\n"


@pytest.mark.parametrize("wrong", [["--port", "70000"], ["--every", "0"], []])
def test_misuse_is_one_line(wrong, tmp_path, capsys):
    """No run there, too."""
    assert execute(["watch", str(tmp_path), *wrong]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_no_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no run here"):
        WatchedFolder(tmp_path, 1.0)


def test_ctrl_c_ends_it_in_peace(quick, tmp_path, monkeypatch, capsys):
    def interrupted(server):
        raise KeyboardInterrupt

    begin(tmp_path)
    capsys.readouterr()
    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", interrupted)
    assert execute(["watch", str(tmp_path / "out"), "--port", "0"]) == 0
    assert capsys.readouterr().out.startswith(f"watching {tmp_path / 'out'}: http://127.0.0.1:")

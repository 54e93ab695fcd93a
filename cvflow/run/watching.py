"""`cvflow watch`: the report of a run while it goes on, as a page on this machine; the folder is only read."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cvflow.config.section import ConfigError
from cvflow.report import LiveParts, live_report, waiting_page
from cvflow.run.status import look, status, stored
from cvflow.store import Record

HOST = "127.0.0.1"
"""Nobody else's machine sees the page; `ssh -L` brings it to one's own."""

_NAMES = {"localhost", HOST}
"""Hosts that a browser may ask for: a page of another name that leads here is none of ours."""


class WatchedFolder:
    """The page of a run's folder as it is now. It is made when somebody asks, and for some seconds not again."""

    def __init__(self, folder: Path, every: float) -> None:
        """Watch a folder.

        Raises:
            ConfigError: it holds no run, or its store cannot be read.
        """
        for _ in status(folder):
            break
        self.folder, self._every = folder, every
        self._lock, self._made, self._page = threading.Lock(), float("-inf"), ""
        self._drawn: tuple[int, Callable[[LiveParts], str]] | None = None  # the turns that it is of, and the report

    def page(self) -> str:
        """The page; threads that ask at once wait for one another.

        Raises:
            ConfigError: the store cannot be read.
        """
        with self._lock:
            if time.monotonic() - self._made >= self._every:
                self._page, self._made = self._written(), time.monotonic()
            return self._page

    def _written(self) -> str:
        live = LiveParts(tuple(status(self.folder)), self._every)
        if stored(self.folder):
            looked = look(self.folder)
            if looked.done.all():
                return self._report(looked.record)(live)
        return waiting_page(self.folder.resolve().name, live)

    def _report(self, record: Record) -> Callable[[LiveParts], str]:
        """The report of what is committed; turns are only added to, so that their number says whether it is another."""
        if self._drawn is None or self._drawn[0] != len(record.turns):
            self._drawn = len(record.turns), live_report(record, self.folder)
        return self._drawn[1]


def served(watched: WatchedFolder, port: int) -> ThreadingHTTPServer:
    """A server of the page on this machine, which listens already; its threads end with the process.

    Args:
        watched: what it shows.
        port: 0 for any that is free.

    Raises:
        ConfigError: the port cannot be had.
    """
    try:
        server = ThreadingHTTPServer((HOST, port), _handler(watched.page))
    except OSError as error:
        raise ConfigError(f"--port {port}: {error.strerror}; give another, or 0 for any that is free") from error
    server.daemon_threads = True
    return server


def _handler(page: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    """What answers requests: one page, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Host", "").rpartition(":")[0] not in _NAMES:
                self.send_error(HTTPStatus.FORBIDDEN)
            elif self.path != "/":
                self.send_error(HTTPStatus.NOT_FOUND)
            else:
                self._answer()

        def _answer(self) -> None:
            try:
                code, text, kind = HTTPStatus.OK, page(), "html"
            except ConfigError as error:
                code, text, kind = HTTPStatus.SERVICE_UNAVAILABLE, str(error), "plain"
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", f"text/{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Requests are not news."""

    return Handler

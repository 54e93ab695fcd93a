"""The pages in headless Chromium: console, width and contrast, light and dark; one that looks again by itself does."""

import html
import json
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cvflow.estimate.summary import summarise
from cvflow.report import LiveParts, waiting_page, write_report
from cvflow.report.html import html_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LIGHT, DARK = 1, 0
"""Chromium's words for what a reader prefers."""

HEARD = """<script>
addEventListener("message", heard => { document.documentElement.dataset.measured = heard.data; });
</script>"""

MEASURED = """<script>
addEventListener("load", () => {
  const light = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = each => {
    const color = getComputedStyle(each).backgroundColor;
    return /, 0\\)$/.test(color) && each.parentElement ? behind(each.parentElement) : color;
  };
  const own = each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim());
  const ratios = [...document.querySelectorAll("main *")].filter(own).map(each => {
    const [a, b] = [light(getComputedStyle(each).color), light(behind(each))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  });
  parent.postMessage(JSON.stringify({
    width: innerWidth, scrolls: document.documentElement.scrollWidth, contrast: Math.min(...ratios),
    dark: matchMedia("(prefers-color-scheme: dark)").matches, texts: ratios.length,
    broken: [...document.images].filter(image => !image.naturalWidth).length, images: document.images.length,
  }), "*");
});
</script>"""
"""Contrast is WCAG 2's, of every piece of text with what is behind it."""


@pytest.fixture
def chromium(tmp_path):
    """The DOM of an address after its scripts, and what was said on the console."""
    if BROWSER is None:
        pytest.skip("NO CHROMIUM: the pages are not looked at in a browser (install chromium)")

    def shown(address, scheme=LIGHT):
        command = [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
            f"--user-data-dir={tmp_path / 'profile'}", f"--blink-settings=preferredColorScheme={scheme}",
            "--window-size=1300,900", "--virtual-time-budget=1600", address,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        return done.stdout, re.findall(r".*CONSOLE.*", done.stderr)

    return shown


@pytest.fixture(scope="module")
def page(three, tmp_path_factory):
    """A report with all its figures, that measures itself."""
    folder = tmp_path_factory.mktemp("run")
    write_report(three, folder)
    page = folder / "report.html"
    page.write_text(page.read_text().replace("</head>", f"{MEASURED}</head>"))
    return page


def framed(page, width):
    """A page around it that is as wide: Chromium's own windows are no narrower than 500."""
    frame = page.with_name("framed.html")
    frame.write_text(f'{HEARD}<iframe src="{page.name}" style="border: 0; width: {width}px; height: 900px"></iframe>')
    return frame.as_uri()


def measured(dom):
    return json.loads(html.unescape(re.search(r'data-measured="([^"]*)"', dom)[1]))


@pytest.mark.parametrize(("scheme", "width"), [(LIGHT, 390), (DARK, 1200)])
def test_the_report(chromium, page, scheme, width):
    dom, console = chromium(framed(page, width), scheme)
    found = measured(dom)
    assert console == []
    assert (found["width"], found["dark"]) == (width, scheme == DARK)
    assert found["scrolls"] <= found["width"]
    assert (found["broken"], found["images"] > 5, found["texts"] > 50) == (0, True, True)
    assert found["contrast"] >= 4.5


def test_what_is_too_wide_or_too_faint_is_found(chromium, record, tmp_path):
    text = html_report(record, summarise(record), [])
    wrong = "<style>h1 { width: 900px; color: #999 !important; }</style><script>console.error('x')</script>"
    page = tmp_path / "wrong.html"
    page.write_text(text.replace("</head>", f"{wrong}{MEASURED}</head>"))
    dom, console = chromium(framed(page, 390))
    assert measured(dom)["scrolls"] > 390
    assert measured(dom)["contrast"] < 4.5
    assert len(console) == 1


def test_a_page_of_a_run_looks_again_by_itself(chromium):
    """Its server's second answer stands in the place of the first."""
    answers = iter(["first", "second"])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/"
            body = waiting_page("run", LiveParts((next(answers, "later"),), 1.0)).encode() if found else b""
            self.send_response(200 if found else 204)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        dom, console = chromium(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
    assert console == []
    assert "<li>first</li>" not in dom
    assert re.search(r"<li>(second|later)</li>", dom)

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from cvflow.estimate.cautions import UNVISITED
from cvflow.estimate.summary import summarise
from cvflow.report.html import Illustration, html_report
from tests.report.synthetic import Lengths, all_failed, fake_record

FIGURES = [Illustration("fes_r.png", "F(r) & its error", b"\x89PNG one"), Illustration("work.png", "works", b"two")]
EMPTY = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that tags close in order, and collects text and sources."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.sources = [], set(), [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page(record):
    return html_report(record, summarise(record), FIGURES)


def test_nothing_is_loaded_and_nothing_runs(page):
    found = Page(page)
    assert "http://" not in page
    assert "https://" not in page
    assert "script" not in found.tags
    assert "link" not in found.tags
    assert found.sources
    assert all(source.startswith("data:image/png;base64,") for source in found.sources)


def test_the_result_comes_first(page, record):
    value = summarise(record)["delta_f"][0]["value_kT"]
    assert page.index(f"{value:.2f} ± ") < page.index("<img")
    assert page.index("do chain and BAR agree?") < page.index("<img")
    assert "compact → extended" in page


def test_every_part_is_there(page):
    text = " ".join(" ".join(Page(page).text).split())
    for words in (
        UNVISITED,
        "so start one walker in every metastable state you know of",
        "started in compact (2 walkers), extended (2 walkers)",
        "Exact",
        "local moves are Metropolised",
        "r < 4.62",
        "centre-of-mass motion",
        "5 min 22 s",
        "seed = 1",
        "steps per mode change",
        "every path and every local move reached its end",
    ):
        assert words in text
    assert "F(r) &amp; its error" in page


def test_text_is_escaped(record):
    evil = "<script>alert('&')</script>"
    header = replace(record.header, system=evil, notes=[evil], config=evil, exact=False, exact_reason=evil)
    changed = record._replace(header=header)
    found = Page(html_report(changed, summarise(changed), FIGURES))
    assert "script" not in found.tags
    assert "".join(found.text).count(evil) >= 5


def test_failures_and_warnings_are_said():
    record = all_failed(fake_record(lengths=Lengths(2, 5, 20)))
    text = " ".join(Page(html_report(record, summarise(record), [])).text)
    assert "diverged" in text
    assert "No mode change in production" in text
    assert "40 of 40 production jumps failed" in text
    assert "is not determined by BAR" in text

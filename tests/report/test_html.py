import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cvflow.estimate.cautions import UNVISITED, comparisons, plus_minus
from cvflow.estimate.comparison import compared_pairs
from cvflow.estimate.passages import passages
from cvflow.estimate.summary import summarise
from cvflow.report import html, write_report
from cvflow.report.html import Illustration, html_report
from tests.report.synthetic import Lengths, all_failed, fake_record

FIGURES = [Illustration("fes_r.png", "F(r) & its error", b"\x89PNG one"), Illustration("work.png", "works", b"two")]
EMPTY = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that tags close in order, and collects text and sources."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.sources, self.alts = [], set(), [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        self.alts += [dict(attrs).get("alt") for _ in range(tag == "img")]
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


def test_ten_seconds_come_first(record, page):
    summary = summarise(record)
    text = " ".join(" ".join(Page(page).text).split())
    headline = comparisons(summary)[0].headline
    verdict, following = text.index("Converged as far as this run can tell"), text.index("--jumps 640")
    assert text.index(headline) < verdict < following < text.index("do chain and BAR agree?")
    assert "<code>cvflow resume FOLDER --jumps 640</code>" in page


def test_what_is_seen_in_a_picture_is_said_and_is_not_its_caption_again(record, tmp_path):
    write_report(record, tmp_path)
    alts = Page((tmp_path / "report.html").read_text()).alts
    assert len(alts) == 6
    assert any("ΔF compact → extended = " in alt for alt in alts)
    assert all(alts)


def test_the_title_is_not_the_engine(record):
    header = replace(record.header, system="openmm")
    page = html_report(record._replace(header=header), summarise(record), [])
    assert "<title>cvflow: compact, extended by r</title>" in page


def test_all_pairs_and_all_passages(three):
    pairs = compared_pairs(three, [(0, 1), (0, 2), (1, 2)])
    text = " ".join(" ".join(Page(html_report(three, summarise(three), [], pairs=pairs)).text).split())
    assert "All pairs of states" in text
    assert f"middle → right {plus_minus(pairs[2].best.found.value, pairs[2].best.found.stderr)}" in text
    found = passages(three)
    assert f"right → left {found.proposed[2, 0]} {found.accepted[2, 0]} " in text


def test_where_the_force_evaluations_went(record):
    text = " ".join(" ".join(Page(html_report(record, summarise(record), [])).text).split())
    total = int(record.turns["steps"].sum() + record.turns["local_steps"].sum())
    assert f"all {total:,} 100 %" in text
    assert "paths of production: run to the end and rejected" in text
    assert "adaptation 152,000" in text


def test_the_papers_to_cite_are_those_of_the_citation_file(page):
    text = " ".join(Page(page).text)
    cited = re.findall(r"arXiv:\S+|10\.\d+/\S+", (Path(__file__).parents[2] / "CITATION.cff").read_text())
    assert len(cited) == 4
    assert all(paper in text for paper in cited)


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(part, 16) / 255 for part in re.findall("..", digits)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_words_stand_out_in_light_and_dark():
    """4.5 is what WCAG's level AA asks for."""
    css = (Path(html.__file__).parent / "templates" / "report.css").read_text()
    blocks = [css[place:].split("}")[0] for place in (css.index(":root"), css.index(":root", css.index("dark)")))]
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", block)) for block in blocks)
    for theme in (light, light | dark):
        for words in ("text", "quiet", "good", "bad"):
            for card in ("page", "card", "alarm-card"):
                assert contrast(theme[words], theme[card]) > 4.5, (words, card)


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

"""``report.html``: read by an HTML parser, and with hostile text in every place."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from limbeck.compiler.emit.report import Report, render_report
from limbeck.optimizers.gate import gate
from limbeck.records import Candidate
from limbeck.signatures.program import apply

EVIL = "</pre></title><script>alert('x')</script><img src=http://evil/x onerror=alert(1)> $title & \"quoted\""
VOID = {"meta", "circle", "line"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are closed in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.open, self.text = [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def render(program, report, demos=(), instructions="Pick."):
    compiled = apply(program, Candidate({"self": instructions}, {"self": list(demos)}))
    html = render_report(report, {"self": compiled}, "chat")
    return Page(html), html


def test_the_page_says_what_the_gate_says(program):
    """The verdict in words, both scores, and their intervals drawn to scale."""
    judged = gate([0, 1] * 40, [1, 1, 1, 0] * 20)
    page, html = render(program, Report("tickets", judged))
    text = " ".join(page.text)
    assert "Proven: the compiled program is better by 25.0 points" in text
    assert 'class="verdict proven"' in html
    assert [value for name, value in page.attributes if name == "aria-label"] == [
        "baseline 0.500, compiled 0.750, with 95% intervals"
    ]
    places = [float(value) for name, value in page.attributes if name == "cx"]
    assert places == [320.0, 430.0]


@pytest.mark.parametrize(
    ("baseline", "compiled", "kind"), [([0, 1] * 5, [0, 1] * 5, ""), ([1] * 30, [0] * 30, "worse")]
)
def test_no_gain_looks_like_no_gain(baseline, compiled, kind, program):
    """Only a proven gain is shown as one."""
    _, html = render(program, Report("tickets", gate(baseline, compiled)))
    assert f'class="verdict {kind}"' in html


@pytest.mark.parametrize("scores", [([-5.0, 3.0, 40.0], [7.0, 80.0, 90.0]), ([0.0], [0.0]), ([-3.0], [-3.0])])
def test_scores_on_any_scale_stay_inside_the_picture(scores, program):
    """The axis grows with the scores."""
    page, _ = render(program, Report("tickets", gate(*scores)))
    places = [float(value) for name, value in page.attributes if name in {"cx", "x1", "x2"}]
    assert min(places) >= 100
    assert max(places) <= 540


def test_facts_counts_and_demos_are_shown(program):
    """Everything that was given can be read on the page."""
    report = Report("t", None, {"LM": "embedded/analogy"}, {"passed": 1234}, {"rejected": 7})
    demos = [
        {"ticket": "No sound", "team": "tech", "augmented": True},
        {"ticket": "Paid twice", "team": "billing"},
    ]
    text = " ".join(render(program, report, demos)[0].text)
    for words in (
        "embedded/analogy",
        "1,234",
        "rejected",
        "2 demos",
        "written by the teacher",
        "from the data",
        "Pick.",
    ):
        assert words in text
    assert "there was no test data" in text


def test_hostile_text_is_shown_and_never_run(program):
    """Escaped in every place, and a policy in the page forbids scripts and requests besides."""
    report = Report(EVIL, None, {EVIL: EVIL}, {EVIL: 1}, {EVIL: 1})
    page, html = render(program, report, [{"ticket": EVIL, "team": EVIL}], EVIL)
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert not {"src", "href", "onerror"} & {name for name, _ in page.attributes}
    assert "default-src 'none'" in html
    assert "".join(page.text).count("<script>") >= 5


def test_nothing_is_fetched_from_elsewhere(program):
    """The page is whole by itself."""
    _, html = render(program, Report("t", gate([0, 1], [1, 1])))
    assert "http" not in html.replace("http-equiv", "")
    assert "url(" not in html
    assert "@import" not in html

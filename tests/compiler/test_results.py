"""Results show themselves: text that fits a terminal, HTML that fits a notebook."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.check import Checked
from limbeck.compiler.compile import Compiled
from limbeck.compiler.emit.result import DatasetResult
from limbeck.compiler.evaluate import Evaluated
from limbeck.compiler.forecast import Forecast
from limbeck.compiler.ingest import Ingested
from limbeck.compiler.results import Result, Shown, score
from limbeck.compiler.reverify import Reverified
from limbeck.optimizers.gate import Interval, gate
from limbeck.records import Candidate

SPENT = {"calls": 12, "cache_hits": 3, "input_tokens": 100, "output_tokens": 10, "usd": 0.0123}
FORECAST = Forecast("search", "", 200, 20, 184, 0, 0, 404, 250_000, 4_000, 1.5, None)
NAMES = st.text(max_size=20) | st.sampled_from(["<script>alert(1)</script>", "\"&<'", "two\nlines", "$x$ and $y$"])


def compiled(name: str = "router", scores: tuple[list[float], list[float]] = ([0.0] * 60, [1.0] * 60)) -> Compiled:
    return Compiled(Path("out"), name, gate(*scores), Candidate(), {"train": 100, "val": 0, "test": 60},
                    {name: 16}, {"rejected": 1_040, "passed": 80}, SPENT, FORECAST, 410, "run")  # fmt: skip


def evaluated(name: str = "router", mean: float = 0.4, low: float = 0.3, high: float = 0.5) -> Evaluated:
    interval = Interval(low, high)
    return Evaluated(name, 1_000, mean, interval, {"passed": 400, "failed": 600}, {name: 600}, SPENT, "run", Path(name))


def every(name: str) -> list[Result]:
    """One of each, with a name that someone else chose wherever there is one."""
    return [
        compiled(name),
        evaluated(name),
        Ingested(name, 12_800, {"passed": 8_543, "failed": 4_257}, {"parse": 4_257}, {name: 1},
                 {name: (8_543, 12_800)}, "run"),
        Reverified(name, 40, 20, {"passed -> rejected": 2}, {"passed": 18, "rejected": 22}),
        Checked(name, [name], ["ticket"], ["team"], {"train": 214, "val": 0, "test": 92}, {name: {name: 42}},
                {"passed": 19, "rejected": 1}, name, FORECAST),
        DatasetResult(Path(name), "openai", "sft", "bare", {"train": 5}, 9, 0, 0, {name: 4}, (name,)),
    ]  # fmt: skip


class Tags(HTMLParser):
    """Tags in use, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def html(result: Result) -> str:
    return result._repr_html_()


def test_a_compile_says_whether_the_gain_is_proven() -> None:
    """Verdict in words, both scores with their intervals, and what it took."""
    assert repr(compiled()).splitlines() == [
        "router compiled to out",
        "  gain       proven: the compiled program is better by 100.0 points [90.4, 100.0] on 60 test rows",
        "  baseline   0.0% (95% interval 0.0 to 6.0)",
        "  compiled   100.0% (95% interval 94.0 to 100.0)",
        "  optimizer  search",
        "  rows       train 100, val 0, test 60",
        "  demos      router 16",
        "  rollouts   80 passed, 1,040 rejected",
        "  spent      12 LM calls, 3 from cache, $0.0123",
        "  forecast   404 LM calls, needed 410",
    ]


def test_a_notebook_shows_the_verdict_too() -> None:
    """The gate's words stand in the HTML as they are in the text."""
    result = compiled()
    assert result.gate.verdict in " ".join(Tags(html(result)).text)


def test_scores_that_are_no_shares_have_no_percent() -> None:
    """A score of 12 points stays 12, with the interval in its own units."""
    assert score(12.3456, Interval(11, 13.5), percent=False) == "12.35 (95% interval 11 to 13.5)"
    assert "%" not in repr(evaluated(mean=12.3, low=11, high=13.5)).replace("95%", "")


def test_an_import_lists_its_lms_in_notebooks_only() -> None:
    """Sixteen LMs are a table in a notebook, and no wall of text elsewhere."""
    result = Ingested("t", 4, {"passed": 1, "rejected": 3}, {}, {}, {"a/b": (1, 3), "c/d": (0, 1)}, "run")
    assert "a/b" not in repr(result)
    assert "1 of 3 passed, 33.3%" in html(result)


def test_nothing_to_say_takes_no_line() -> None:
    """Empty counts are left out."""
    assert repr(Reverified("t", 3, 0, {}, {"passed": 3})) == "0 of 3 traces of t judged again\n  now  3 passed"
    assert repr(Ingested("t", 0, {}, {}, {}, {}, "run")) == "0 rows imported into t"


def test_a_dataset_names_what_is_missing_and_what_a_trainer_might_mind() -> None:
    """Drops by reason, and each warning on a line."""
    rows, dropped = {"train": 5, "val": 0}, {"rejected": 4}
    result = DatasetResult(Path("d"), "openai", "sft", "bare", rows, 9, 0, 0, dropped, ("val: no rows",))
    assert "  not written  4 rejected" in repr(result)
    assert "  warning      val: no rows" in repr(result)
    assert result.as_json()["emitted"] == 5


@given(NAMES)
def test_text_is_a_few_lines_whatever_the_names_are(name: str) -> None:
    """No name can break a line or add one."""
    for result in every(name):
        assert len(repr(result).splitlines()) <= 10
        assert len(repr(result).split("\n")) == 1 + len(result.shown().facts)


@given(NAMES)
def test_html_is_inert_whatever_the_names_are(name: str) -> None:
    """Names are text: no tags but our own, all of them closed, nothing that could run or be fetched."""
    for result in every(name):
        page = Tags(html(result))
        assert page.open == []
        assert page.tags <= {"div", "p", "strong", "table", "tr", "th", "td", "details", "summary"}
        assert page.attributes <= {"class", "style"}


@pytest.mark.parametrize("result", every("router"), ids=lambda result: type(result).__name__)
def test_every_result_is_plain_data(result: Any) -> None:
    """Beside what it shows, a result is a frozen dataclass with a JSON form."""
    assert isinstance(result.as_json(), dict)
    assert isinstance(result.shown(), Shown)
    with pytest.raises(AttributeError):
        result.task = "other"

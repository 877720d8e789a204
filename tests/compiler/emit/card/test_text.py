"""Values inside Markdown: whatever they hold, they stay in their cell."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from limbeck.compiler.emit.card.text import block, cell, one_line, table

hostile = st.text(
    st.one_of(
        st.sampled_from("|`*_<>&[]()\\~$#!-+=.:/@{}\"'\n\r\t\x00\x1b\x85\u2028\u202e\u200f\ud800\udfff\ufeff\uffff"),
        st.characters(),
    ),
    max_size=60,
)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def cells(lines):
    """Rows of the one table that Markdown makes of lines, each a list of the texts of its cells."""
    tokens = MARKDOWN.parse("\n".join(lines))
    rows, kinds = [], []
    for before, token in pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if before.type in {"th_open", "td_open"}:
            assert {child.type for child in token.children} <= {"text", "text_special"}
            rows[-1].append("".join(child.content for child in token.children))
        kinds += [token.type] if token.level == 0 and token.nesting == 1 else []
    return rows, kinds


@given(st.lists(st.tuples(hostile, hostile), min_size=1, max_size=4))
def test_any_text_stays_in_its_cell(values):
    """A Markdown parser finds the same cells with the same text and no markup, and nothing beside the table."""
    rows, kinds = cells(table(("name", "value"), values))
    assert rows[1:] == [[one_line(name) or "(none)", one_line(value) or "(none)"] for name, value in values]
    assert set(kinds) <= {"tr_open", "tbody_open", "table_open"}


@given(hostile)
def test_one_line_is_valid_text_without_what_cannot_be_seen(text):
    """No line breaks, controls, halves of characters or turned direction; it can be written anywhere."""
    line = one_line(text)
    assert line.encode().decode() == line
    assert not set(line) & set("\n\r\t\x00\x1b\x85\u2028\u202e\u200f\ufeff\uffff")
    assert len(line) <= 100


def test_numbers_have_separators_and_words_stay_as_they_are():
    """What is no markup is readable in the raw file, too."""
    assert cell(1234567) == "1,234,567"
    assert cell("cancel_order: a.b/c (4%)") == "cancel_order: a.b/c (4%)"
    assert cell(" _x_ ") == "&#95;x&#95;"


def test_a_table_without_rows_is_nothing():
    """No head without a body."""
    assert table(("a", "b"), []) == []


@given(hostile)
def test_a_block_of_code_ends_where_it_ends(text):
    """No text closes its fence."""
    tokens = MARKDOWN.parse("\n".join([*block(text, "sh"), "after"]))
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]

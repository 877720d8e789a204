"""Pictures: valid XML with nothing from elsewhere, the same for the same numbers."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.card.pictures import MOST, bars, pictures, ranges

SVG = "{http://www.w3.org/2000/svg}"
names = st.text(st.one_of(st.sampled_from("<>&\"'|\x00\x1b\ud800\uffff\u202e字"), st.characters()), max_size=80)
counts = st.dictionaries(st.sampled_from(["train", "val", "test"]), st.integers(0, 10**9), max_size=3)


@given(names, st.lists(st.tuples(names, counts), min_size=1, max_size=40))
def test_any_names_and_numbers_give_valid_xml_inside_its_frame(title, values):
    """Nothing that could run or be fetched, and no bar beyond the right end."""
    text = bars(title, values, ["train", "val", "test"])
    root = ET.fromstring(text.encode())
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {"svg", "title", "style", "rect", "text"}
    assert not any("href" in name or name.startswith("on") for element in root.iter() for name in element.attrib)
    width, height = float(root.get("width")), float(root.get("height"))
    for box in root.iter(f"{SVG}rect"):
        assert float(box.get("x", 0)) + float(box.get("width")) <= width
        assert float(box.get("y", 0)) + float(box.get("height")) <= height
    assert bars(title, values, ["train", "val", "test"]) == text


def test_bars_are_as_long_as_their_numbers():
    """Twice as many rows, twice as long; the numbers stand beside them."""
    root = ET.fromstring(bars("Rows by label", [("spam", {"rows": 100}), ("ham", {"rows": 50})]))
    long, short = (float(box.get("width")) for box in root.iter(f"{SVG}rect") if box.get("class") == "p0")
    assert long == 2 * short
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert words == ["Rows by label", "spam", "100 (66.7%)", "ham", "50 (33.3%)"]


@pytest.mark.parametrize("letter", ["W", "E", "m", "字", "i"])
def test_long_names_are_cut_to_fit(letter):
    """However wide their letters are, by their width in the font that most browsers take; a short one is whole."""
    widths = {"W": 12.9, "E": 8.9, "m": 12.7, "字": 13, "i": 3.6}
    _, text, _ = ET.fromstring(bars("t", [(letter * 80, {"rows": 1})])).iter(f"{SVG}text")
    name, x = text.text, float(text.get("x"))
    assert name.endswith("\u2026")
    assert len(name) > 20
    assert widths[letter] * len(name) <= x
    assert ">spam and HAM<" in bars("t", [("spam and HAM", {"rows": 1})])


def test_parts_have_their_colours_and_a_legend():
    """One for each split, in the light and in the dark."""
    text = bars("t", [("spam", {"train": 3, "val": 1}), ("ham", {"val": 1})], ["train", "val"])
    root = ET.fromstring(text)
    assert [box.get("class") for box in root.iter(f"{SVG}rect")] == ["page", "p0", "p1", "p0", "p1", "p1"]
    assert "prefers-color-scheme: dark" in text


def test_many_bars_are_summed_up():
    """The last one is all the rest."""
    root = ET.fromstring(bars("t", [(f"label {n}", {"rows": 1}) for n in range(100)]))
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert words[-2:] == [f"{100 - MOST + 1} others", "77 (77.0%)"]


def test_ranges_of_lengths():
    """Each upper end is twice the one before."""
    assert ranges({"up_to": {"1": 4, "2": 3, "4": 2, "2048": 1}}) == [
        ("1", 4), ("2", 3), ("3 to 4", 2), ("1,025 to 2,048", 1)
    ]  # fmt: skip


def test_what_is_not_known_is_not_drawn():
    """A manifest without counts gives no pictures, one with a single split none of the splits."""
    assert pictures({"rows": {"train": 0}, "levels": {}}) == {}
    assert set(pictures({"rows": {"train": 3}, "levels": {"4": 3}})) == {"card/levels.svg"}

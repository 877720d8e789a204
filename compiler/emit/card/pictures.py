"""Pictures of a dataset: small SVG files without scripts, fonts or anything else from elsewhere.

Each brings its own background, so that it can be read on any page; where the reader's system is dark it is dark, too.
Colours stand in attributes, and only those of the dark in a style: a host that strips styles shows the light ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree as ET

from ....records import Json
from ...keep.level import LEVELS
from .text import one_line

Bars = Sequence[tuple[str, Mapping[str, int]]]
"""Name of each bar, and the numbers that it is made of by their names."""

MOST = 24
"""Most bars of a picture."""

LEVEL_WORDS = {**{str(number): f"{number}: {words}" for number, words in LEVELS.items()}, "none": "none: nothing says"}

_INK, _DIM, _PAGE = "#1d2330", "#5d6678", "#ffffff"
_PARTS = ("#0b7a63", "#d08a1d", "#5b6fc7", "#8a93a5")
_DARK = """@media (prefers-color-scheme: dark) {
  .page { fill: #14171d } .ink { fill: #e4e8ef } .dim { fill: #9aa4b5 }
  .p0 { fill: #3fc1a2 } .p1 { fill: #e6b35a } .p2 { fill: #93a4f0 } .p3 { fill: #7d8799 }
}"""
_WIDTH, _LINE, _NUMBER, _LETTER = 720, 26, 140, 7.2  # pixels; a letter of 13 px is about so wide
_NAME = 44  # letters of a name
_WIDER = dict.fromkeys("MWmw@%", 0.8)  # letters; more than the others


def pictures(manifest: Json) -> dict[str, str]:
    """Draw what the manifest counts; SVG by path relative to the dataset. What has nothing to show is left out."""
    tally = manifest.get("tally") or {}
    sides = [name for name, rows in manifest["rows"].items() if rows]
    lengths, passed = tally.get("lengths") or {}, (tally.get("difficulty") or {}).get("passed") or {}
    levels = tally.get("levels") or {name: {"rows": n} for name, n in manifest["levels"].items()}
    drawn: dict[str, tuple[str, Bars]] = {
        "rows": ("Rows by split", [(name, {name: n}) for name, n in manifest["rows"].items()] if sides[1:] else []),
        "labels": ("Rows by label", list((tally.get("labels") or {}).items())),
        "lengths": ("Rows by length in characters", [(name, {"rows": n}) for name, n in ranges(lengths)]),
        "difficulty": ("Rows by the share of attempts that passed", [(k, {"rows": n}) for k, n in passed.items()]),
        "levels": ("Rows by level", [(LEVEL_WORDS.get(name, name), counts) for name, counts in levels.items()]),
    }
    return {f"card/{name}.svg": bars(head, of, sides) for name, (head, of) in drawn.items() if of}


def ranges(lengths: Json) -> list[tuple[str, int]]:
    """Rows by range of characters, of what the tally holds by upper end."""
    found = []
    for end, n in (lengths.get("up_to") or {}).items():
        start = int(end) // 2 + 1
        found.append((f"{start:,} to {int(end):,}" if start < int(end) else f"{int(end):,}", n))
    return found


def bars(title: str, values: Bars, parts: Sequence[str] = ()) -> str:
    """Draw bars one below the other, with their numbers.

    Args:
        title: Stands above.
        values: The bars. Beyond ``MOST`` of them the rest is one.
        parts: Names of what bars may be made of, in order; each has its colour, as long as there are colours.
    """
    shown = _summed_up(values)
    left = 24 + _LETTER * max(_cells(_clip(name)) for name, _ in shown)
    several = [part for part in parts if any(part in counts for _, counts in shown)]
    top = 62 if len(several) > 1 else 40
    root = _svg(title, round(top + _LINE * len(shown) + 10))
    if len(several) > 1:
        _legend(root, several)
    scale = (_WIDTH - left - _NUMBER) / (max(sum(counts.values()) for _, counts in shown) or 1)
    whole = sum(sum(counts.values()) for _, counts in shown) or 1
    for number, (name, counts) in enumerate(shown):
        y = top + _LINE * number
        _text(root, left - 8, y + 17, _clip(name), anchor="end")
        sizes = [(several.index(p) if p in several else 0, scale * n) for p, n in counts.items()]
        end = _bar(root, left, y + 5, sizes)
        total = sum(counts.values())
        _text(root, end + 8, y + 17, f"{total:,} ({100 * total / whole:.1f}%)", colour="dim")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _svg(title: str, height: int) -> ET.Element:
    """The picture with its background and title."""
    root = ET.Element("svg", {
        "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {_WIDTH} {height}", "width": str(_WIDTH),
        "height": str(height), "role": "img", "font-family": "system-ui, sans-serif", "font-size": "13",
    })  # fmt: skip
    ET.SubElement(root, "title").text = one_line(title)
    ET.SubElement(root, "style").text = _DARK
    size = {"width": str(_WIDTH), "height": str(height), "rx": "6"}
    ET.SubElement(root, "rect", {"class": "page", **size, "fill": _PAGE})
    _text(root, 16, 26, one_line(title), weight="600")
    return root


def _bar(root: ET.Element, x: float, y: float, sizes: Iterable[tuple[int, float]]) -> float:
    """Draw the parts of a bar side by side, each with its colour and width; return where it ends."""
    for part, size in sizes:
        colour, width = min(part, len(_PARTS) - 1), max(size, 1.0 if size else 0.0)
        where = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": "16"}
        ET.SubElement(root, "rect", {"class": f"p{colour}", **where, "fill": _PARTS[colour]})
        x += width
    return x


def _legend(root: ET.Element, parts: Sequence[str]) -> None:
    x = 16.0
    for number, name in enumerate(parts[: len(_PARTS)]):
        words = name if number + 1 < len(_PARTS) or len(parts) == len(_PARTS) else "others"
        x = _bar(root, x, 36, [(number, 16)]) + 6
        _text(root, x, 49, _clip(words), colour="dim")
        x += _LETTER * _cells(_clip(words)) + 14


def _text(root: ET.Element, x: float, y: float, words: str, *, colour: str = "ink", **given: str) -> None:
    fill = _INK if colour == "ink" else _DIM
    style = {f"text-{name}" if name == "anchor" else f"font-{name}": value for name, value in given.items()}
    ET.SubElement(root, "text", {"class": colour, "x": f"{x:.1f}", "y": f"{y:.1f}", "fill": fill, **style}).text = words


def _summed_up(values: Bars) -> Bars:
    if len(values) <= MOST:
        return values
    rest: dict[str, int] = {}
    for _, counts in values[MOST - 1 :]:
        for part, n in counts.items():
            rest[part] = rest.get(part, 0) + n
    return [*values[: MOST - 1], (f"{len(values) - MOST + 1:,} others", rest)]


def _clip(name: str) -> str:
    """A name that fits beside its bar."""
    line = one_line(name) or "(none)"
    if _cells(line) <= _NAME:
        return line
    while _cells(line) > _NAME - 1:
        line = line[:-1]
    return f"{line.rstrip()}\u2026"


def _cells(text: str) -> float:
    """Width in letters. Those of East Asia are twice as wide, and capitals wider than small ones."""
    from rich.cells import cell_len

    return cell_len(text) + sum(_WIDER.get(letter, 0.3 * letter.isupper()) for letter in text)

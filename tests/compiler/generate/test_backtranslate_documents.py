"""Documents, their blocks, segments, and why segments are dropped."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.compiler.generate.backtranslate import blocks as blocks_module
from limbeck.compiler.generate.backtranslate.blocks import Block, blocks_of, unlinked
from limbeck.compiler.generate.backtranslate.candidates import Candidate, Cut
from limbeck.compiler.generate.backtranslate.documents import Document, paths, place_of, read
from limbeck.compiler.generate.backtranslate.filters import Filter, in_capitals, is_repetitive
from limbeck.compiler.generate.backtranslate.segments import Segment, segments_of
from limbeck.compiler.generate.base import Dropped
from limbeck.errors import DataError, MissingExtra, UsageError

PROSE = " ".join(Path(__file__).with_name("documents").joinpath("rivers.txt").read_text(encoding="utf-8").split())


def segment(text: str = PROSE, *headings: str, linked: int = 0) -> Segment:
    return Segment(text, headings, 1, 9, linked)


def rule(found: Segment) -> str | None:
    return Filter(600, 3_000).rule(found)


def dropped(path: Path, limit: int = 10_000) -> str:
    found = read(path, place_of(str(path.parent)), limit)
    assert isinstance(found, Dropped)
    return found.rule


def markdown(text: str) -> list[Block]:
    found = blocks_of(Document("x.md", "markdown", text))
    assert isinstance(found, list)
    return found


class TestDocuments:
    def test_a_folder_gives_files_in_order_but_no_hidden_ones(self, tmp_path: Path) -> None:
        """Folders below it follow its own files; what begins with a dot is nobody's business."""
        for name in ("b.md", "a.txt", ".hidden.md", "sub/c.html", ".git/d.md"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("x")
        assert [path.relative_to(tmp_path).as_posix() for path in paths(place_of(str(tmp_path)))] == [
            "a.txt", "b.md", "sub/c.html",
        ]  # fmt: skip

    def test_a_pattern_gives_what_it_matches(self, tmp_path: Path) -> None:
        """Names are relative to the folder before the first wildcard."""
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "c.md").write_text("hello")
        (tmp_path / "d.txt").write_text("no")
        place = place_of(str(tmp_path / "**" / "*.md"))
        found = [read(path, place, 100) for path in paths(place)]
        assert found == [Document("sub/c.md", "markdown", "hello")]

    @pytest.mark.parametrize(
        ("documents", "error"),
        [
            ("", UsageError),
            ("no/such", DataError),
            ("none/*.md", DataError),
            ("{}/**x", UsageError),
            ("x" * 5_000, DataError),
            ("{}/a.pdf", DataError),
        ],
    )
    def test_what_is_not_there_is_the_users_error(self, tmp_path: Path, documents: str, error: type[Exception]) -> None:
        """Nothing named, no such file, no such folder, and a file of another kind."""
        (tmp_path / "a.pdf").write_bytes(b"%PDF")
        with pytest.raises(error):
            place_of(documents.format(tmp_path))

    @pytest.mark.parametrize(
        ("name", "data", "why"),
        [
            ("a.pdf", b"x", "not a document"),
            ("README", b"x", "not a document"),
            ("a.txt", b"", "no text"),
            ("a.txt", b"abc\0def", "no text"),
            ("a.txt", "caf\xe9".encode("latin-1"), "unknown encoding"),
            ("a.html", b"<meta charset=rot13>\xff", "unknown encoding"),
            ("a.txt", b"x" * 10_001, "too large"),
            ("a.txt.gz", b"no gzip", "cannot be read"),
            ("a.txt.gz", gzip.compress(b"x" * 50)[:-12], "cannot be read"),
            ("a.txt.gz", gzip.compress(b"x" * 10_000_000), "too large"),
        ],
    )
    def test_a_file_that_cannot_be_used_is_dropped(self, tmp_path: Path, name: str, data: bytes, why: str) -> None:
        """Each costs itself and has a rule of its own."""
        (tmp_path / name).write_bytes(data)
        assert dropped(tmp_path / name) == why

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("a.txt", "caf\xe9".encode()),
            ("a.txt", "caf\xe9".encode("utf-8-sig")),
            ("a.txt", "caf\xe9".encode("utf-16")),
            ("a.html", b'<meta charset="ISO-8859-1">\x93caf\xe9'),
            ("a.txt.gz", gzip.compress("caf\xe9".encode())),
        ],
    )
    def test_text_is_read_by_its_mark_or_by_what_a_page_declares(self, tmp_path: Path, name: str, data: bytes) -> None:
        """UTF-8, with and without a mark, UTF-16 with one, and a declared charset."""
        (tmp_path / name).write_bytes(data)
        found = read(tmp_path / name, place_of(str(tmp_path)), 1_000)
        assert isinstance(found, Document)
        assert found.text.removeprefix('<meta charset="ISO-8859-1">\u201c') == "caf\xe9"

    def test_no_link_leads_out_of_the_folder(self, tmp_path: Path) -> None:
        """Neither a link to a file outside, nor one to itself, nor a pipe, nor a folder that is linked."""
        inside, outside = tmp_path / "in", tmp_path / "out"
        inside.mkdir()
        outside.mkdir()
        (outside / "secret.txt").write_text("secret")
        (inside / "a.txt").symlink_to(outside / "secret.txt")
        (inside / "b.txt").symlink_to(inside / "b.txt")
        (inside / "c").symlink_to(outside)
        os.mkfifo(inside / "d.txt")
        found = [dropped(path) for path in paths(place_of(str(inside)))]
        assert found == ["leads out of the folder", "cannot be read", "not a document", "not a document"]


class TestBlocks:
    def test_markdown_is_taken_apart_at_its_top_level(self) -> None:
        """Headings with their ranks, blocks with their lines; raw HTML and rules are none."""
        found = markdown("# A *b*\n\nOne\ntwo\n\n- x\n- y\n\n---\n<div>\nno\n</div>\n\nSub\n---\n\n```\n# code\n```\n")
        assert [(block.level, block.text, block.first, block.last) for block in found] == [
            (1, "A *b*", 1, 1), (0, "One\ntwo", 3, 4), (0, "- x\n- y", 6, 7), (2, "Sub", 14, 15),
            (0, "```\n# code\n```", 17, 19),
        ]  # fmt: skip

    def test_links_become_their_texts_and_are_counted(self) -> None:
        """Images go; what stands in code stays."""
        assert unlinked("a [bc](d) ![e](f) `[g](h)` https://x.org") == ("a bc  `[g](h)` https://x.org", 2 + 13)

    @given(st.text(alphabet="[]()!`<>ab \n#-*http:/.", max_size=200))
    @settings(max_examples=60, deadline=None)
    def test_any_text_is_taken_apart(self, text: str) -> None:
        """Lines go up and stand in the file; no more characters are links than there are."""
        for kind in ("markdown", "text"):
            found = blocks_of(Document("x", kind, text))
            assert isinstance(found, list)
            ends = [0, *(place for block in found for place in (block.first, block.last))]
            assert ends == sorted(ends)
            assert ends[-1] <= len(text.splitlines())
            assert all(block.linked <= len(block.text) for block in found)

    @pytest.mark.parametrize("text", ["- - - - - - x\n" * 1_001, "a\n\n" * 50_001])
    def test_what_would_take_minutes_is_dropped(self, text: str) -> None:
        """Lists in lists in lists, and very many lines."""
        found = blocks_of(Document("x.md", "markdown", text))
        assert isinstance(found, Dropped)
        assert found.rule == "too large"

    @pytest.mark.parametrize("text", ["> " * 10_000 + "x", "[" * 50_000, "`" * 50_000, "#" * 10_000, "* " * 10_000])
    def test_deep_nesting_does_no_harm(self, text: str) -> None:
        """Ten thousand quotes in each other are one block, or none."""
        assert len(markdown(text)) <= 1


class TestPages:
    def test_without_the_extractor_the_user_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Before anything is asked of an LM."""

        def missing(name: str) -> Any:
            raise ImportError(name)

        monkeypatch.setattr(blocks_module, "import_module", missing)
        (tmp_path / "a.html").write_text("<p>x")
        with pytest.raises(MissingExtra, match="trafilatura"):
            Cut(place_of(str(tmp_path))).check()

    @pytest.mark.parametrize("given_back", [None, " ", ValueError("tree"), RecursionError()])
    def test_a_page_without_a_text_is_dropped(self, monkeypatch: pytest.MonkeyPatch, given_back: Any) -> None:
        """Whatever the extractor gives or raises."""

        def extract(*_: Any, **__: Any) -> Any:
            if isinstance(given_back, Exception):
                raise given_back
            return given_back

        monkeypatch.setattr(blocks_module, "import_module", lambda _: SimpleNamespace(extract=extract))
        found = blocks_of(Document("x.html", "html", "<p>x"))
        assert isinstance(found, Dropped)
        assert found.rule == ("cannot be read" if isinstance(given_back, Exception) else "no text")

    def test_a_page_with_too_many_tags_is_not_tried(self) -> None:
        """It would take minutes."""
        found = blocks_of(Document("x.html", "html", "<a>" * 100_001))
        assert isinstance(found, Dropped)
        assert found.rule == "too large"

    def test_the_text_of_a_page_is_found(self) -> None:
        """Headings stay, and menus, banners, footers and scripts go."""
        pytest.importorskip("trafilatura", reason="the extra documents is not installed")
        page = (
            "<html><body><nav><a href=/>Home</a> <a href=/x>Shop</a></nav><div class=cookie-banner>We use cookies</div>"
            f"<main><article><h1>Sheep</h1><p>{PROSE}</p><h2>Gates</h2><p>{PROSE[::-1]}</p></article></main>"
            "<footer>All rights reserved</footer><script>alert('planted')</script></body></html>"
        )
        found = blocks_of(Document("x.html", "html", page))
        assert isinstance(found, list)
        assert [(block.level, block.text) for block in found] == [
            (1, "Sheep"), (0, PROSE), (2, "Gates"), (0, PROSE[::-1].strip()),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "page", ["<div>" * 10_000, "<p", "<table><tr><td>" * 3_000, "<script>" * 100, "\x01\x02<b>"]
    )
    def test_broken_pages_do_no_harm(self, page: str) -> None:
        """Nested ten thousand deep, or never closed."""
        pytest.importorskip("trafilatura", reason="the extra documents is not installed")
        found = blocks_of(Document("x.html", "html", page))
        assert isinstance(found, Dropped)


class TestSegments:
    def cut(self, text: str, longest: int = 60) -> list[tuple[tuple[str, ...], str]]:
        return [(found.headings, found.text) for found in segments_of(markdown(text), longest)]

    def test_a_segment_is_the_tree_of_a_heading(self) -> None:
        """Subheadings that fit are in it, its own heading is not."""
        text = "Before\n\n# A\n\none\n\n## B\n\ntwo\n\n# C\n\nthree"
        assert self.cut(text) == [((), "Before"), (("A",), "one\n\n## B\n\ntwo"), (("C",), "three")]

    def test_a_tree_that_is_too_long_is_cut_at_its_subheadings(self) -> None:
        """What stands before the first is a segment of its own."""
        text = f"# A\n\n{'a ' * 20}\n\n## B\n\n{'b ' * 20}\n\n### C\n\nc\n\n## D\n\nd"
        assert [headings for headings, _ in self.cut(text)] == [("A",), ("A", "B"), ("A", "D")]

    def test_text_that_is_too_long_is_cut_at_paragraphs_into_like_parts(self) -> None:
        """Three paragraphs of 40 are two parts of 82 and 40, not one of 60 cut through."""
        found = list(segments_of(markdown("\n\n".join(["x" * 40] * 3)), 100))
        assert [(len(part.text), part.part, part.parts) for part in found] == [(82, 1, 2), (40, 2, 2)]

    def test_navigation_is_no_part_of_another_tree(self) -> None:
        """It is set aside, and stands where it stood."""
        text = "# A\n\none\n\n## References\n\n1. x\n\n## B\n\ntwo"
        found = segments_of(markdown(text), 99, lambda heading: heading == "References")
        assert [(part.headings, part.text) for part in found] == [
            (("A",), "one\n\n## B\n\ntwo"), (("References",), "1. x"),
        ]  # fmt: skip

    @given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 90)), max_size=25), st.integers(1, 80))
    @settings(max_examples=80, deadline=None)
    def test_no_block_is_lost_or_in_two_segments(self, shape: list[tuple[int, int]], longest: int) -> None:
        """And none is longer than it may be, unless one paragraph is."""
        blocks = [Block(f"{n}".rjust(size, "x"), n + 1, n + 1, level) for n, (level, size) in enumerate(shape)]
        found = list(segments_of(blocks, longest))
        bodies = [block.text for block in blocks if not block.level]
        assert [line for part in found for line in part.text.split("\n\n") if not line.startswith("#")] == bodies
        assert all(len(part.text) <= longest or "\n\n" not in part.text for part in found)


class TestFilter:
    @pytest.mark.parametrize(
        ("found", "why"),
        [
            (segment(), None),
            (segment("x" * 599), "too short"),
            (segment(PROSE * 5), "too long"),
            (segment(PROSE, "Quick links"), "heading of navigation"),
            (segment(PROSE, "See also", "More"), "heading of navigation"),
            (segment(PROSE, "BUY THIS SHEEP NOW"), "heading in capitals"),
            (segment(PROSE, "NASA"), None),
            (segment(linked=len(PROSE) // 2), "navigation"),
            (segment("\n".join(f"- Item {n} of shop" for n in range(60))), "navigation"),
            (segment(f"{PROSE} Privacy policy. All rights reserved. Click here."), "boilerplate"),
            (segment(" ".join(f"{n} {n * 3} {n * 7} - + = x" for n in range(100))), "little text"),
            (segment(f"{PROSE} {PROSE[:90]}."), "repetitive"),
            (segment("Buy sheep and wool and buy gates. " * 20), "repetitive"),
        ],
    )
    def test_each_rule_drops_what_it_is_for(self, found: Segment, why: str | None) -> None:
        """One segment a rule, and those that are none of them."""
        assert rule(found) == why

    def test_what_was_there_already_is_dropped(self) -> None:
        """In whatever case and with whatever spaces it is written."""
        known = Filter(600, 3_000)
        assert known.rule(segment()) is None
        assert known.rule(segment(PROSE.upper().replace(" ", "  "))) == "known already"

    def test_scripts_without_spaces_have_words(self) -> None:
        """A Chinese sentence that comes twice is a repetition, and two sentences are none."""
        assert is_repetitive("今天天气很好我们去公园。今天天气很好我们去公园。")
        assert not is_repetitive("今天天气很好我们去公园。明天下雨所以留在家里看书。")

    def test_short_headings_may_be_in_capitals(self) -> None:
        """An abbreviation is no shouting."""
        assert not in_capitals("HTML")
        assert in_capitals("HOW TO BAKE BREAD")

    @given(st.text(max_size=300))
    @settings(max_examples=60, deadline=None)
    def test_any_text_is_judged(self, text: str) -> None:
        """Empty ones and strange ones, too; and twice the same is not let through twice."""
        known = Filter(1, 300)
        known.rule(segment(text, text))
        assert known.rule(segment(text, text)) is not None


def test_candidates_say_where_they_stand(tmp_path: Path) -> None:
    """File, lines, headings and part."""
    (tmp_path / "a.md").write_text(f"# T\n\n{PROSE}\n\n{PROSE[::-1]}\n")
    found = Cut(place_of(str(tmp_path)), longest=1_200).cut(tmp_path / "a.md", Filter(600, 1_200))
    assert [item.facts for item in found if isinstance(item, Candidate)] == [
        {"file": "a.md", "lines": [3, 3], "headings": ["T"], "part": [1, 2]},
        {"file": "a.md", "lines": [5, 5], "headings": ["T"], "part": [2, 2]},
    ]

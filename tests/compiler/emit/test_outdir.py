"""Output directories: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from limbeck.compiler.emit.outdir import LineFile, check_out, new_directory, new_file
from limbeck.errors import OutputError

FULL = Path("/dev/full")


def fill(out):
    with new_directory(out) as work:
        (work / "a.txt").write_text("a")


def test_a_directory_appears_whole(tmp_path):
    """Parents are made, and nothing else is left beside it."""
    fill(tmp_path / "x" / "y" / "out")
    assert [path.name for path in (tmp_path / "x" / "y").iterdir()] == ["out"]
    assert (tmp_path / "x" / "y" / "out" / "a.txt").read_text() == "a"


def test_an_empty_directory_is_taken(tmp_path):
    """What is there but empty is no obstacle; a link to it stays a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    fill(tmp_path / "out")
    assert (tmp_path / "real" / "a.txt").exists()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_an_interrupted_write(error, tmp_path):
    """Whatever ends the work takes the half-written files along."""

    def interrupted():
        with new_directory(tmp_path / "out") as work:
            (work / "a.txt").write_text("a")
            raise error

    with pytest.raises(error):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_something_in_it_is_refused(tmp_path):
    """Nothing is overwritten."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"is not empty\.\nGive --out a directory that does not exist yet\."):
        fill(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_is_refused(tmp_path):
    """A file by that name is kept."""
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        check_out(tmp_path / "out")


def test_a_place_where_nothing_can_be_written_is_refused_before_any_work(tmp_path):
    """The place is looked at before anything is paid for."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match=r"Cannot write to .*out"):
        check_out(tmp_path / "file" / "deep" / "out")


def test_a_directory_that_was_filled_meanwhile_is_kept(tmp_path):
    """Two exports to one place: the second gives way."""
    with pytest.raises(OutputError, match="is not empty"), new_directory(tmp_path / "out"):
        fill(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_single_file_appears_whole_or_not_at_all(tmp_path):
    """Its parents are made; what was interrupted leaves nothing, and what exists is kept."""

    def interrupted():
        with new_file(tmp_path / "deep" / "out.jsonl") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list((tmp_path / "deep").iterdir()) == []
    with new_file(tmp_path / "deep" / "out.jsonl") as file:
        file.write(b"whole")
    assert [path.read_bytes() for path in (tmp_path / "deep").iterdir()] == [b"whole"]
    with pytest.raises(OutputError, match=r"out\.jsonl exists"), new_file(tmp_path / "deep" / "out.jsonl"):
        pass


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, which only Linux has")
@pytest.mark.parametrize("size", [1, 2 << 20])
def test_what_the_disk_refuses_is_one_clear_line(size):
    """A full disk is no traceback, whether it shows at once or on closing."""
    with pytest.raises(OutputError, match="Cannot write to /dev/full: No space left"), LineFile(FULL) as file:
        file.write(b"x" * size)


def test_a_line_ends_with_a_newline(tmp_path):
    """Every one, the last too."""
    with LineFile(tmp_path / "a") as file:
        file.write(b"one")
        file.write(b"two")
    assert (tmp_path / "a").read_bytes() == b"one\ntwo\n"

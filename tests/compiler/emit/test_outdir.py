"""Output directories: whole or not at all."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from limbeck.compiler.emit import outdir
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


WRITER = """
import sys, time
from pathlib import Path
from limbeck.compiler.emit.outdir import {name}
with {name}(Path(sys.argv[1])) as work:
    {write}
    print("writing", flush=True)
    time.sleep(600)
"""
WRITERS = {
    "new_directory": WRITER.format(name="new_directory", write='(work / "half.txt").write_text("half")'),
    "new_file": WRITER.format(name="new_file", write='work.write(b"half")'),
}


def start_writing(out, name="new_directory"):
    """A process that is in the middle of writing, and will never end by itself."""
    process = subprocess.Popen([sys.executable, "-c", WRITERS[name], str(out)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"writing\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("name", WRITERS)
def test_what_a_killed_process_left_goes_with_the_next_run(name, tmp_path):
    """SIGKILL leaves what was half-written, hidden and never under the name itself; the next run cleans up."""
    kill(start_writing(tmp_path / "out", name))
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".out.")
    fill(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.txt"]


def test_what_a_living_process_writes_stays(tmp_path):
    """Two runs to one place at a time: the second does not take the first one's files away."""
    process = start_writing(tmp_path / "out")
    try:
        fill(tmp_path / "out")
        (living,) = tmp_path.glob(".out.*")
        assert (living / "half.txt").exists()
    finally:
        kill(process)
    (tmp_path / "out" / "a.txt").unlink()
    fill(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_thread_of_the_same_process_is_left_alone_too(tmp_path):
    """The lock is of the open directory, not of the process."""
    with new_directory(tmp_path / "out") as first:
        fill(tmp_path / "out")
        assert first.is_dir()
        (tmp_path / "out" / "a.txt").unlink()


@pytest.mark.parametrize(
    "name", [".out.partial", ".out.xyz.partial", ".other.0123abcd.partial", "out.0123abcd.partial"]
)
def test_what_only_looks_alike_stays(name, tmp_path):
    """Only names that limbeck gives are looked at, and only those of the same place."""
    (tmp_path / name).mkdir()
    fill(tmp_path / "out")
    assert (tmp_path / name).is_dir()


def test_a_link_is_not_followed(tmp_path):
    """A planted link costs nobody a directory."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("mine")
    (tmp_path / ".out.0123abcd.partial").symlink_to(tmp_path / "mine")
    fill(tmp_path / "out")
    assert (tmp_path / "mine" / "a.txt").read_text() == "mine"


def test_a_name_with_marks_is_a_name(tmp_path):
    """The name of the place is no pattern."""
    (tmp_path / ".abc.0123abcd.partial").mkdir()
    fill(tmp_path / "a.c")
    assert (tmp_path / ".abc.0123abcd.partial").is_dir()


def test_a_place_that_is_taken_for_dead_is_made_again(tmp_path, monkeypatch):
    """Another process may clean up in the moment between the making and the locking."""
    real, swept = os.open, []

    def open_after_sweep(path, flags):
        if not swept:
            swept.append(path)
            path.rmdir()
        return real(path, flags)

    monkeypatch.setattr(outdir.os, "open", open_after_sweep)
    fill(tmp_path / "out")
    assert swept
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_system_without_locks_is_written_to_and_nothing_is_removed(tmp_path, monkeypatch):
    """What cannot be known to be dead is kept."""

    def refuse(*_):
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".out.0123abcd.partial").mkdir()
    fill(tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"out", ".out.0123abcd.partial"}

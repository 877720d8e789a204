"""Write what the commands print now into the README, and run the notebook again: ``python tests/docs/refresh.py``."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]


def refresh_readme(folder: Path) -> None:
    """Run the commands of the demo block and put their output below them."""
    shutil.copytree(ROOT / "examples" / "tickets", folder / "examples" / "tickets")
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    start = text.index("$ limbeck compile")
    end = text.index("```", start)
    parts = []
    for command in re.findall(r"^\$ (.*)$", text[start:end], re.MULTILINE):
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=folder,
            env={**os.environ, "COLUMNS": "80"},
            capture_output=True,
            text=True,
            check=True,
        )
        parts.append(f"$ {command}\n{done.stdout.strip(chr(10))}\n")
    readme.write_text(text[:start] + "\n".join(parts) + text[end:], encoding="utf-8")


def refresh_notebook(folder: Path) -> None:
    """Run the notebook from top to bottom and save it with its outputs."""
    path = ROOT / "examples" / "notebook.ipynb"
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    for cell in notebook.cells:
        cell.metadata.clear()  # times of execution
    nbformat.write(notebook, path)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        refresh_readme(Path(one))
        refresh_notebook(Path(other))

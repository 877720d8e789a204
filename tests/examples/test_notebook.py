"""The notebook runs from top to bottom and shows what it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"


SPENT = re.compile(r"\d[\d,]* (?=LM calls|from cache)")  # speculative calls depend on timing


def shown(notebook: Any) -> list[list[str]]:
    """Text that each cell printed or returned."""
    return [
        [SPENT.sub("N ", output.get("text") or output.get("data", {}).get("text/plain", "")) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Jupyter's own
def test_notebook_shows_what_it_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run headless in an empty folder, every cell prints what the saved notebook shows."""
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    folder = tmp_path / "work"
    folder.mkdir()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    expected = shown(notebook)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    assert shown(notebook) == expected

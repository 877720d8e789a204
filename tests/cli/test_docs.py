"""The command-line reference is what the commands say of themselves."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_reference_is_up_to_date(root: Path) -> None:
    """``docs/cli.md`` is what ``scripts/docs`` would write now."""
    spec = importlib.util.spec_from_file_location("cli_reference", root / "scripts" / "cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    assert (root / "docs" / "cli.md").read_text() == reference.page(), "run scripts/docs"

"""What the files of a dataset are called, beside those of its rows."""

from __future__ import annotations

MANIFEST = "limbeck.json"
PROVENANCE, LEDGER = "provenance.jsonl", "ledger.jsonl"

CONTAMINATED, PRIVATE = "contaminated.jsonl", "private.jsonl"
"""Rows that were put aside."""

CONTAMINATION = "contamination.md"
"""The report of those that contain test data."""

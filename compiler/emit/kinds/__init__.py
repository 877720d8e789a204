"""Kinds of rows, one a file."""

from __future__ import annotations

from collections.abc import Mapping

from ..record import Kind
from .base import Maker
from .sft import SFT

MAKERS: Mapping[Kind, Maker] = {"sft": SFT()}
"""What makes the records of each kind."""

"""Kinds of rows, one a file."""

from __future__ import annotations

from collections.abc import Mapping

from ..record import Kind
from .base import Maker
from .preference import Preference
from .prompts import Prompts
from .sft import SFT
from .soft import Soft
from .stepwise import Stepwise
from .unpaired import Unpaired

MAKERS: Mapping[Kind, Maker] = {
    "sft": SFT(),
    "preference": Preference(),
    "unpaired": Unpaired(),
    "stepwise": Stepwise(),
    "prompts": Prompts(),
    "soft": Soft(),
}
"""What makes the records of each kind."""

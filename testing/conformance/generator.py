"""What every generator must do, whatever it makes and from what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...compiler.generate.base import Generator
from ...compiler.keep.store import Store
from ...records import Json
from ...signatures.task import Task


@dataclass(frozen=True)
class GeneratorCase:
    """A generator with something to work on.

    Attributes:
        make: Makes the generator, the same each time.
        task: Makes the task that examples are made for.
        reply: What a well-behaved LM answers, by the text of the whole request: a pure function, as
            ``testing.scripted.Scripted`` takes it. With it the generator has to make three examples that are kept.
        seeds: Rows to start from, as ``--data`` has them; four at least, where the method starts from any.
        before: Puts traces into an empty store, where the method starts from those.
        settings: Settings of ``limbeck.synthesize``, such as ``{"rows": 8}``.
    """

    make: Callable[[], Generator]
    task: Callable[[], Task]
    reply: Callable[[str], str]
    seeds: Sequence[Json] = ()
    before: Callable[[Store], None] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

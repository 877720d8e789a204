"""What every optimizer, verifier, engine and format must do, as checks that an extension's own tests can call.

    from limbeck.testing.conformance import check_optimizer

    def test_mine_is_an_optimizer():
        check_optimizer(lambda: Mine(k=3))

Each check raises AssertionError with what was expected.
"""

from __future__ import annotations

from .format import check_format
from .optimizer import check_optimizer
from .others import check_engine, example_trace
from .place import session, task
from .verifier import FakePlace, check_verifier

__all__ = [
    "FakePlace",
    "check_engine",
    "check_format",
    "check_optimizer",
    "check_verifier",
    "example_trace",
    "session",
    "task",
]

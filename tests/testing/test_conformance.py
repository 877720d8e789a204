"""limbeck's own extensions pass the conformance suites, and what is wrong does not."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from limbeck.compiler.emit.formats.base import format_names, get_format
from limbeck.compiler.engine.local import LocalEngine
from limbeck.compiler.verify.metric import CheckVerifier, MetricVerifier
from limbeck.optimizers.bootstrap import Bootstrap
from limbeck.optimizers.labeled import Labeled
from limbeck.testing import conformance


@pytest.mark.parametrize(
    "make", [lambda: Labeled(k=3), lambda: Bootstrap(max_rounds=2), lambda: Bootstrap(max_bootstrapped_demos=1)]
)
def test_optimizers(make: Any) -> None:
    """The built-in optimizers conform, and give demos."""
    assert conformance.check_optimizer(make).demos["self"]


def test_an_optimizer_that_keeps_by_timing_is_found_out() -> None:
    """Storing speculative rollouts as they come depends on the concurrency."""

    class Hasty:
        needs_val: ClassVar[bool] = False

        async def optimize(self, bench: Any) -> Any:
            for example in bench.train[: bench.concurrency]:
                bench.keep(await bench.rollout(bench.base, example, speculative=True))
            return bench.base

    with pytest.raises(AssertionError, match="depend on the concurrency"):
        conformance.check_optimizer(Hasty)


def test_verifiers() -> None:
    """The metric and the checks conform."""
    passing, wrong = conformance.example_trace("fruit"), conformance.example_trace("vegetable")
    conformance.check_verifier(MetricVerifier(conformance.task()), passing, wrong)
    conformance.check_verifier(CheckVerifier(conformance.task()), passing, conformance.example_trace("stone"))


def test_engines() -> None:
    """The local engine conforms."""
    conformance.check_engine(LocalEngine)


@pytest.mark.parametrize("name", format_names())
def test_formats(name: str) -> None:
    """Every format conforms."""
    conformance.check_format(get_format(name))

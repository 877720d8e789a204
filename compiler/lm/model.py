"""``dspy.LM`` objects that lead through the gateway.

A subclass of ``dspy.LM`` only to note, around each call, what DSPy does not pass on to engines in 3.4: the program's
``rollout_id``. It overrides neither ``forward`` nor ``aforward``, which 3.5 removes.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dspy

from .backends import Backend, wrap_lm
from .gateway import Gateway
from .scope import LMCall, lm_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dspy.lm15 import Request, Response


class _Engine:
    """The synchronous engine; it also declares what the model can do, for adapters to plan with."""

    def __init__(self, gateway: Gateway, backend: Backend) -> None:
        self._gateway, self._backend = gateway, backend
        self.supports_function_calling = getattr(backend, "supports_function_calling", False)
        self.supports_reasoning = getattr(backend, "supports_reasoning", False)
        self.supports_response_schema = getattr(backend, "supports_response_schema", False)
        self.supported_params = getattr(backend, "supported_params", frozenset())

    def complete(self, request: Request) -> Response:
        return self._gateway.complete_sync(self._backend, request)


class _AsyncEngine:
    def __init__(self, gateway: Gateway, backend: Backend) -> None:
        self._gateway, self._backend = gateway, backend

    async def complete(self, request: Request) -> Response:
        return await self._gateway.complete(self._backend, request)


class GatewayLM(dspy.LM):  # type: ignore[misc]  # dspy is untyped
    """An LM whose every call goes through the gateway."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As ``dspy.LM``."""
        with _noted(self, kwargs):
            return super().__call__(*args, **kwargs)

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """As ``dspy.LM``."""
        with _noted(self, kwargs):
            return await super().acall(*args, **kwargs)


@contextmanager
def _noted(lm: GatewayLM, kwargs: dict[str, Any]) -> Iterator[None]:
    rollout_id = kwargs.get("rollout_id", lm.kwargs.get("rollout_id"))
    token = lm_call.set(LMCall(rollout_id))
    try:
        yield
    finally:
        lm_call.reset(token)


def gateway_lm(gateway: Gateway, backend: Backend) -> GatewayLM:
    """Make the LM object that programs are given for a backend."""
    return GatewayLM(
        backend.name, engine=_Engine(gateway, backend), async_engine=_AsyncEngine(gateway, backend),
        cache=False, num_retries=0, **backend.defaults,
    )  # fmt: skip


def route_predictors(program: dspy.Module, gateway: Gateway) -> None:
    """Put the LMs that a program set on its own predictors behind the gateway, in place."""
    routed: dict[int, GatewayLM] = {}
    for _, predictor in program.named_predictors():
        lm = predictor.lm
        if isinstance(lm, dspy.LM) and not isinstance(lm, GatewayLM):
            if id(lm) not in routed:
                gateway.secrets.add(lm.kwargs)
                routed[id(lm)] = gateway_lm(gateway, wrap_lm(lm, gateway.secrets.public(lm.kwargs)))
            predictor.lm = routed[id(lm)]

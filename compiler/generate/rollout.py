"""One rollout: run a program on an example and record everything that happened."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dspy
from dspy.utils.exceptions import AdapterParseError, LMError, is_retryable_lm_error

from ...errors import BudgetReached, Stop
from ...records import Failure, Json, Reason, Step, Usage
from ...signatures.program import prediction_values
from ..lm.gateway import SyncInLoop
from ..lm.scope import SETTING, Scope

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 500  # characters of an error message that are kept


@dataclass(frozen=True)
class Ran:
    """What came of running a program once.

    Attributes:
        prediction: Output values; None where it failed.
        steps: Predictor calls, failed ones included.
        failure: Why there is no prediction.
        usage: LM calls and what they cost when they were made.
        live: The prediction as the program returned it, for metrics; None where it failed.
        stop: What ends the run, where something does.
    """

    prediction: Json | None
    steps: list[Step]
    failure: Failure | None
    usage: Usage
    live: Any = None
    stop: Stop | None = None


async def run_program(
    program: dspy.Module, inputs: Json, *, lm: dspy.LM, adapter: dspy.Adapter, attempt: int, threads: Executor,
    scrub: Callable[[str], str] = str,
) -> Ran:  # fmt: skip
    """Run a program once; whatever it raises becomes a failure of this one rollout.

    Programs with ``aforward`` run as a task, others in a thread.
    """
    scope = Scope(attempt=attempt)
    live, values, failure, stop = None, None, None, None
    with dspy.context(
        lm=lm, adapter=adapter, trace=scope.recorder, disable_history=True, track_usage=False, **{SETTING: scope}
    ):
        try:
            live = await _run(program, inputs, threads)
            values = prediction_values(live)
        except Stop as error:
            stop = error
            reason: Reason = "budget" if isinstance(error.error, BudgetReached) else "lm"
            failure = Failure(reason, scrub(error.error.message), final=False)
        except SyncInLoop:
            failure = Failure("program", "aforward() calls a predictor synchronously; await its acall() instead")
        except Exception as error:  # noqa: BLE001 - a failing program costs this rollout only
            failure = classify(error, scrub)
    steps = scope.recorder.steps(failure.message if failure else None)
    return Ran(values, steps, failure, scope.usage, live if failure is None else None, stop)


def classify(error: Exception, scrub: Callable[[str], str] = str) -> Failure:
    """Name what went wrong. An error that the program wrapped is known by its cause."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, AdapterParseError):
            return Failure("parse", scrub(_parse_message(seen)))
        if isinstance(seen, LMError):
            return Failure("lm", scrub(_short(seen)), final=not is_retryable_lm_error(seen))
        seen = seen.__cause__ or seen.__context__
    return Failure("program", scrub(f"{type(error).__name__}: {_short(error)}{_where(error)}"))


async def _run(program: dspy.Module, inputs: Json, threads: Executor) -> Any:
    if hasattr(program, "aforward"):
        return await program.acall(**inputs)
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(threads, lambda: context.run(program, **inputs))


def _parse_message(error: AdapterParseError) -> str:
    fields = ", ".join(error.signature.output_fields)
    said = " ".join(str(error.lm_response).split())
    return f"no {fields} could be read from the answer {said[:200]!r}"


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:_LONGEST]


def _where(error: BaseException) -> str:
    """File name and line of the innermost frame, for the program's author."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return ""
    return f" ({frame.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.tb_lineno})"


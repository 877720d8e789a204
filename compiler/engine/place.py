"""Where verifiers work in a command: LMs by the worker, other attempts rolled out or read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from ...records import Example, Json, Trace, Verdict
from ...signatures.metric import Judge
from ..lm.backends import make_backend
from ..verify.base import Answer
from .worker import judged_now

if TYPE_CHECKING:
    import dspy

    from ...signatures.task import Task
    from ..generate.rollout import Ran
    from ..lm.backends import Backend
    from .worker import Worker

_REMEMBERED = 1024  # other attempts that are held, since each of them asks for the others


@dataclass
class WorkPlace:
    """Implements ``verify.base.Place`` over a worker.

    Attributes:
        worker: Runs programs.
    """

    worker: Worker
    _backends: dict[Any, Backend] = field(default_factory=dict)
    _attempts: dict[str, asyncio.Task[Trace]] = field(default_factory=dict)
    _judge: Judge | None = None

    @property
    def task(self) -> Task:
        """What is judged."""
        return self.worker.setting.task

    @property
    def student(self) -> str:
        """Name of the LM that the program runs with."""
        return self.worker.setting.student.name

    async def ask(
        self, program: dspy.Module, inputs: Json, *, lm: str | dspy.LM | None = None, lm_args: Json | None = None,
        attempt: int = 0,
    ) -> Answer:  # fmt: skip
        """Run a program of a verifier's own."""
        backend = self.backend(lm, lm_args or {})
        ran = await self.worker.ask(program, inputs, attempt, backend)
        return answered(ran, backend.name)

    async def attempts(self, trace: Trace, k: int) -> Sequence[Trace]:
        """The first attempts at an example."""
        judged = judged_now()
        rollout = judged.rollout
        if rollout is None:
            known = judged.siblings or [trace]
            return sorted(known, key=lambda sibling: (sibling.attempt, sibling.id))[:k]
        others = [replace(rollout, attempt=n) for n in range(k) if n != trace.attempt]
        made = await asyncio.gather(*(self._run(other) for other in others))
        return sorted([trace, *made], key=lambda sibling: sibling.attempt)

    async def score(self, example: Example, prediction: Json) -> Verdict | None:
        """What the metric says."""
        if self.task.metric is None:
            return None
        self._judge = self._judge or Judge(self.task)
        if self._judge.is_async:
            return await self._judge.judge(example, prediction)
        return await asyncio.to_thread(self._judge, example, prediction)

    async def aclose(self) -> None:
        """End what is still under way, and close the connections of LMs that only verifiers asked."""
        for task in self._attempts.values():
            task.cancel()
        await asyncio.gather(*self._attempts.values(), return_exceptions=True)
        for backend in self._backends.values():
            await backend.aclose()

    async def _run(self, rollout: Any) -> Trace:
        """An attempt that is not judged; the same one at the same time is made once."""
        key = self.worker.setting.rollout_id(rollout)
        task = self._attempts.pop(key, None) or asyncio.create_task(self._rolled(rollout))
        self._attempts[key] = task  # most recently used last
        if len(self._attempts) > _REMEMBERED:
            del self._attempts[next(iter(self._attempts))]
        return await asyncio.shield(task)

    async def _rolled(self, rollout: Any) -> Trace:
        trace, stop = await self.worker.run(rollout)
        if stop is not None:
            raise stop
        return trace

    def backend(self, lm: str | dspy.LM | None, settings: Json) -> Backend:
        """The backend of an LM, one for each and its settings; that of the student where none is named.

        Raises:
            UsageError: It is no LM, or one that is not known.
        """
        setting = self.worker.setting
        if lm is None:
            return setting.student
        if not isinstance(lm, str) and not hasattr(lm, "kwargs"):  # an option may be anything
            raise UsageError(f"{lm!r} is no LM", hint="Give its name, such as openai/gpt-4.1-mini, or a dspy.LM.")
        key = (lm, repr(sorted(settings.items()))) if isinstance(lm, str) else id(lm)
        if key not in self._backends:
            given = settings if isinstance(lm, str) else dict(lm.kwargs)
            setting.gateway.secrets.add(given)
            self._backends[key] = make_backend(lm, given, setting.gateway.secrets.public(given))
        return self._backends[key]


def answered(ran: Ran, lm: str) -> Answer:
    """What came of running a program, for whoever asked."""
    calls = [call for step in ran.steps for call in step.calls if call.completion is not None]
    completion, logprobs = (calls[-1].completion, calls[-1].logprobs) if calls else (None, None)
    return Answer(ran.prediction, completion, ran.failure, ran.usage, lm, logprobs, ran.steps)

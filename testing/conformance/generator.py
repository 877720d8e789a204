"""What every generator must do, whatever it makes and from what."""

from __future__ import annotations

import asyncio
import copy
import gc
import random
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any, cast

from ...compiler.generate.base import Generator
from ...compiler.keep.jsontext import dumps
from ...compiler.keep.store import Store
from ...compiler.lm.budget import Budget
from ...compiler.seeds import Seeds
from ...compiler.session import Options, open_session
from ...compiler.synthbench import SynthBench
from ...compiler.synthesize import synthesize_task
from ...compiler.yields import Synthesized
from ...errors import BudgetReached, LimbeckError
from ...records import Example, Json, Trace
from ...signatures.program import base_candidate
from ...signatures.task import Task
from ..scripted import Scripted

Reply = Callable[[str], str]
"""What an LM answers, by the text of the whole request."""

_LEAST = 3  # rows that a case has to keep, or it shows nothing
_MANY = 2_000  # seeds of which a generator may hold a part only
_HELD = 600
_TURNS = 100  # of the event loop, in which what was cancelled has to end

HOSTILE: dict[str, Reply] = {
    "nothing": lambda _: "",
    "a refusal": lambda _: "I'm sorry, but I can't help with that.",
    "an echo": lambda text: text,
    "punctuation": lambda _: "... !? --",
    "half a character": lambda _: "\ud800 [[ ## completed ## ]]",
    "null": lambda _: "null",
    "an array": lambda _: '[{"a": NaN}, 1e999]',
    "very much": lambda _: "so on and " * 4_000,
    "markers": lambda _: "[[ ## score ## ]]\n5\n\n[[ ## score ## ]]\n1\n\n[[ ## completed ## ]]",
}
"""Answers that nobody wants."""


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
        needs_sandbox: Whether it runs what a model wrote.
    """

    make: Callable[[], Generator]
    task: Callable[[], Task]
    reply: Reply
    seeds: Sequence[Json] = ()
    before: Callable[[Store], None] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    needs_sandbox: bool = False


@dataclass(frozen=True)
class _Ran:
    """What came of one synthesis: its result, what the store has of it, and the requests that were sent."""

    result: Synthesized | None
    made: list[Json]
    dropped: list[tuple[str, str, str]]
    asked: Counter[str]
    rows: bytes = b""


def check_generator(case: GeneratorCase) -> None:
    """A generator makes what is kept, the same at any concurrency, and pays nothing twice, whatever happens.

    Raises:
        AssertionError: It does not do what it must.
    """
    check_declaration(case.make())
    before = copy.deepcopy(case.seeds)
    whole = check_yield(case)
    assert case.seeds == before, "it changed its seeds"
    random.seed()  # whoever draws from what everybody shares makes something else now
    check_concurrency(case, whole)
    check_resume(case, whole)
    for name, reply in HOSTILE.items():
        check_hostile(case, name, reply)
    asyncio.run(_check_streaming(case))


def check_declaration(generator: Generator) -> None:
    """It has a name, and one program that can be compiled.

    Raises:
        AssertionError: It has not.
    """
    assert generator.name, "it has no name"
    assert isinstance(generator.name, str), f"{generator.name!r} is no name"
    assert isinstance(generator.judges, bool), f"judges is {generator.judges!r}"
    candidate = base_candidate(generator.program)
    for name, words in candidate.instructions.items():
        assert words.strip(), f"the predictor {name} has no instructions"


def check_yield(case: GeneratorCase) -> _Ran:
    """Enough is kept, everything is counted once, and each trace tells where it comes from.

    Raises:
        AssertionError: It is not so.
    """
    with tempfile.TemporaryDirectory() as folder:
        ran = _run(case, Path(folder), out=True)
    result, name = ran.result, case.make().name
    assert result is not None
    assert result.kept >= _LEAST, f"{result.kept} rows were kept, and a case has to show {_LEAST}: {result.as_json()}"
    _check_counts(result, ran)
    assert ran.rows.count(b"\n") == result.kept, "the file does not have a row for each that was kept"
    for told in ran.made:
        about = told["synth"]
        assert about["method"] == name, f"a trace says that it was made by {about['method']!r}"
        assert isinstance(about["operation"], str), f"its operation is {about['operation']!r}"
        assert about["operation"], "its operation has no name"
        assert about["round"] >= 1, f"its round is {about['round']}"
        assert about["parent"] is None or isinstance(about["parent"], str), f"its parent is {about['parent']!r}"
    return ran


def check_concurrency(case: GeneratorCase, whole: _Ran) -> None:
    """One at a time it makes the same, in the same order.

    Raises:
        AssertionError: It does not.
    """
    with tempfile.TemporaryDirectory() as folder:
        slow = _run(case, Path(folder), out=True, concurrency=1)
    assert slow.rows == whole.rows, "the rows depend on the concurrency, or on random numbers that everybody shares"
    assert slow.made == whole.made, "what is stored depends on the concurrency"
    assert slow.dropped == whole.dropped, "what is dropped depends on the concurrency"


def check_resume(case: GeneratorCase, whole: _Ran) -> None:
    """Cut by a budget and begun again it pays for nothing twice, and makes what it makes in one go.

    Raises:
        AssertionError: It does not.
    """
    calls = whole.asked.total()
    if not calls:
        return
    with tempfile.TemporaryDirectory() as folder:
        asked: Counter[str] = Counter()
        for limit in sorted({1, calls // 3, 2 * calls // 3} - {0}):
            cut = _run(case, Path(folder), budget=Budget(calls=limit))
            assert cut.asked.total() <= limit, f"{cut.asked.total()} calls were made with a budget of {limit}"
            asked += cut.asked
        rest = _run(case, Path(folder))
        _check_same(rest, whole, "after it was cut by a budget")
        if "rows" not in case.settings:  # else more may have been under way when there were enough
            twice = asked + rest.asked - whole.asked
            assert not twice, f"{twice.total()} requests were paid for twice: {next(iter(twice))[-200:]!r}"
        again = _run(case, Path(folder))
        assert not again.asked, f"a run that was complete asked {again.asked.total()} times when begun again"
        _check_same(again, whole, "when it was begun again")


def check_hostile(case: GeneratorCase, name: str, reply: Reply) -> None:
    """Whatever an LM answers, always or now and then, there is a count of it and no crash.

    Raises:
        AssertionError: It crashes, or loses something.
    """

    def sometimes(text: str) -> str:
        return reply(text) if sum(text.encode(errors="replace")) % 3 == 0 else case.reply(text)

    for answer in (reply, sometimes):
        with tempfile.TemporaryDirectory() as folder:
            try:
                ran = _run(replace(case, reply=answer), Path(folder), out=True)
            except LimbeckError:  # nothing at all can be made of it, and the user is told
                continue
            except Exception as error:
                raise AssertionError(f"it raised {error!r} on {name}") from error
        if ran.result is not None:
            _check_counts(ran.result, ran)


async def _check_streaming(case: GeneratorCase) -> None:
    """It does not hold all seeds, and leaves nothing running when it is closed early."""
    if not case.seeds:
        return
    with tempfile.TemporaryDirectory() as folder:
        _prepare(case, Path(folder))
        task, generator = case.task(), case.make()
        need_val = getattr(generator, "needs_val", False)
        seeds = _Watched(task, case.seeds, need_val=need_val)
        judges = generator.judges and task.metric is None and not task.verifiers
        async with open_session(task, _options(case, Path(folder)), "synth", need_judge=not judges) as session:
            bench = SynthBench(session, generator.name, seeds, base_candidate(task.program), case.settings.get("rows"))
            before = asyncio.all_tasks()
            async with aclosing(cast("Any", generator.generate(bench))) as items:
                taken = 0
                async for _ in items:
                    taken += 1
                    if taken >= _LEAST:
                        break
                held = seeds.alive()
            assert held <= _HELD, f"it holds {held} of {_MANY} seeds"
            for _ in range(_TURNS):  # an answer that is paid for may be on its way to the disk
                await asyncio.sleep(0)
            left = {t for t in asyncio.all_tasks() - before if not t.done()}
            assert not left, f"{len(left)} tasks go on after it was closed"


class _Watched(Seeds):
    """Seeds again and again, made while they are read, of which it is known how many are held."""

    def __iter__(self) -> Iterator[Example]:
        self.given: list[weakref.ref[Example]] = []
        for row in islice(cycle(list(super().__iter__())), _MANY):
            made = Example(dict(row.inputs), dict(row.labels))
            self.given.append(weakref.ref(made))
            yield made

    def alive(self) -> int:
        """How many of those that were given last are held."""
        gc.collect()
        return sum(ref() is not None for ref in self.given)


def _options(case: GeneratorCase, folder: Path, concurrency: int = 8, budget: Budget | None = None) -> Options:
    lm = Scripted(lambda text, _: case.reply(text))
    given = {name: value for name, value in case.settings.items() if name != "rows"}
    return Options(lm=lm.lm, store=folder / "store.db", concurrency=concurrency, budget=budget or Budget(), **given)


def _prepare(case: GeneratorCase, folder: Path) -> None:
    if case.before is not None and not (folder / "store.db").exists():
        with Store.open(folder / "store.db") as store:
            case.before(store)


def _run(
    case: GeneratorCase, folder: Path, *, out: bool = False, concurrency: int = 8, budget: Budget | None = None
) -> _Ran:
    _prepare(case, folder)
    asked: list[str] = []

    def reply(text: str) -> str:
        asked.append(text)
        return case.reply(text)

    task, generator, file = case.task(), case.make(), folder / "rows.jsonl"
    seeds = Seeds(task, case.seeds or None, need_val=getattr(generator, "needs_val", False))
    options = _options(replace(case, reply=reply), folder, concurrency, budget)
    work = synthesize_task(task, generator, seeds, rows=case.settings.get("rows"),
                           out=file if out else None, options=options)  # fmt: skip
    try:
        result = asyncio.run(work)
    except BudgetReached:
        return _Ran(None, [], [], Counter(asked))
    with Store.open(folder / "store.db") as store:
        made = [_told(trace) for trace in store.traces(order="input") if "synth" in trace.meta]
        dropped = [(entry.item, entry.reason, entry.detail) for entry in store.ledger(result.run)]
    return _Ran(result, made, dropped, Counter(asked), file.read_bytes() if out else b"")


def _told(trace: Trace) -> Json:
    """What of a trace must be the same each time."""
    dumps(trace)  # or it could not be exported
    verdicts = [(v.verifier, v.passed, v.score, v.error) for v in trace.verdicts]
    return {"id": trace.id, "outcome": trace.outcome, "prediction": trace.prediction, "lm": trace.lm,
            "synth": trace.meta["synth"], "verdicts": verdicts}  # fmt: skip


def _check_counts(result: Synthesized, ran: _Ran) -> None:
    """Nothing that was asked for is lost."""
    eliminated, refused = sum(result.eliminated.values()), sum(result.rejected.values())
    assert result.asked == eliminated + result.generated, f"{result.as_json()} does not add up"
    assert result.generated == result.kept + refused + sum(result.failed.values()), f"{result.as_json()}"
    reasons = Counter(reason for _, reason, _ in ran.dropped)
    assert reasons == Counter(result.eliminated), f"the ledger has {reasons}, and {result.eliminated} were eliminated"


def _check_same(ran: _Ran, whole: _Ran, when: str) -> None:
    assert ran.made == whole.made, f"it made something else {when}"
    assert ran.dropped == whole.dropped, f"it dropped something else {when}"

"""Everything that one command works with, opened and closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LimbeckError, Stop, UsageError
from ..records import Example, Json
from ..signatures.fingerprint import program_fingerprint
from ..signatures.program import base_candidate
from .bench import DurableBench
from .engine.local import LocalEngine
from .engine.place import WorkPlace
from .engine.worker import Setting, Worker
from .keep.connect import parse
from .keep.runs import Status
from .keep.store import Store
from .lm.adapters import make_adapter
from .lm.budget import Budget, Meter
from .lm.cache import ResponseCache
from .lm.cast import Cast, Named, check_names, make_cast
from .lm.gateway import Gateway, Retries
from .lm.limiter import Limiter
from .lm.replay import Recording
from .lm.secrets import Secrets
from .progress import Progress, Silent
from .verify.registry import bound, verifiers_of

if TYPE_CHECKING:
    import dspy

    from ..signatures.task import Task

DEFAULT_STORE = ".limbeck/store.db"


@dataclass(frozen=True)
class Options:
    """How to run, whatever the command.

    Attributes:
        lm: LM that programs run with: ``embedded/analogy``, ``replay/FILE`` or ``PROVIDER/MODEL``; from Python also
            a ``dspy.LM``, with its own engine if it has one.
        lm_args: Its settings. An LM below that has none of its own gets them, too: those of sampling in any case,
            address, key and price where it is of the same provider.
        lms: LMs of single predictors, by name in ``named_predictors()``, instead of ``lm`` and of what the program
            itself sets there. Not in rollouts of a teacher that is another LM than the student's.
        lms_args: Their settings, by predictor.
        teacher: LM of teacher rollouts, or several, which are tried in this order until one passes. The whole
            program runs with it, but for predictors that the program itself gives an LM. Default: as the student.
        teacher_args: Settings of all teachers, or a list with those of each (None: as said of ``lm_args``).
        adapter: ``chat``, ``json``, ``xml`` or ``baml``.
        store: Path or SQLAlchemy URL.
        budget: Limits of this command.
        concurrency: Rollouts and LM calls in flight at most.
        seed: Seed of every random choice.
        set: What optimizers are given.
        record: File that answers are recorded to.
        retries: How failed calls are tried again.
        all_verdicts: Whether verifiers go on after a refusal.
    """

    lm: str | dspy.LM = "embedded/analogy"
    lm_args: Json = field(default_factory=dict)
    lms: Mapping[str, str | dspy.LM] = field(default_factory=dict)
    lms_args: Mapping[str, Json] = field(default_factory=dict)
    teacher: str | dspy.LM | Sequence[str | dspy.LM] | None = None
    teacher_args: Json | Sequence[Json | None] | None = None
    adapter: str = "chat"
    store: str | Path = DEFAULT_STORE
    budget: Budget = field(default_factory=Budget)
    concurrency: int = 16
    seed: int = 0
    set: Mapping[str, Any] = field(default_factory=dict)
    record: Path | None = None
    retries: Retries = field(default_factory=Retries)
    all_verdicts: bool = False


@dataclass
class Session:
    """One command at work.

    Attributes:
        options: How it was started.
        task: What it works on.
        store: Where traces are kept.
        run: Id of the run in the store.
        meter: Budget and what is spent.
        cast: The LMs.
        bench: Rolls out and evaluates.
        place: Where verifiers work.
    """

    options: Options
    task: Task
    store: Store
    run: str
    meter: Meter
    secrets: Secrets
    cast: Cast
    bench: DurableBench
    place: WorkPlace
    progress: Progress
    summary: Json = field(default_factory=dict)

    def public_lm(self) -> Json:
        """LMs and their settings, without credentials."""
        return self.cast.public()


@asynccontextmanager
async def open_session(
    task: Task, options: Options, command: str, *, train: Sequence[Example] = (), val: Sequence[Example] = (),
    progress: Progress | None = None, args: Json | None = None, judged: bool = True,
    need_judge: bool = True,
) -> AsyncIterator[Session]:  # fmt: skip
    """Open store, cache, LMs and bench for one command, and write down how it ended.

    Where nothing is to be judged (``judged``), no trace is stored: the store holds verified traces. A task that lists
    nothing that judges is an error, but (``need_judge``) where something else does.

    Raises:
        LimbeckError: Something could not be opened, or the run was ended (``BudgetReached``, ``LMUnavailable``, ...).
    """
    progress = progress or Silent()
    secrets = Secrets()
    cast = cast_of(task, options, secrets)
    adapter = make_adapter(options.adapter)
    verifiers = verifiers_of(task, need=need_judge) if judged else []
    program = program_fingerprint(task.program)
    base = base_candidate(task.program)
    recording = Recording(options.record) if options.record else None
    store = Store.open(options.store)
    cache = ResponseCache(cache_directory(options.store))
    meter = Meter(options.budget)
    gateway = Gateway(cache, meter, Limiter(options.concurrency), options.retries, secrets, recording)
    setting = Setting(task, program, gateway, cast.student, cast.teachers, options.adapter, adapter,
                      [], cast.lms, options.all_verdicts)  # fmt: skip
    given = {**(args or {}), **cast.public(), "concurrency": options.concurrency}
    run = store.start_run(task.name or "", command, secrets.public(given))
    threads = ThreadPoolExecutor(options.concurrency, thread_name_prefix="limbeck")
    worker = Worker(setting, threads)
    place = WorkPlace(worker)
    bench = DurableBench(
        setting, LocalEngine(worker, options.concurrency), worker, store, run, base,
        train, val, seed=options.seed, concurrency=options.concurrency, options=options.set, progress=progress,
        durable=judged, reuse=judged and recording is None,
        studies=parse(options.store).render_as_string(hide_password=False) if judged else None,
    )  # fmt: skip
    session = Session(options, task, store, run, meter, secrets, cast, bench, place, progress)
    status: Status = "interrupted"
    progress.start(meter)
    try:
        setting.verifiers = bound(verifiers, place)
        yield session
        status = "done"
    except Stop as stop:
        status = _status(stop.error)
        raise stop.error from stop.__cause__
    except LimbeckError as error:
        status = _status(error)
        raise
    except Exception:
        status = "failed"
        raise
    finally:
        progress.stop()
        for verifier in setting.verifiers:
            await verifier.aclose()
        await place.aclose()
        await gateway.aclose()
        threads.shutdown(wait=False, cancel_futures=True)
        for backend in cast:
            await backend.aclose()
        store.finish_run(run, status, {**session.summary, "spent": spent(meter)})
        store.close()


def spent(meter: Meter) -> Json:
    """What a run used, as JSON; ``usd`` is None where a price is not known."""
    return {
        "calls": meter.spent.calls, "cache_hits": meter.hits, "input_tokens": meter.input_tokens,
        "output_tokens": meter.output_tokens, "usd": None if meter.unpriced else round(meter.spent.usd, 6),
    }  # fmt: skip


def cache_directory(store: str | Path) -> Path:
    """Where the LM cache of a store lies: beside its file and named after it, else under ``.limbeck``."""
    text = str(store)
    path = Path(DEFAULT_STORE if "://" in text else text)
    return path.with_name(f"{path.stem}-lm-cache")


def cast_of(task: Task, options: Options, secrets: Secrets) -> Cast:
    """Set up the LMs of a command; nothing is called.

    Raises:
        UsageError: An LM is given to a predictor that the program does not have, or settings to no LM.
        LMSetupError: A name or a setting cannot be used.
    """
    for what, given in (("lms", options.lms), ("lms_args", options.lms_args)):
        if not isinstance(given, Mapping):
            raise UsageError(f"{what}={given!r} is no dict", hint="Write for example lms={'answer': 'openai/gpt-4o'}.")
    names = base_candidate(task.program).predictors
    check_names(options.lms, options.lms_args, names)
    lms = {name: Named(lm, options.lms_args.get(name)) for name, lm in options.lms.items()}
    return make_cast(Named(options.lm, options.lm_args), _teachers(options), lms, secrets)


def _teachers(options: Options) -> list[Named]:
    given, own = options.teacher, options.teacher_args
    if given is None:
        teachers: list[str | dspy.LM] = []
    else:
        teachers = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if own and not teachers:
        raise UsageError("teacher_args are given, and no teacher", hint="Name one: --teacher NAME, or teacher=.")
    each = [own] * len(teachers) if own is None or isinstance(own, Mapping) else list(own)
    if len(each) != len(teachers):
        hint = "Give one dict for all of them, or a list with one dict or None for each."
        raise UsageError(f"teacher_args has {len(each)} entries for {len(teachers)} teachers", hint=hint)
    return [Named(lm, settings) for lm, settings in zip(teachers, each, strict=True)]


def _status(error: LimbeckError) -> Status:
    return "budget" if error.exit_code == 3 else "failed"

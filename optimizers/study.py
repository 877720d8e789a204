"""Optuna's part: suggests what to try next, and keeps a study where Optuna's own tools can look at it.

What was tried is a plain list of trials, which every suggestion is made from anew. So a suggestion depends on the
seed, the number of the trial and the trials before it, and a run that was killed makes the same ones when it is run
again. The study in the database is written trial by trial and never read back for a decision.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..records import Candidate, Json, fingerprint

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

_DRAWS = 8  # suggestions that may repeat an earlier trial before one is drawn at random from what is left
_FEW = 10_000  # combinations that are listed to draw from
_TIMEOUT = 60  # seconds to wait for another process that writes to the database


@dataclass
class Trial:
    """One combination that is tried.

    Attributes:
        number: 0, 1, 2, ...
        choices: Index of what was chosen, by parameter.
        candidate: What that comes to.
        scores: On the first so many rows.
        means: Mean score by the number of rows, at the end of each block.
        state: ``complete`` once it was scored on all rows, ``pruned`` where it was stopped before.
    """

    number: int
    choices: Mapping[str, int]
    candidate: Candidate
    scores: list[float] = field(default_factory=list)
    means: dict[int, float] = field(default_factory=dict)
    state: Literal["running", "pruned", "complete"] = "running"

    @property
    def mean(self) -> float:
        """Mean score on the rows so far; minus infinity before the first."""
        return math.fsum(self.scores) / len(self.scores) if self.scores else -math.inf


def suggest(trials: Sequence[Trial], sizes: Mapping[str, int], *, seed: int, startup: int) -> dict[str, int] | None:
    """Suggest a combination that was not tried: by the tree-structured Parzen estimator (Bergstra et al. 2011).

    It is the multivariate one (Falkner et al. 2018, BOHB, arXiv 1807.01774) with a constant liar for trials that run.

    Args:
        trials: All trials so far, running ones too.
        sizes: Number of choices by parameter.
        seed: Of the run; each trial draws from a stream of its own.
        startup: Trials that are drawn at random before the estimator is asked.

    Returns:
        Index by parameter; None where everything was tried.
    """
    import optuna

    if len(trials) >= math.prod(sizes.values()):
        return None
    space = {name: optuna.distributions.CategoricalDistribution(range(size)) for name, size in sizes.items()}
    stream = int(fingerprint("tpe", seed, len(trials))[:8], 16)
    with _quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # what they were before version 5
        sampler = optuna.samplers.TPESampler(
            seed=stream, multivariate=True, constant_liar=True, n_startup_trials=startup
        )
        study = optuna.create_study(sampler=sampler, direction="maximize")
        for trial in trials:
            study.add_trial(_frozen(trial, sizes))
        for _ in range(_DRAWS):
            choices: dict[str, int] = study.ask(dict(space)).params
            if all(trial.choices != choices for trial in trials):
                return choices
    return _untried(trials, sizes, random.Random(stream))


class StudyWriter:
    """Writes trials into a study of a database, in a thread of its own, while the search goes on.

    Where it cannot, the search goes on all the same.

    Args:
        url: SQLAlchemy URL of the database; None keeps nothing.
        name: Name of the study.
        sizes: Number of choices by parameter.
        facts: User attributes of the study.
        note: Told at the end why the study is not kept, or is not what the run did.
    """

    def __init__(
        self, url: str | None, name: str, sizes: Mapping[str, int], facts: Json, note: Callable[[str], None]
    ) -> None:
        self._url, self._name, self._sizes, self._facts, self._note = url, name, sizes, facts, note
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="limbeck-study")
        self._study: optuna.Study | None = None
        self._storage: Any = None
        self._wrong: str | None = None

    def add(self, trials: Sequence[Trial]) -> None:
        """Enqueue finished trials, in order; those that are there from an earlier run are left as they are."""
        if self._url is not None:
            self._thread.submit(self._write, self._url, list(trials))

    async def aclose(self) -> None:
        """Wait until all is written, and let go of the database."""
        self._thread.submit(self._close)
        await asyncio.to_thread(self._thread.shutdown)
        if self._wrong is not None:
            self._note(self._wrong)

    def _write(self, url: str, trials: Sequence[Trial]) -> None:
        if self._wrong is not None:
            return
        try:
            study = self._study or self._open(url)
            there = {_key(trial.params, self._sizes): trial for trial in study.get_trials(deepcopy=False)}
            for trial in trials:
                frozen, known = _frozen(trial, self._sizes), there.get(_key(trial.choices, self._sizes))
                if known is None:
                    study.add_trial(frozen)
                elif known.values != frozen.values:
                    self._wrong = f"trial {trial.number} has other scores there than in this run; it is left as it is"
        except Exception as error:  # noqa: BLE001  # no result depends on it, so nothing that is wrong with it costs one
            self._wrong = _said(error, url)

    def _open(self, url: str) -> optuna.Study:
        import optuna

        arguments: Json = {"connect_args": {"timeout": _TIMEOUT}} if url.startswith("sqlite") else {}
        with _quiet():
            self._storage = _again(
                lambda: optuna.storages.RDBStorage(url, engine_kwargs={"hide_parameters": True, **arguments})
            )
            self._study = optuna.create_study(
                storage=self._storage, study_name=self._name, direction="maximize", load_if_exists=True
            )
        if self._study.user_attrs != self._facts:
            for key, value in self._facts.items():
                self._study.set_user_attr(key, value)
        return self._study

    def _close(self) -> None:
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()


def _again(work: Callable[[], Any]) -> Any:
    """Try a few times: of two processes that make Optuna's tables at once, one fails at first."""
    for pause in (0.1, 0.3, 1.0, 3.0):
        try:
            return work()
        except Exception:  # noqa: BLE001  # what is really wrong is so the last time, too
            time.sleep(pause)
    return work()


def _frozen(trial: Trial, sizes: Mapping[str, int]) -> FrozenTrial:
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import TrialState, create_trial

    state = {"running": TrialState.RUNNING, "pruned": TrialState.PRUNED, "complete": TrialState.COMPLETE}[trial.state]
    return create_trial(
        state=state, value=trial.mean if trial.state == "complete" else None, params=dict(trial.choices),
        distributions={name: CategoricalDistribution(range(size)) for name, size in sizes.items()},
        intermediate_values=dict(trial.means), user_attrs={"candidate": trial.candidate.id},
    )  # fmt: skip


def _untried(trials: Sequence[Trial], sizes: Mapping[str, int], rng: random.Random) -> dict[str, int]:
    tried = {_key(trial.choices, sizes) for trial in trials}
    if math.prod(sizes.values()) <= _FEW:
        every = itertools.product(*(range(size) for size in sizes.values()))
        chosen = rng.choice([combination for combination in every if combination not in tried])
    else:
        draws = (tuple(rng.randrange(size) for size in sizes.values()) for _ in itertools.count())
        chosen = next(combination for combination in draws if combination not in tried)
    return dict(zip(sizes, chosen, strict=True))


def _key(choices: Mapping[str, int], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(choices[name] for name in sizes)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's log line for each study that is made; what others make in the meantime is logged."""
    for name in ("_in_memory", "_rdb.storage"):
        logging.getLogger(f"optuna.storages.{name}").addFilter(_is_others)
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)


_ours = ContextVar("_ours", default=False)


def _is_others(_: logging.LogRecord) -> bool:
    return not _ours.get()


def _said(error: Exception, url: str) -> str:
    """One line on what went wrong, without the password of the database."""
    from sqlalchemy import make_url

    line = f"{type(error).__name__}: {error}".partition("\n")[0]
    password = make_url(url).password
    return line.replace(str(password), "***") if password else line

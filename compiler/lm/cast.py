"""Who plays what in a command: the student's LM, the teachers', and LMs of single predictors."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ...errors import LMSetupError, UsageError
from ...records import Json
from ...signatures.values import clip
from .backends import SAMPLING, Backend, make_backend

if TYPE_CHECKING:
    import dspy

    from .secrets import Secrets


class Named(NamedTuple):
    """An LM as the user gave it: its name or the object, and its settings; None where it has none of its own."""

    lm: str | dspy.LM
    settings: Json | None = None


@dataclass(frozen=True)
class Cast:
    """The LMs of a command.

    Attributes:
        student: What the program runs with.
        teachers: What makes demos, in the order in which they are tried; the student where the user named none.
        lms: LMs of predictors that do not run with the student's main one, by predictor name.
    """

    student: Backend
    teachers: Sequence[Backend]
    lms: Mapping[str, Backend] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Backend]:
        """Each LM once."""
        return iter({id(b): b for b in (self.student, *self.teachers, *self.lms.values())}.values())

    def public(self) -> Json:
        """LMs and their settings, without credentials."""
        shown: Json = {"lm": self.student.name, "lm_args": self.student.defaults}
        if self.lms:
            shown["lms"] = {name: lm.name for name, lm in self.lms.items()}
            shown["lms_args"] = {name: lm.defaults for name, lm in self.lms.items()}
        if list(self.teachers) != [self.student]:
            shown["teachers"] = [teacher.name for teacher in self.teachers]
            shown["teacher_args"] = [teacher.defaults for teacher in self.teachers]
        return shown


def make_cast(student: Named, teachers: Sequence[Named], lms: Mapping[str, Named], secrets: Secrets) -> Cast:
    """Set up the LMs that a user named.

    One without settings of its own gets the student's: those of sampling in any case, all of them (address, key,
    price) where it is of the same provider. A key is not sent to another provider than it was given for.

    Args:
        student: The student's main LM.
        teachers: LMs of teacher rollouts.
        lms: LMs by predictor.
        secrets: Told the credentials of all of them.

    Raises:
        LMSetupError: A name or a setting cannot be used.
    """

    def backend(named: Named) -> Backend:
        settings = settings_of(named, student)
        secrets.add(settings)
        return make_backend(named.lm, settings, secrets.public(settings))

    own = backend(student)
    return Cast(own, [backend(t) for t in teachers] or [own], {name: backend(lm) for name, lm in lms.items()})


def check_names(lms: Collection[str], lms_args: Collection[str], predictors: Sequence[str]) -> None:
    """See that LMs are given to predictors that there are, and settings to LMs.

    Raises:
        UsageError: One is not there.
    """
    for name in lms:
        if name not in predictors:
            near = difflib.get_close_matches(str(name), predictors, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(predictors)}."
            raise UsageError(f"an LM is given for {name!r}, and the program has no such predictor", hint=hint)
    for name in lms_args:
        if name not in lms:
            hint = f"Name one: --lm-for {name}=NAME, or lms={{{name!r}: NAME}}."
            raise UsageError(f"settings are given for the LM of {name!r}, and no LM", hint=hint)


def settings_of(named: Named, student: Named) -> Json:
    """Settings of an LM: its own, else what it gets of the student's, as ``make_cast`` says."""
    if not isinstance(named.lm, str):
        return _own(named.lm)
    if named.settings is not None:
        return named.settings
    given = student.settings or {}
    if _provider(named.lm) == _provider(student.lm):
        return given
    return {name: value for name, value in given.items() if name in SAMPLING}


def _own(lm: object) -> Json:
    settings = getattr(lm, "kwargs", None)
    if not isinstance(settings, dict):
        raise LMSetupError(
            f"{clip(repr(lm), 80)} is no LM", hint="Give a name such as openai/gpt-4o-mini, or a dspy.LM."
        )
    return settings


def _provider(lm: str | dspy.LM) -> str:
    return (lm if isinstance(lm, str) else lm.model).partition("/")[0]

"""Verifiers to list in a task: ``Task(..., verifiers=[verifiers.Execute(tests="tests")])``."""

from __future__ import annotations

from .compiler.verify.agree import Agree
from .compiler.verify.environment import Environment
from .compiler.verify.execute import Execute
from .compiler.verify.judge import LMJudge
from .compiler.verify.people import People
from .compiler.verify.rules import Rules
from .compiler.verify.steps import Steps

__all__ = ["Agree", "Environment", "Execute", "LMJudge", "People", "Rules", "Steps"]

"""``Execute`` at work: one sandbox, programs into it, verdicts out of it."""

from __future__ import annotations

import hashlib
import math
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ....errors import UsageError
from ....records import Example, Json, Trace, Verdict
from ....signatures.values import short
from ..sandbox import Command, Limits, Program, Ran, Sandbox
from .quality import Quality
from .reading import NoProgram, read
from .suites import Finding, Suite, Unusable

if TYPE_CHECKING:
    from . import Execute


_PROCESSES = 32  # of a program in another language, whose compiler or runtime may need some


def command_of(options: Execute) -> Command | None:
    """How programs are run, where they are in another language.

    Raises:
        UsageError: A command line cannot be read.
    """
    if options.command is None:
        return None
    try:
        return Command(shlex.split(options.command), shlex.split(options.build or ""), options.file)
    except ValueError as error:
        hint = "Write it as for a shell: command='node {file}'."
        raise UsageError(f"verifier execute, command={options.command!r}: {error}", hint=hint) from error


def limits_of(options: Execute) -> Limits:
    """The limits of a program; processor time is that of the clock, rounded up."""
    return Limits(
        seconds=options.seconds, cpu_seconds=math.ceil(options.seconds), memory_mib=options.memory_mib,
        output_bytes=options.output_bytes, processes=0 if options.command is None else _PROCESSES,
    )  # fmt: skip


class Infrastructure(Exception):
    """The sandbox failed; that says nothing of the program."""


class Executor:
    """Implements ``verify.base.Verifier``. Its attributes are those of the options."""

    def __init__(self, options: Execute) -> None:
        self.options = options
        self.name, self.tier, self.grouped = options.name, options.tier, options.grouped
        self.fingerprints = options.fingerprints
        self._sandbox = Sandbox(limits=limits_of(options), packages=options.packages)  # starts when a program comes
        self._command = command_of(options)
        self._quality = Quality(self._passes)

    async def verify(self, trace: Trace, example: Example) -> list[Verdict]:
        """Run the program of the answer; whatever it does, there is a verdict."""
        try:
            code, suite = read(self.options, example, self._answer(trace))
        except Unusable as problem:
            return [self._verdict(Finding(passed=False, error=str(problem)))]
        except NoProgram as problem:
            return [self._verdict(Finding(False, str(problem), 0.0), {"outcome": "error"})]
        try:
            return [await self._judged(code, suite)]
        except Infrastructure as problem:
            return [self._verdict(Finding(False, error=f"the sandbox failed: {problem}", final=False))]

    async def aclose(self) -> None:
        """End the processes of the sandbox."""
        self._quality.cancel()
        await self._sandbox.aclose()

    async def _judged(self, code: str, suite: Suite) -> Verdict:
        finding, ran = await self.run(suite, code)
        digest = hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
        evidence = {**ran.evidence(), "program_sha256": digest}
        if self.options.command is not None:
            evidence |= {"command": self.options.command, "build": self.options.build}
        if finding.first:
            evidence["first_failure"] = finding.first
        if finding.passed and self._can_be_checked():
            found = await self._quality.of(suite, code)
            evidence["tests"] = found
            finding = self._weighed(finding, found)
        return self._verdict(finding, evidence)

    def _weighed(self, finding: Finding, found: Json) -> Finding:
        """What a pass is worth, by what was found of the tests."""
        if not found["weak"]:
            return finding
        why = f"the tests are weak: {found['why']}"
        if found.get("void") or self.options.check_tests == "refuse":
            return Finding(passed=False, error=why)
        return replace(finding, feedback=f"It passed, but {why}.")

    def _can_be_checked(self) -> bool:
        """Only programs in Python have stubs and mutants."""
        options = self.options
        return options.check_tests != "off" and options.answer == "program" and options.command is None

    async def run(self, suite: Suite, code: str) -> tuple[Finding, Ran]:
        """Run every program of a suite, up to the first that fails.

        Raises:
            Infrastructure: The sandbox failed, again and again.
        """
        finding, ran = Finding(passed=False), None
        for number, program in enumerate(suite.programs(code)):
            ran = await self._ran(program)
            finding = suite.finding(number, ran)
            if not finding.passed:
                break
        if ran is None:
            raise Infrastructure("there was nothing to run")
        return finding, ran

    async def _ran(self, program: Program) -> Ran:
        """One run. The sandbox has tried again, on a fresh interpreter, by the time that it says that it failed."""
        try:
            ran = await self._sandbox.run(program, command=self._command)
        except OSError as error:  # no process can be started: bubblewrap is gone, or memory is
            raise Infrastructure(str(error)) from error
        if ran.outcome == "infrastructure":
            raise Infrastructure(ran.error.message if ran.error else "no reason given")
        return ran

    async def _passes(self, suite: Suite, code: str) -> bool:
        return (await self.run(suite, code))[0].passed

    def _answer(self, trace: Trace) -> Any:
        prediction = trace.prediction or {}
        name = self.options.field or next(reversed(prediction), None)
        if name is None or name not in prediction:
            raise Unusable(f"the prediction has no {self.options.field or 'output'}: {short(prediction)}")
        return prediction[name]

    def _verdict(self, finding: Finding, evidence: Json | None = None) -> Verdict:
        score = finding.score if finding.score is not None else None if finding.error else float(finding.passed)
        return Verdict(
            self.name, finding.passed, score, finding.feedback, evidence or {}, self.fingerprints[0], finding.error,
            by="tests", final=finding.final,
        )  # fmt: skip

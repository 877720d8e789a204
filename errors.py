"""Every error that limbeck raises on purpose.

    LimbeckError                 exit 1   something failed; what was done is kept
    |-- UsageError               exit 2   the user can fix it: a flag, a file, a task
    |   |-- TargetError                   module.py:name cannot be loaded or is no task
    |   |-- DataError                     a data file, a row or a split is wrong
    |   |-- MetricError                   the metric cannot be used as it is
    |   |-- LMSetupError                  unknown LM, missing key or price, bad --lm-arg
    |   |-- OutputError                   the output directory cannot be written
    |   |-- StoreError                    the store is corrupted, locked or of another version
    |   |-- MissingExtra                  an optional package is not installed
    |   `-- LMUnavailable                 the provider cannot be reached, or refuses the key or the model
    `-- BudgetReached            exit 3   stopped by the budget; what was reached is kept

    Stop (BaseException)                  carries one of the above out of a user's program, which may
                                          catch ``Exception``; never reaches the user itself

A message has one or two lines: what is wrong with the offending value, and what to do next.
"""

from __future__ import annotations


class LimbeckError(Exception):
    """Base of all errors shown to a user.

    Args:
        message: What is wrong, with the offending value and where it stands.
        hint: The next step for the user; printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(LimbeckError):
    """Something that the user can fix before anything is run."""

    exit_code = 2


class TargetError(UsageError):
    """``module.py:name`` cannot be loaded, or names neither a Task nor a program."""


class DataError(UsageError):
    """A data file, a row of it, or a split is wrong. The message names file and line."""


class MetricError(UsageError):
    """The metric raises on every example, or answers with something that is no verdict."""


class LMSetupError(UsageError):
    """An LM cannot be set up: unknown name, missing key, missing price, bad argument."""


class OutputError(UsageError):
    """An output path is not writable, or is not empty."""


class StoreError(UsageError):
    """The store is corrupted, locked for too long, or of a newer version of limbeck."""


class MissingExtra(UsageError):
    """An optional dependency is needed for what was asked, and is not installed."""


class LMUnavailable(UsageError):
    """The provider cannot be reached, or refuses the key or the model: no call can succeed."""


class BudgetReached(LimbeckError):
    """The budget stopped the run. What was reached is kept and the same command resumes."""

    exit_code = 3


class Stop(BaseException):
    """Carries an error that ends the run through user code, which may catch ``Exception`` but not this.

    Args:
        error: What the user is told.
    """

    def __init__(self, error: LimbeckError) -> None:
        super().__init__(str(error))
        self.error = error

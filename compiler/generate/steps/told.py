"""What a run of ``steps`` tells at its end."""

from __future__ import annotations

from ....records import Json
from ...verify.sheet import write_sheet
from .options import Options
from .rerank import Accuracy
from .select import Selection
from .work import Done


class Told:
    """Accuracies, and what people should label next, as problems come in.

    Args:
        options: What is wanted.
        seed: Of the shuffles.
    """

    def __init__(self, options: Options, seed: int) -> None:
        self._is, self._seed = options, seed
        self._accuracy = Accuracy(shuffles=options.shuffles)
        self._selection: Selection[Json] = Selection(options.ask, options.wrong, options.each)

    def add(self, done: Done) -> None:
        """Count a problem."""
        self._accuracy.add(done.attempts, int(done.example.input_id[:12], 16) + self._seed)
        self._selection.add(done.candidates)

    def notes(self) -> Json:
        """Write the sheet, if one was asked for, and tell the accuracies.

        Raises:
            OutputError: It cannot be written.
        """
        found = self._accuracy.as_json()
        if self._is.sheet is not None:
            chosen = self._selection.chosen
            write_sheet(self._is.sheet, [one.item for one in chosen], option="--set sheet=")
            found["rows in the sheet"] = len(chosen)
            found["of them with a wrong answer"] = sum(one.wrong for one in chosen)
        return found

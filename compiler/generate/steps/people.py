"""Labels of steps that people gave in a sheet of traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from ...verify.judgments import Judgments
from ...verify.steps.labels import Case, Label, Labels, Unlabelled


@dataclass(frozen=True)
class FromSheet:
    """Reads the column ``steps`` of a file as ``verify.judgments`` describes it.

    People label up to the first wrong step. Where several labelled a trace and say different things, it has no labels.
    """

    judgments: Judgments

    async def __call__(self, case: Case) -> Labels:
        """Label the steps.

        Raises:
            Unlabelled: Nobody has labelled them, people disagree, or the labels do not fit the steps.
        """
        said = [_cut(judgment.steps) for judgment in self.judgments.of(case.trace) if judgment.steps]
        if not said:
            raise Unlabelled("nobody has labelled its steps", final=False)
        if any(other != said[0] for other in said):
            raise Unlabelled(f"{len(said)} people labelled its steps, and they disagree", final=False)
        ends = len(said[0]) if "negative" in said[0] else len(case.steps)
        if len(said[0]) != ends or ends > len(case.steps):
            raise Unlabelled(f"the sheet has {len(said[0])} labels for {len(case.steps)} steps")
        labels = Labels()
        for text, label in zip(case.steps, said[0], strict=False):
            labels.add(text, cast("Label", label), why="people")
        return labels


def _cut(labels: list[str]) -> list[str]:
    return labels[: labels.index("negative") + 1] if "negative" in labels else labels

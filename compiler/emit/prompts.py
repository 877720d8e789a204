"""Compiled prompts for a program of several predictors, of which maybe only some were compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import TargetError
from ...records import Candidate
from ...signatures.fields import predictors
from ...signatures.program import apply
from .artifact import Artifact, load_artifact

if TYPE_CHECKING:
    import dspy


def apply_prompts(program: dspy.Module, paths: Sequence[Path]) -> dspy.Module:
    """A copy of a program with compiled instructions and demos; what no artifact has stays as it is.

    A predictor that was compiled goes to the one of the same name and fields, or else, as where it was compiled alone,
    to the only one with its fields.

    Raises:
        DataError: An artifact cannot be read.
        TargetError: A predictor has no place in the program, or several; or two artifacts have the same one.
    """
    given: dict[str, Path] = {}
    made = program
    for path in paths:
        artifact = load_artifact(path)
        names = {name: _place(program, artifact, name) for name in artifact.manifest["predictors"]}
        for name in names.values():
            if name in given:
                raise TargetError(f"{path} and {given[name]} both have prompts of {name!r}", hint="Give one of them.")
            given[name] = path
        made = apply(made, _renamed(artifact.candidate, names))
    return made


def _place(program: dspy.Module, artifact: Artifact, name: str) -> str:
    found = predictors(program)
    fields = artifact.manifest["predictors"][name]
    fitting = [own for own, item in found.items() if _fits(item.signature, fields)]
    if name in fitting or len(fitting) == 1:
        return name if name in fitting else fitting[0]
    has = "; ".join(f"{own} ({', '.join(item.signature.fields)})" for own, item in found.items())
    if fitting:
        raise TargetError(
            f"{artifact.path} has prompts of {name!r}, and {' and '.join(fitting)} have its fields",
            hint="Compile the whole program, so that its predictors have the same names.",
        )
    raise TargetError(
        f"{artifact.path} has prompts of {name!r}, and no predictor of the program has its fields",
        hint=f"The program has {has}. Compile again if it changed.",
    )


def _fits(signature: type[dspy.Signature], fields: Any) -> bool:
    if not isinstance(fields, Mapping):
        return False
    own = {"inputs": signature.input_fields, "outputs": signature.output_fields}
    return all(isinstance(fields.get(side), Mapping) and set(fields[side]) == set(own[side]) for side in own)


def _renamed(candidate: Candidate, names: Mapping[str, str]) -> Candidate:
    return Candidate(
        {names[name]: words for name, words in candidate.instructions.items()},
        {names[name]: demos for name, demos in candidate.demos.items()},
    )

"""What the user asks of a dataset, in one object: it makes the dataset, and stands in its manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ...errors import UsageError
from ...records import Json
from ..keep.level import LEVELS
from .formats.base import Format, formats_of, get_format
from .labels import BITS, check_facets, check_quotas
from .privacy import check_private
from .prompt import PromptKind, check_prompt_kind
from .record import Kind, check_kind
from .split import ONE_SIDE, check_split, parse_split

Dedup = Literal["none", "exact", "normalised", "near", "semantic"]
"""Which rows are duplicates: none; the same messages; the same but for case, width and white space; nearly the same
words; nearly the same meaning. Each includes those before it."""

Prefer = Literal["score", "level", "shortest", "longest"]
"""What makes one duplicate better than another."""

Private = Literal["keep", "mask", "quarantine"]
"""What becomes of rows with secrets or personal data in them."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the user asks of a dataset.

    Attributes:
        format: Name of the target's format, or a format.
        kind: Kind of rows; None is the format's own.
        prompt: The student's prompt: ``bare``, ``compiled`` or ``sent``.
        adapter: Writes prompts and answers, except for ``sent``.
        predictor: Only this predictor.
        whole: One row for the whole program, from what goes in to what comes out, instead of one for each step.
        reasoning: Whether the student learns to write the reasoning.
        failures: Whether answers that did not pass are rows too, with columns ``outcome`` and ``reward``.
        lm: Only traces of this LM.
        max_level: Only traces of this level or below, 1 to 6.
        pairs: What makes one answer of a preference better: ``outcome``, ``score`` or ``label``.
        margin: Least difference of scores in a pair, for ``score`` and ``label``.
        max_pairs: Most pairs of one prompt.
        neutral: What a neutral step counts as, where a target knows good and bad only.
        dedup: Which rows are duplicates.
        similarity: Least similarity of near (Jaccard) or semantic (cosine) duplicates, over 0 to 1; None is 0.8 or 0.9.
        prefer: Which duplicate is kept: by the first of these that tells them apart, else the first one.
        embedder: Name of an embedding model for semantic duplicates, or a function from texts to their vectors.
        against: Files whose texts no row may contain, beside the task's test data.
        overlap: Share of a test text's n-grams that a row must contain to count as contaminated, over 0 to 1.
        split: Shares by name, adding up to 1.
        together: What falls on one side: rows of one ``input``, or also rows whose inputs are ``near`` each other.
        stratify: Field whose values each side has in like shares; "" for none, None for the field with labels.
        apart_from: Dataset directories; rows with an input that one of them has are left out.
        per_input: Most rows of one input.
        balance: Facet (``label``, ``source``, ``difficulty``, ``length``, ``lm``, ``level``) whose
            values get as many rows as the rarest.
        quotas: Most rows by facet and value, such as ``{"label": {"spam": 100}}``.
        limit: Most rows in all.
        shuffle: Whether rows are written in an order that is random, by the seed.
        private: What becomes of rows with secrets or personal data in them.
        licence: Licence for the card; None to take those of the data.
        seed: Decides sides, quotas and order.
    """

    format: str | Format = "openai"
    kind: Kind | None = None
    prompt: PromptKind = "bare"
    adapter: str = "chat"
    predictor: str | None = None
    whole: bool = False
    reasoning: bool = True
    failures: bool = False
    lm: str | None = None
    max_level: int | None = None
    pairs: Literal["outcome", "score", "label"] = "outcome"
    margin: float = 0.1
    max_pairs: int = 4
    neutral: Literal["positive", "negative"] = "positive"
    dedup: Dedup = "exact"
    similarity: float | None = None
    prefer: tuple[Prefer, ...] = ("score", "level", "shortest")
    embedder: str | Callable[[list[str]], Any] | None = None
    against: tuple[str, ...] = ()
    overlap: float = 0.5
    split: Mapping[str, float] = field(default_factory=lambda: ONE_SIDE)
    together: Literal["input", "near"] = "near"
    stratify: str | None = None
    apart_from: tuple[str, ...] = ()
    per_input: int | None = None
    balance: str | None = None
    quotas: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    limit: int | None = None
    shuffle: bool = False
    private: Private = "keep"
    licence: str | None = None
    seed: int = 0

    def target(self) -> Format:
        """The format.

        Raises:
            UsageError: There is none of this name, or it is something else.
        """
        if isinstance(self.format, str):
            return get_format(self.format)
        if not hasattr(self.format, "kinds"):
            raise UsageError(f"format={self.format!r} is no format.", hint="Give the name of one: docs/formats.md.")
        return self.format

    def check(self) -> tuple[Format, Kind]:
        """See that everything fits together; return the format, and the kind of rows that it is to hold.

        Raises:
            UsageError: Something does not.
        """
        target = self.target()
        kind = self.kind or target.kinds[0]
        check_kind(kind)
        if kind not in target.kinds:
            raise UsageError(
                f"Format {target.name!r} has no rows of kind {kind!r}; it has {', '.join(target.kinds)}.",
                hint=f"Formats with such rows: {', '.join(formats_of(kind))}.",
            )
        if self.max_level is not None and (self.failures or kind not in ("sft", "preference")):
            of = "With --failures there are" if self.failures else f"Among rows of kind {kind!r} are"
            raise UsageError(
                f"{of} answers that did not pass; those have no level, and --max-level would leave out the others.",
                hint="Leave out --max-level.",
            )
        if self.failures and not target.extra_columns:
            raise UsageError(
                f"Format {target.name!r} has no place for the outcome and reward of failures.",
                hint="Take a format with columns, such as parquet or trl-sft.",
            )
        check_prompt_kind(self.prompt)
        check_split(self.split)
        files = {target.path(name) for name in self.split}
        if len(files) < len(self.split):
            raise UsageError(
                f"Two of the splits {', '.join(self.split)} have the same file in format {target.name!r}.",
                hint="Call one of them otherwise.",
            )
        check_quotas(self.quotas)
        check_facets([self.balance] if self.balance is not None else [])
        self._check_words()
        self._check_numbers()
        check_private(self.private)
        return target, kind

    def _check_words(self) -> None:
        for name, known in _WORDS.items():
            _one_of(name, getattr(self, name), known)
        for value in self.prefer:
            _one_of("prefer", value, get_args(Prefer))

    def _check_numbers(self) -> None:
        for name in ("similarity", "overlap"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise UsageError(f"{name}={value!r} is no share.", hint="Give a number over 0, at most 1.")
        self._check_counts()
        if self.dedup == "semantic" and not self.embedder:
            raise UsageError(
                "Semantic duplicates need a model that embeds texts.", hint="Name one: --embedder PROVIDER/MODEL."
            )
        if self.embedder is not None and self.dedup != "semantic":
            raise UsageError("An embedder serves --dedup semantic only.", hint="Add --dedup semantic, or leave it out.")
        if not self.margin > 0:
            raise UsageError(f"margin={self.margin!r} is too small.", hint="Ties never pair; give a number over 0.")
        if self.max_level is not None and self.max_level not in LEVELS:
            raise UsageError(
                f"max_level={self.max_level!r} is no level.", hint="Levels are 1 to 6; see docs/verifiers.md."
            )

    def _check_counts(self) -> None:
        for name in ("max_pairs", "per_input", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name}={value!r} is too small.", hint="Give 1 or more.")
        for name in ("max_pairs", "per_input", "limit", "seed"):
            if (getattr(self, name) or 0).bit_length() > BITS:
                raise UsageError(f"The number for {name} is too large.", hint=f"Give one of at most {BITS} bits.")

    def as_json(self) -> Json:
        """Everything, as it stands in the manifest."""
        names = {item.name for item in fields(self)} - {"format", "embedder", "split", "quotas"}
        embedder = self.embedder if isinstance(self.embedder, str | None) else getattr(self.embedder, "__name__", "?")
        return {
            "format": self.target().name,
            **{name: getattr(self, name) for name in sorted(names)},
            "embedder": embedder,
            "split": dict(self.split),
            "quotas": {name: dict(of) for name, of in self.quotas.items()},
        }


_WORDS: Mapping[str, tuple[str, ...]] = {
    "pairs": ("outcome", "score", "label"),
    "neutral": ("positive", "negative"),
    "dedup": get_args(Dedup),
    "together": ("input", "near"),
    "private": get_args(Private),
}


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{name}={value!r} is none of {', '.join(known)}.", hint=f"Choose one of them for {name}.")


def make_choices(given: Mapping[str, Any]) -> Choices:
    """Make choices of what was given by name; a name or a path may stand for a sequence of one.

    Raises:
        UsageError: A name is none of theirs, or a value is of another type.
    """
    known = [item.name for item in fields(Choices)]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
            raise UsageError(f"Unknown choice {name!r} for a dataset.", hint=hint)
    made = dict(given)
    for name in {"against", "apart_from", "prefer"} & set(made):
        made[name] = _several(made[name])
    if isinstance(made.get("split"), str):
        made["split"] = parse_split(made["split"])
    return _typed(made)


def _several(value: Any) -> Any:
    """Names or paths, or one of them, as a tuple of names; what is neither, or has no order, others will refuse."""
    if isinstance(value, str | Path):
        return (str(value),)
    if not isinstance(value, Iterable) or isinstance(value, bytes | Mapping | AbstractSet):
        return value
    return tuple(str(item) if isinstance(item, Path) else item for item in value)


def _typed(given: Mapping[str, Any]) -> Choices:
    """Make choices whose values have their types."""
    try:
        checked = _model().model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        problem = f"{name}={given[name]!r}: {first['msg']}."
        raise UsageError(problem, hint=f"Give another value for {name}.") from None
    return Choices(**{name: getattr(checked, name) for name in given})


@cache
def _model() -> type[BaseModel]:
    """Types of the fields. Words are compared by ``check``, which knows more to say."""
    kinds: dict[str, Any] = {name: str if name in _WORDS else kind for name, kind in get_type_hints(Choices).items()}
    kinds |= {"format": Any, "embedder": Any, "kind": str | None, "prompt": str, "prefer": tuple[str, ...]}
    fields_of: dict[str, Any] = {name: (kind, None) for name, kind in kinds.items()}
    model: type[BaseModel] = create_model("Given", __config__=ConfigDict(strict=True), **fields_of)
    return model

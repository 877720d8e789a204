"""Fills slots by analogy with the demos: one short method for each kind of value."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from ._choose import Chooser
from ._labels import Index, definitions, index, similarities
from ._prompt import Prompt
from ._schema import STRING, Schema, without_null
from ._slots import Slot, bounds, number_of, parts_of, schema_of, text_of
from ._spans import NUMBER, Span, names_in, salient, span_finder
from ._text import content_stems, is_content, stem, words

_DEEPEST = 8  # a recursive schema has to end somewhere
_NEAREST = 3


class Filler:
    """Fills the slots of one prompt's output and remembers, in words, what decided."""

    def __init__(self, prompt: Prompt, chooser: Chooser) -> None:
        """Fill by the prompt's demos and input; `chooser` settles between scored answers."""
        self.text = prompt.text
        self.inputs = tuple(prompt.current.items())
        self.instructions = prompt.signature.instructions
        self._reasons: list[Callable[[], str]] = []  # only worded when asked: most prompts have no such field
        self._chooser = chooser

    def fill(self, slot: Slot) -> Any:
        """The value for a slot, in the shape that its schema asks for."""
        schema, nullable = without_null(slot.schema, slot.root)
        if not schema and slot.known:
            schema = schema_of(slot.known[0].value)
        slot = Slot(slot.name, slot.about, schema, slot.root, slot.cases, slot.depth)
        if "const" in schema:
            return schema["const"]
        if (nullable and self._absent(slot)) or (slot.depth > _DEEPEST and nullable):
            return None
        if schema.get("enum"):
            return self._member(slot, schema["enum"])
        return self._of_type(slot, schema.get("type"))

    def note(self, reason: str) -> None:
        """Remember what decided."""
        self._reasons.append(lambda: reason)

    def reasoning(self) -> str:
        """What decided, in a sentence or two; "" where nothing was weighed."""
        return " ".join(dict.fromkeys(reason() for reason in self._reasons[:2]))

    def _of_type(self, slot: Slot, kind: Any) -> Any:
        if kind == "boolean":
            return self._boolean(slot)
        if kind in ("integer", "number"):
            number = self._number(slot)
            return round(number) if kind == "integer" else number
        if kind == "array":
            return self._array(slot) if slot.depth <= _DEEPEST else []
        if kind == "object":
            return self._object(slot) if slot.depth <= _DEEPEST else {}
        return self._string(slot)

    def _absent(self, slot: Slot) -> bool:
        known = len(slot.known)
        if not slot.cases:
            labels = tuple(str(member) for member in slot.schema.get("enum", ()))
            return bool(labels) and not any(self._index(slot, labels).scores(self.text))
        if known == len(slot.cases):
            return False
        if slot.copies():
            return not self._spans(slot)
        owners = [case.value is not None for case in slot.cases]
        return known == 0 or self._classify(slot, ("absent", "present"), owners) == 0

    # Closed sets.

    def _member(self, slot: Slot, members: Sequence[Any]) -> Any:
        labels = tuple(dict.fromkeys(str(member) for member in members))
        owners = [labels.index(str(c.value)) if str(c.value) in labels else None for c in slot.cases]
        chosen = labels[self._classify(slot, labels, owners)]
        # The demos know whether 2 is written as a number; a prompt's list of enum values does not tell.
        shown = [case.value for case in slot.known if not isinstance(case.value, str)]
        return next(member for member in [*shown, *members] if str(member) == chosen)

    def _boolean(self, slot: Slot) -> bool:
        owners = [str(case.value).lower() == "true" for case in slot.cases]
        # The field's name and description say when it is true; nothing in a prompt says when it is false.
        return self._classify(slot, ("False", "True"), owners, ("", f"{slot.name} {slot.about}")) == 1

    def _classify(
        self, slot: Slot, labels: tuple[str, ...], owners: Sequence[int | None], notes: tuple[str, ...] = ()
    ) -> int:
        found = self._index(slot, labels, owners, notes)
        # Of labels without any evidence, the one with more demos is the better guess.
        scores = [score + found.counts[i] * 1e-9 for i, score in enumerate(found.scores(self.text))]
        chosen = self._chooser.pick(scores)
        shown = [case.text for case, owner in zip(slot.cases, owners, strict=False) if owner is not None]

        def reason() -> str:
            near = found.nearest(self.text, chosen)
            return self._reason(slot.name, labels[chosen], None if near is None else shown[near])

        self._reasons.append(reason)
        return chosen

    def _index(
        self,
        slot: Slot,
        labels: tuple[str, ...],
        owners: Sequence[int | None] = (),
        notes: tuple[str, ...] = (),
    ) -> Index:
        pairs = zip(slot.cases, owners, strict=False)
        demos = tuple((case.text, int(owner)) for case, owner in pairs if owner is not None)
        return index(labels, notes or definitions(f"{self.instructions}\n{slot.about}", labels), demos)

    def _reason(self, name: str, label: str, near: str | None) -> str:
        mine = content_stems(self.text)
        source = label if near is None else near
        shared = [word for word in dict.fromkeys(words(source)) if is_content(word) and stem(word) in mine]
        by = f" by the words {', '.join(shared[:4])}" if shared else ""
        if near is not None:
            return f'The closest example says "{_short(near)}"{by}, so `{name}` is {_short(label)}.'
        if shared:
            return f"The input matches the name {_short(label)}{by}, so `{name}` is {_short(label)}."
        return f"No example is close, so {_short(label)} is a guess for `{name}`."

    # Texts and numbers.

    def _string(self, slot: Slot) -> str:
        if not slot.known:
            self.note(f"No example shows `{slot.name}`, so it is the most telling part of the input.")
            return self._chosen(salient(self.inputs))
        if all(any(text_of(case.value) == text for _, text in case.inputs) for case in slot.known):
            return self._whole_input(slot)
        if slot.copies():
            spans = self._spans(slot, required=True)
            return self._chosen(spans or salient(self.inputs))
        return self._recalled(slot)

    def _whole_input(self, slot: Slot) -> str:
        case = slot.known[0]
        name = next(name for name, text in case.inputs if text == text_of(case.value))
        return dict(self.inputs).get(name, self.text)

    def _recalled(self, slot: Slot) -> str:
        values = tuple(dict.fromkeys(text_of(case.value) for case in slot.known))
        owners = [values.index(text_of(c.value)) if c.value is not None else None for c in slot.cases]
        return values[self._classify(slot, values, owners)]

    def _spans(self, slot: Slot, *, required: bool = False) -> list[Span]:
        finder = span_finder(tuple((case.inputs, parts_of(case.value)) for case in slot.cases))
        spans = finder.find(self.inputs, required=required)
        if spans:
            said = f'In the examples `{slot.name}` is copied from the input: here "{_short(spans[0].text)}".'
            self.note(said)
        return spans

    def _chosen(self, spans: Sequence[Span]) -> str:
        largest = max(1.0, *(abs(span.score) for span in spans))
        return spans[self._chooser.pick([span.score / largest for span in spans])].text

    def _number(self, slot: Slot) -> float:
        low, high = bounds(slot)
        return min(max(self._raw_number(slot), low), high)

    def _raw_number(self, slot: Slot) -> float:
        here = [number for found in NUMBER.findall(self.text) if (number := number_of(found)) is not None]
        values = [value for case in slot.known if (value := number_of(case.value)) is not None]
        if not values:
            return self._earliest(here or [0.0])
        if slot.copies():
            copied = [value for span in self._spans(slot) if (value := number_of(span.text)) is not None]
            return self._earliest(copied or here or [median(values)])
        if len(set(values)) <= len(values) / 2:
            return number_of(self._recalled(slot)) or 0.0
        return self._near_median(slot)

    def _earliest(self, numbers: Sequence[float]) -> float:
        return numbers[self._chooser.pick([-0.1 * i for i in range(len(numbers))])]

    def _near_median(self, slot: Slot) -> float:
        known = [case for case in slot.known if number_of(case.value) is not None]
        similar = similarities([case.text for case in known], self.text)
        order = sorted(range(len(known)), key=lambda i: -similar[i])[:_NEAREST]
        near = self._chooser.pick(similar)
        self._reasons.append(lambda: self._reason(slot.name, text_of(known[near].value), known[near].text))
        numbers = [number_of(known[i].value) or 0.0 for i in order]
        return median(numbers) if near == order[0] and len(order) == _NEAREST else number_of(known[near].value) or 0.0

    # Lists and objects.

    def _array(self, slot: Slot) -> list[Any]:
        items = slot.schema.get("items", {})
        schema, _ = without_null(items if isinstance(items, Mapping) else {}, slot.root)
        lists = [case.value for case in slot.known if isinstance(case.value, list)]
        if members := schema.get("enum"):
            return self._several(slot, members)
        deep = any(isinstance(item, (dict, list)) for items in lists for item in items)
        if deep or schema.get("type") == "object":
            return self._nested(slot, schema)
        if slot.copies():
            return self._ordered([span.text for span in self._spans(slot)], schema)
        if lists:
            return self._several(slot, list(dict.fromkeys(item for items in lists for item in items)))
        return self._ordered(names_in(self.text), schema) if schema.get("type", "string") == "string" else []

    def _ordered(self, parts: Sequence[str], schema: Schema) -> list[Any]:
        parts = sorted(dict.fromkeys(parts), key=self.text.find)
        if schema.get("type") not in ("integer", "number"):
            return list(parts)
        numbers = [number for part in parts if (number := number_of(part)) is not None]
        return [round(n) for n in numbers] if schema["type"] == "integer" else list(numbers)

    def _several(self, slot: Slot, members: Sequence[Any]) -> list[Any]:
        """As many members as the nearest demos have, those with the most evidence."""
        labels = tuple(dict.fromkeys(str(member) for member in members))
        if not labels:
            return []
        pairs = [(c.text, labels.index(p)) for c in slot.known for p in parts_of(c.value) if p in labels]
        notes = definitions(f"{self.instructions}\n{slot.about}", labels)
        scores = index(labels, notes, tuple(pairs)).scores(self.text)
        order = sorted(range(len(labels)), key=lambda i: -scores[i])
        if slot.known:
            chosen = order[: self._how_many(slot)]
        else:
            chosen = [i for i in order if scores[i] > 0 and scores[i] >= 0.5 * scores[order[0]]]
        held = ", ".join(_short(labels[i]) for i in chosen) or "nothing"
        said = f"By its words and examples `{slot.name}` holds {held}."
        self.note(said)
        return [next(member for member in members if str(member) == labels[i]) for i in sorted(chosen)]

    def _how_many(self, slot: Slot) -> int:
        similar = similarities([case.text for case in slot.known], self.text)
        order = sorted(range(len(similar)), key=lambda i: -similar[i])[:_NEAREST]
        return round(median(len(parts_of(slot.known[i].value)) for i in order))

    def _nested(self, slot: Slot, schema: Schema) -> list[Any]:
        if slot.known and self._how_many(slot) == 0:
            return []
        first = slot.child(slot.name, schema, lambda value: value[0] if isinstance(value, list) and value else None)
        return [self.fill(first)]

    def _object(self, slot: Slot) -> dict[str, Any]:
        properties = slot.schema.get("properties")
        if isinstance(properties, Mapping) and properties:
            return {name: self.fill(self._property(slot, name, schema)) for name, schema in properties.items()}
        extra = slot.schema.get("additionalProperties")
        keys = Counter(key for case in slot.known if isinstance(case.value, dict) for key in case.value)
        choices = {"anyOf": [extra if isinstance(extra, Mapping) else {}, {"type": "null"}]}
        entries = {key: self.fill(self._property(slot, key, choices)) for key in sorted(keys)}
        return {key: value for key, value in entries.items() if value is not None}

    def _property(self, slot: Slot, name: str, schema: Any) -> Slot:
        schema = schema if isinstance(schema, Mapping) else STRING
        return slot.child(name, schema, lambda value: value.get(name) if isinstance(value, dict) else None)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."

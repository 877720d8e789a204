"""Extraction by analogy: which part of the input plays the role that a copied part played in the demos."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from ._text import content_stems, is_content, sentences, stem

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?")
_TOKEN = re.compile(r"\w+(?:['’.,:/@-]\w+)*|[^\w\s]")
_OBSERVATION = re.compile(r"observation_\d+(?: ## \]\]|>)\n(?!Completed\.)(.*?)(?=\n+(?:\[\[ ## |</)|\Z)", re.DOTALL)
_EDGES = ".,;:!?"
_MAX_TOKENS = 400
_EPOCHS, _MARGIN = 8, 1.0

Inputs = tuple[tuple[str, str], ...]  # name and text of each input field
Copied = tuple[str, ...]  # the parts that a demo copied from its input; () if it copied none


@dataclass(frozen=True)
class Span:
    """A part of an input and how much it looks like the part to find."""

    text: str
    score: float


class SpanFinder:
    """An averaged perceptron over the tokens of the demos: inside a copied part, or outside.

    A token is described by itself, its shape, its ending, its neighbours and, where there are several inputs,
    by whether the others mention it or its sentence. A span is a run of tokens that score as inside. (Collins
    2002, "Discriminative training methods for hidden Markov models", without the Markov part. Naive Bayes on
    the same features finds spans everywhere: neighbouring features repeat each other's evidence.)
    """

    def __init__(self, demos: Sequence[tuple[Inputs, Copied]]) -> None:
        """Learn from the inputs of each demo and the parts copied from them."""
        self.source = _source(demos)
        self._weights = _averaged([example for demo in demos for example in self._examples(*demo)])
        # Punctuation around a span belongs to it only where the demos kept it.
        self._edges = "" if any(part[-1:] in _EDGES for _, copied in demos for part in copied) else _EDGES

    def find(self, inputs: Inputs, *, required: bool = False) -> list[Span]:
        """Find spans, best first. Where no token scores as inside none, or the best if required."""
        text = dict(inputs).get(self.source, "")
        tokens = list(_TOKEN.finditer(text))[:_MAX_TOKENS]
        weights = self._weights
        scores = [sum(weights.get(key, 0.0) for key in keys) for keys in _describe(tokens, text, inputs, self.source)]
        spans = (
            Span(text[tokens[i].start() : tokens[j - 1].end()].strip(self._edges), score)
            for i, j, score in _runs(scores, max(scores, default=0.0) - 1e-9 if required else 0.0)
        )
        return [span for span in spans if span.text]

    def _examples(self, inputs: Inputs, copied: Copied) -> Iterator[tuple[list[str], bool]]:
        text = dict(inputs).get(self.source, "")
        tokens = list(_TOKEN.finditer(text))[:_MAX_TOKENS]
        ranges = [place for part in copied if (place := _place(part, text))]
        for token, keys in zip(tokens, _describe(tokens, text, inputs, self.source), strict=True):
            yield keys, any(start <= token.start() < end for start, end in ranges)


def _averaged(examples: Sequence[tuple[list[str], bool]]) -> Mapping[str, float]:
    weights: dict[str, float] = defaultdict(float)
    sums: dict[str, float] = defaultdict(float)
    for step in range(_EPOCHS * len(examples)):
        keys, inside = examples[step % len(examples)]
        score = sum(weights[key] for key in keys)
        if (score <= _MARGIN) if inside else (score >= -_MARGIN):
            for key in keys:
                weights[key] += 1.0 if inside else -1.0
                sums[key] += step if inside else -step
    # Each change counts for the steps that it survived, so that the last demo does not decide alone.
    return {key: weight - sums[key] / (_EPOCHS * len(examples)) for key, weight in weights.items()}


@lru_cache(maxsize=128)
def span_finder(demos: tuple[tuple[Inputs, Copied], ...]) -> SpanFinder:
    """The finder learned from these demos, kept for the next input with the same demos."""
    return SpanFinder(demos)


def copied_from(value: str, inputs: Inputs) -> str | None:
    """Name of the input field that contains the value as whole words, or None."""
    if not value.strip():
        return None
    return next((name for name, text in inputs if _place(value, text)), None)


def salient(inputs: Inputs) -> list[Span]:
    """Sentences of the longest input, scored by what they share with the other inputs; never empty.

    Of the trajectory of a tool-using loop only what the tools returned counts.
    """
    texts = [text for _, text in inputs if text.strip()]
    if not texts:
        return [Span("", 0.0)]
    observed = ["\n".join(_OBSERVATION.findall(text)) for text in texts]
    source = max(range(len(texts)), key=lambda i: (len(observed[i]), len(texts[i])))
    asked = content_stems("\n".join(text for i, text in enumerate(texts) if i != source))
    parts = sentences(observed[source] or texts[source])[:_MAX_TOKENS]
    return [Span(part[:500], 0.1 * len(asked & content_stems(part))) for part in parts] or [Span("", 0.0)]


def names_in(text: str) -> list[str]:
    """Capitalized runs (not a lone sentence start) and numbers of a text, in order, without repeats."""
    runs = re.findall(r"(?<![.!?]\s)(?<!^)\b[A-Z]\w*(?:\s+[A-Z]\w*)*|\d[\w.,:]*\w|\d", text)
    return list(dict.fromkeys(runs))[:20]


def _source(demos: Sequence[tuple[Inputs, Copied]]) -> str:
    votes = Counter(copied_from(part, inputs) for inputs, parts in demos for part in parts)
    del votes[None]
    fallback = demos[0][0][0][0] if demos and demos[0][0] else ""
    return str(votes.most_common(1)[0][0]) if votes else fallback


def _place(part: str, text: str) -> tuple[int, int] | None:
    start = text.lower().find(part.lower().strip())
    while start >= 0 and part.strip():
        end = start + len(part.strip())
        if not (text[start - 1 : start].isalnum() and text[start].isalnum()) and not (
            text[end : end + 1].isalnum() and text[end - 1 : end].isalnum()
        ):
            return start, end
        start = text.lower().find(part.lower().strip(), start + 1)
    return None


def _describe(tokens: Sequence[re.Match[str]], text: str, inputs: Inputs, source: str) -> Iterator[list[str]]:
    lower = ["^", "^", *(token[0].lower() for token in tokens), "$", "$"]
    shapes = ["^", *(_shape(token[0]) for token in tokens), "$"]
    asked = content_stems("\n".join(value for name, value in inputs if name != source))
    best = _best_sentence(text, asked) if asked else (0, 0)
    for i, token in enumerate(tokens):
        word = lower[i + 2]
        keys = [
            f"w={word}", f"s={shapes[i + 1]}", f"e={word[-3:]}", f"p={lower[i + 1]}", f"n={lower[i + 3]}",
            f"pp={lower[i]} {lower[i + 1]}", f"nn={lower[i + 3]} {lower[i + 4]}",
            f"ps={shapes[i]}", f"ns={shapes[i + 2]}",
        ]  # fmt: skip
        if asked:
            keys.append(f"asked={is_content(word) and stem(word) in asked}")
            keys.append(f"best={best[0] <= token.start() < best[1]}")
        yield keys


def _best_sentence(text: str, asked: frozenset[str]) -> tuple[int, int]:
    best = max(sentences(text), key=lambda part: len(asked & content_stems(part)), default="")
    start = text.find(best)
    return start, start + len(best)


def _shape(word: str) -> str:
    shape = re.sub(r"[^\W\d_]+", lambda found: "X" if found[0][0].isupper() else "x", word)
    return re.sub(r"\d+", "d", shape)


def _runs(scores: Sequence[float], highest_floor: float) -> list[tuple[int, int, float]]:
    """The runs `[i, j)` of scores above zero (or the floor where that is lower), highest sum first."""
    floor = min(0.0, highest_floor)
    runs = []
    for inside, group in groupby(range(len(scores)), key=lambda i: scores[i] > floor):
        positions = list(group)
        if inside:
            runs.append((positions[0], positions[-1] + 1, sum(scores[i] for i in positions)))
    return sorted(runs, key=lambda run: -run[2])

"""The embedded LM `embedded/analogy`: no substitute for a language model.

It needs no key, network or weights, so that a whole run works on a fresh machine and in tests. It is a
deterministic, non-parametric in-context learner: everything it knows stands in the messages, so its accuracy
truly depends on the demos and instructions that the compiler chose, and nothing is scripted to an example.

How it works. The prompt is read back the way DSPy's Chat, JSON, XML and BAML adapters write it. Each output
is filled by analogy with the demos:
    closed sets     one prototype a label: its name, what a `label: words` line says of it, and its demos,
                    over stems, stem pairs and character 4-grams weighted by idf in this prompt;
                    the nearest wins
    copied parts    a token perceptron learned from the demos, where their outputs are found in their inputs
    other text      the output of the most similar demo; without demos the most telling sentence of the input
    numbers         a number of the input where the demos copy one, else a vote or median of the nearest demos
    lists, objects  the above for each item or property
A `reasoning` field tells in a sentence which demo or name decided.

Accuracy in percent on the banking77 dev inputs with demos from its train inputs (PolyAI
task-specific-datasets, CC-BY-4.0; mean over 12, 6 and 4 random draws of labels and demos, ChatAdapter). The
weights in `_text.py` and `_labels.py` were chosen on the same dev inputs, so fresh data may score less:
    labels    no demos    1 a label    2 a label    4 a label
         8        78.6         85.6         88.8         89.5
        20        64.4         73.3         76.5         78.2
        77        49.5         55.2         60.9         65.6
Demos for 16 of the 77 labels: 50.5. Dictionaries of restaurant8k, F1 with 4, 16 and 64 demos: 22, 29, 42.
Questions on a passage (nq_open), exact match with 16 demos: 5. It cannot reason, compute or know facts.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ._choose import Chooser
from ._fill import Filler
from ._labels import index
from ._prompt import Field, Message, Prompt, read_prompt
from ._schema import without_null
from ._slots import Slot, field_cases
from ._spans import salient
from ._tools import is_step, next_step
from ._write import write

__all__ = ["answer"]

_REASONING = frozenset({"reasoning", "rationale", "next_thought"})
_NOTHING = "Nothing in the prompt says what to answer."


def answer(messages: Sequence[Mapping[str, str]], *, attempt: int = 0, temperature: float | None = None) -> str:
    """Complete a chat by analogy with the examples in it.

    Args:
        messages: `{"role": ..., "content": ...}` as a DSPy adapter sends them.
        attempt: 0 for the best answer; retries (1, 2, ...) at a temperature are seeded samples.
        temperature: of the softmax over evidence; None or 0 for the best answer.

    Returns:
        Text in the format that the prompt asks for; for a prompt of no DSPy adapter a plain text. Never
        raises for any content of the messages.
    """
    turns = [(str(message.get("role", "")), _content(message.get("content"))) for message in messages]
    chooser = Chooser(turns, attempt, temperature)
    try:
        prompt = read_prompt(turns)
        said = _plain(turns, chooser) if prompt is None else _complete(prompt, chooser)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        # A model answers whatever it is sent: a prompt that breaks the reader costs the format, not the run.
        return _NOTHING
    return said.encode("utf-8", "replace").decode()  # half a surrogate pair is no text


def _complete(prompt: Prompt, chooser: Chooser) -> str:
    filler = Filler(prompt, chooser)
    fields = prompt.signature.outputs
    values: dict[str, Any] = next_step(prompt, filler) if is_step(prompt) else {}
    told = [field for field in fields if _is_reasoning(field) and len(fields) > 1]
    for field in fields:
        if field not in told and field.name not in values:
            cases = field_cases(field.name, prompt.demos)
            slot = Slot(field.name, field.description, field.schema, field.schema, cases)
            values[field.name] = filler.fill(slot)
    values.update({field.name: filler.reasoning() or _NOTHING for field in told})
    return write({field.name: values[field.name] for field in fields}, prompt.signature.style)


def _is_reasoning(field: Field) -> bool:
    return field.name in _REASONING and without_null(field.schema, field.schema)[0].get("type") == "string"


def _plain(turns: Sequence[Message], chooser: Chooser) -> str:
    asked = next((content for role, content in reversed(turns) if role == "user"), "")
    pairs = [
        (question, reply)
        for (role, question), (replier, reply) in pairwise(turns)
        if role == "user" and replier == "assistant" and reply.strip()
    ]
    if not pairs:
        return salient((("input", asked),))[0].text or _NOTHING
    replies = tuple(dict.fromkeys(reply for _, reply in pairs))
    found = index(replies, ("",) * len(replies), tuple((q, replies.index(r)) for q, r in pairs))
    return replies[chooser.pick(found.scores(asked))]


def _content(content: object) -> str:
    # A provider-shaped message holds a list of parts instead of one text.
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, (list, tuple)) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, Mapping) and "text" in part)

"""What of a text's meaning rules can see, and that synth_clean a text is no change of it."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.generate.clean.amounts import numbers
from limbeck.compiler.generate.clean.meaning import changes, code, links, negations

SAME = [
    ("i want a table for 5 ppl at 7pm at nandos", "I want a table for 5 people at 7:00 PM at Nando's."),
    ("It costs $1,000 and 5km", "It costs 1000 dollars and 5 kilometers"),
    ("three hundred and five people", "305 people"),
    ("twenty-five cats, five thousand mice", "25 cats, 5,000 mice"),
    ("5 million people", "5,000,000 people"),
    ("3 hundred", "300"),
    ("five cats and 20 dogs", "5 cats and 20 dogs"),
    ("add 5-3, in 3-5 days", "Add 5 - 3, in 3–5 days."),
    ("20% off, 1st prize", "20 percent off, first prize"),
    ("dont call me, i cant come", "Don't call me, I cannot come."),
    ("see https://a.b/c.", "See https://a.b/c"),
    ("I WANT IT NOW, OK? CALL BOB", "I want it now, OK? Call Bob."),
    ("um so like, bob said hi", "Bob said hi."),
    ("he said “hello   world”", 'He said "hello world".'),
    ("use ` x ` here", "Use `x` here."),
    ("Teh resturant", "The restaurant"),
    ("10 inches/second for $3/hour", "10 inch/s for 3 dollars/hour"),
    ("todays the day", "Today's the day."),
    ("ten of them came", "Ten of them came."),
    ("a 10x10 grid for 5 €", "A 10 x 10 grid for €5."),
    ("its minus 5 outside", "It's -5 outside."),
    ("v2.3.4 is out, Covid19 too", "V2.3.4 is out, COVID19 too."),
]

OTHER = [
    ("5 kg", "6 kg", "numbers: 5 kg became 6 kg"),
    ("5 kg", "5 lbs", "numbers: 5 kg became 5 pound"),
    ("5 kg", "5", "numbers: 5 kg became 5"),
    ("$5", "€5", "numbers: 5 usd became 5 eur"),
    ("12 apples and 5 pears", "5 apples and 12 pears", "numbers: they stand in another order"),
    ("three apples", "four apples", "numbers: 3 became 4"),
    ("It was -5 degrees", "It was 5 degrees", "numbers: -5 degree became 5 degree"),
    ("add 5-3", "add 5+3", "numbers: nothing became sign +"),
    ("at 5:30", "at 6:30", "numbers: time 5:30 became time 6:30"),
    ("at 5 am", "at 5 pm", "numbers: time 5:00 am became time 5:00 pm"),
    ("on 2020-04-05", "on 2020-05-04", "numbers: date 2020-04-05 became date 2020-05-04"),
    ("next friday", "next Monday", "numbers: friday became monday"),
    ("the first", "the third", "numbers: place 1 became place 3"),
    ("half of it", "twice of it", "numbers: half became double"),
    ("He didn't go", "He went", "negations: not became nothing"),
    ("He can go", "He cannot go", "negations: nothing became not"),
    ("Then Tom gave Ann it", "Then Ann gave Tom it", "names: in another order"),
    ("and then john left", "And then Mark left", "names: 'mark' is new"),
    ("and then John left", "And then he left", "names: 'john' is gone"),
    ("John went home.", "Mark went home.", "names: 'mark' is new"),
    ("the USA", "the", "names: 'usa' is gone"),
    ('he said "yes, sir"', 'He said "no, sir".', "quotations: yes, sir"),
    ("see www.a.b/c", "see www.a.b/d", "links: www.a.b/c became www.a.b/d"),
    ("mail a@b.de", "mail a@c.de", "links: a@b.de became a@c.de"),
    ("run `ls -l`", "run `ls -a`", "code: ls -l became ls -a"),
    ("v2.3.4 is out", "v2.3.5 is out", "numbers: code v2.3.4 became code v2.3.5"),
    ("set 0x1f to 1e5", "set 0x2f to 1e5", "numbers: code 0x1f became code 0x2f"),
    ("a 10x10 grid", "a 10x11 grid", "numbers: 10 became 11"),
    (f"it is {'1' * 300}", f"it is {'1' * 299}2", "numbers: code"),
    ("5 $", "5 €", "numbers: 5 usd became 5 eur"),
    ("minus 5", "5", "numbers: -5 became 5"),
    ("if <5", "if >5", "numbers: sign < became sign >"),
    ("age 18+", "age 18", "numbers: sign + became nothing"),
    ("ask @joe about #rust", "ask @jim about #rust", "links: @joe became @jim"),
    ("see foo.com", "see bar.com", "links: foo.com became bar.com"),
    ("er sagte „ja“ dazu", "Er sagte „nein“ dazu.", "quotations: ja"),
    ("```\nx = 1\n```", "```\nx = 2\n```", "code: "),
]


@pytest.mark.parametrize(("before", "after"), SAME)
def test_what_cleaning_does_is_no_change(before: str, after: str) -> None:
    """Spelling, case, punctuation, filler and other ways to write the same number."""
    assert changes(before, after) == []


@pytest.mark.parametrize(("before", "after", "said"), OTHER)
def test_what_changes_the_meaning_is_named(before: str, after: str, said: str) -> None:
    """Each kind of change is told by its kind and by what differs."""
    assert any(line.startswith(said) for line in changes(before, after)), changes(before, after)


@pytest.mark.parametrize(("before", "after"), [("prices rose", "prices fell"), ("he sang", "she sang")])
def test_what_rules_cannot_see(before: str, after: str) -> None:
    """Another word is another meaning, and no rule here knows words: a judge or a person has to."""
    assert changes(before, after) == []


@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_a_text_says_the_same_as_itself(text: str) -> None:
    """Whatever characters it is made of."""
    assert changes(text, text) == []


_WORDS = st.lists(st.sampled_from(
    ["John", "the", "paid", "$5", "5 kg", "two", "not", "3:15 pm", "half", "Paris", "1,000", "don't", "first", "Monday"]
), max_size=12)  # fmt: skip


@given(_WORDS)
def test_layout_is_no_change(words: list[str]) -> None:
    """White space of any kind, and a full stop at the end."""
    text = " ".join(words)
    assert changes(text, re.sub(" ", "   ", text) + " \n") == []
    assert changes(text.lower(), f"{text}.") == []


@given(_WORDS, st.integers(0, 10**9), st.integers(0, 10**9))
def test_another_number_is_always_seen(words: list[str], one: int, other: int) -> None:
    """Wherever it stands, with separators or without."""
    before = " ".join([*words, "and", f"{one:,}", "things"])
    after = " ".join([*words, "and", str(other), "things"])
    assert (changes(before, after) == []) == (one == other)


@given(st.integers(0, 999_999))
def test_numbers_in_words_are_those_in_figures(value: int) -> None:
    """From zero to a million."""
    assert numbers(f"about {_spelled(value)} people") == [str(value)]


def _spelled(value: int) -> str:
    small = (
        "zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    )
    names = ["zero", "one", *small.split()[1:], "eighteen", "nineteen"]
    tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    if value == 1:
        return "1"  # "one" alone is mostly no number
    if value < 20:
        return names[value]
    if value < 100:
        return tens[value // 10 - 2] + (f"-{names[value % 10]}" if value % 10 else "")
    if value < 1000:
        return f"{names[value // 100]} hundred" + (f" and {_part(value % 100)}" if value % 100 else "")
    return f"{_part(value // 1000)} thousand" + (f" {_part(value % 1000)}" if value % 1000 else "")


def _part(value: int) -> str:
    return "one" if value == 1 else _spelled(value)


def test_what_is_taken_out() -> None:
    """Parts that are compared as they stand, in their order."""
    assert links("see (http://a.b/c?d=1), or x.y@z.org!") == ["http://a.b/c?d=1", "x.y@z.org"]
    assert code("`a` and ```\nb  c\n```") == ["b c", "a"]
    assert negations("I don't, you can not, nobody did; notable knots") == ["not"] * 3


@pytest.mark.parametrize(
    "text", ["x" * 20_000, "A b. " * 4_000, '"' * 9_000, "hundred " * 4_000, "[`" * 9_000, "1,000 " * 3_000]
)
def test_long_texts_are_read_to_their_end(text: str) -> None:
    """No pattern takes for ever, and no number grows beyond what Python writes."""
    assert changes(text, text) == []


def test_many_names_take_no_time_by_the_square() -> None:
    """Each is looked up in the other text, which is gone through once: a minute before, now a tenth of a second."""
    words = [f"ab{''.join(chr(97 + int(digit)) for digit in str(n))}" for n in range(10_000, 26_000)]
    names = [f"{one.capitalize()}{other}" for one, other in zip(words[::2], words[1::2], strict=True)]
    began = time.process_time()
    assert changes(" ".join(words), f"they {' '.join(names)}") == []
    assert time.process_time() - began < 10

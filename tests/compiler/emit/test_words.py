"""Words as numbers: the same for the same words, however they are written."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.spool import Item
from limbeck.compiler.emit.words import cleaned, with_words, word_spans, words_of


def said(text: str) -> list[str]:
    return [word.decode() for word in cleaned(text).split(b"\0") if word]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Has_close! Don't", ["has", "close", "don", "t"]),
        ("“Quoted” – naïve ﬁne STRASSE straße", ["quoted", "naïve", "fine", "strasse", "strasse"]),
        ("日本語text です。", ["日", "本", "語", "text", "で", "す"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("한국어 말", ["한국어", "말"]),
        ("so\u00adft hy\u200dphen", ["soft", "hyphen"]),
        ("❤️ ☠️ 👍🏽", []),
        ("\ud800 x \udfff", ["x"]),
        ("a\\nb \\u00e9t\\u00c9 \\xa0c", ["a", "b", "été", "c"]),
        ("x² ½ 3.5", ["x2", "1", "2", "3", "5"]),
        ("[EMAIL_12], [IP_1] [EMAIL_x] [MAIL_1]", ["email", "ip", "email", "x", "mail", "1"]),
        ("", []),
        ("\x00\n\t", []),
    ],
)
def test_words_have_no_case_width_or_punctuation(text, expected):
    """Case, width, punctuation and how a character is drawn make no difference."""
    assert said(text) == expected


def test_hashes_are_the_same_in_another_process():
    """What one process found another one knows, whatever its hash seed is."""
    text = "The quick brown fox, naïve 日本"
    code = f"from limbeck.compiler.emit.words import words_of; print(words_of({text!r}).tolist())"
    other = subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": "7"}, capture_output=True, check=True)
    assert json.loads(other.stdout) == words_of(text).tolist()
    assert words_of("fox").tolist() == [16846548440341614828]


def test_a_hash_is_that_of_the_word_alone():
    """Wherever a word stands, and however long the text is; a word does not end where a piece of the text does."""
    text = " ".join(f"w{n}" for n in range(40_000))
    assert words_of(text).tolist() == [int(words_of(f"w{n}")[0]) for n in range(40_000)]
    assert words_of(text + " naïve")[:-1].tolist() == words_of(text).tolist()


def test_a_word_without_end_is_cut():
    """A megabyte without a space is some words, always the same."""
    assert len(words_of("a" * 1_000_000)) == 16
    assert words_of("a" * 1_000_000).tolist() == words_of("A" * 1_000_000).tolist()


def test_different_words_have_different_hashes():
    """Of half a million words no two have one hash, nor one half of it."""
    letters = "abcdefghij0123456789"
    words = [a + b + c + d for a in letters for b in letters for c in letters for d in letters]
    numbers = words_of(" ".join(words + [word * 2 for word in words] + [word[:3] + "x" * 9 + word for word in words]))
    assert len(np.unique(numbers)) == 480_000
    assert len(np.unique(numbers >> np.uint64(16))) == 480_000
    counts = np.bincount((numbers & np.uint64(255)).astype(np.int64), minlength=256)
    assert counts.min() > 0.9 * 480_000 / 256


@given(st.text())
def test_any_text_has_words(text):
    """No text breaks it; each word has a number, and equal words equal ones."""
    parts, numbers = said(text), words_of(text)
    assert numbers.dtype == np.uint64
    assert len(parts) == len(numbers)
    assert len(set(parts)) == len(set(numbers.tolist()))


@given(st.text())
def test_spans_point_at_the_words(text):
    """What is cut out of the normal text has the same words, one each."""
    normal, spans = word_spans(text)
    cut = [word for start, end in spans for word in said(normal[start:end])]
    assert cut == said(text)
    assert all(start < end for start, end in spans)


@given(st.text(alphabet=st.characters(max_codepoint=127, exclude_characters="\\")))
def test_plain_text_is_split_as_any_other(text):
    """The short way for ASCII gives what the long way gives."""
    assert said(text) == said(text + " é")[:-1]


@given(st.text(alphabet="abcÉßẞ日ก _-'.,!?\n", max_size=60))
def test_case_and_punctuation_make_no_difference(text):
    """Reworded by case, and by spaces in the place of punctuation, a text has the same words."""
    assert said(text.upper()) == said(text)
    assert said("".join(character if character.isalnum() else " " for character in text)) == said(text)


def test_rows_get_the_words_of_input_and_answer(record):
    """The words of the answer stand behind those of the input."""
    item = Item(record(input_text="What is up?", answer_text="The sky."), b"{}")
    (given_words,) = with_words([item])
    assert given_words.words is not None
    assert given_words.words.tolist() == words_of("what is up the sky").tolist()
    assert given_words.input_words == 3

"""Rules of Evol-Instruct that need no LM."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.generate.evolve import rules

texts = st.text(st.characters(), max_size=200)  # halves of characters included


@pytest.mark.parametrize(
    ("answer", "gives_up"),
    [
        ("Sorry, I do not know.", True),
        ("I am SORRY", True),
        (" ".join(["sorry", *["word"] * 78]), True),  # 79 words
        (" ".join(["sorry", *["word"] * 79]), False),  # 80
        ("Forty two.", False),
        ("", False),
    ],
)
def test_sorry_and_under_80_words(answer, gives_up):
    """Rule 2: both have to be so."""
    assert rules.gives_up(answer) is gives_up


@pytest.mark.parametrize(
    ("answer", "says_nothing"),
    [
        ("", True),
        ("... !?", True),
        ("It is, and it isn’t.", True),
        ("THE", True),
        ("— «», 。", True),
        ("42", False),
        ("It is a lamp.", False),
        ("∞", False),
        ("灯", False),
        ("the\u00e9", False),
    ],
)
def test_only_punctuation_and_stop_words(answer, says_nothing):
    """Rule 3, which in a popular port never fires."""
    assert rules.says_nothing(answer) is says_nothing


@pytest.mark.parametrize(
    "copy",
    ["given prompt", "Rewritten Prompt", "created prompts", "#Rewritten Prompt#:", "#The Given", "rewritten_prompt",
     "[[ ## rewritten_prompt ## ]]"],
)  # fmt: skip
def test_words_of_the_prompt_are_known(copy):
    """Rule 4, with the words that the paper names and those of our own fields."""
    assert rules.copied("What is it?", f"What is it? {copy} Why?") is not None


@pytest.mark.parametrize(
    "text", ["Write a prompt answer.", "I was given promptly.", "# Given that, why?"[2:], "#1 of 3"]
)
def test_other_words_are_no_copy(text):
    """Prompts, too, may be what a prompt is about."""
    assert rules.copied("What is it?", text) is None


def test_what_the_parent_said_is_no_copy():
    """A seed about given prompts can evolve."""
    assert rules.copied("Rate the given prompt.", "Rate the given  prompt from 1 to 5.") is None
    assert rules.copied("Rate the given prompt.", "Rate the given prompt. #Rewritten Prompt#") is not None


@pytest.mark.parametrize("operation", ["constrain", "deepen", "concretize", "reason", "complicate"])
def test_depth_adds_so_many_words_at_most(operation):
    """Twenty more words are right, twenty-one are not; fewer always are."""
    before = "one two three"
    assert rules.length(operation, before, before + " more" * 20, 20) is None
    assert rules.length(operation, before, "one", 20) is None
    assert rules.length(operation, before, before + " more" * 21, 20) == "21 words were added"


def test_data_do_not_count_as_words_where_they_are_asked_for():
    """A table does not fit twenty words; without end it does not grow either."""
    table = "\n```\n" + "| a | b |\n" * 20 + "```"
    assert rules.length("complicate", "Sort it.", "Sort these rows by b." + table, 20) is None
    assert rules.length("constrain", "Sort it.", "Sort these rows by b." + table, 20) is not None
    assert rules.length("complicate", "Sort it.", f"Sort them. {'and ' * 30}" + table, 20) is not None
    assert "of data" in str(rules.length("complicate", "Sort it.", "Sort.\n```\n" + "x " * 500 + "\n```", 20))
    assert rules.length("complicate", "Sort it." + table, "Sort it." + " more" * 21 + table, 20) is not None


@pytest.mark.parametrize(("n", "right"), [(49, False), (50, True), (100, True), (200, True), (201, False)])
def test_breadth_keeps_the_length(n, right):
    """Half to twice as long."""
    assert (rules.length("breadth", "w " * 100, "w " * n, 20) is None) is right


def test_breadth_of_short_prompts_is_lenient():
    """Of two words, half to twice would be next to nothing."""
    assert rules.length("breadth", "Why me?", "word " * 22, 20) is None
    assert rules.length("breadth", "Why me?", "word " * 23, 20) is not None


def test_words_of_writing_without_spaces():
    """Each sign of Chinese or Japanese counts as a word."""
    assert rules.words("这是灯 and a lamp") == 6


@pytest.mark.parametrize(
    "said",
    ["I'm sorry, but I can't help with that.", "I cannot rewrite this prompt.",
     "Unfortunately, I am not able to provide a more complex version.", "As an AI language model, I cannot do that."],
)  # fmt: skip
def test_refusals_are_no_prompts(said):
    """An evolver that refuses has evolved nothing."""
    assert rules.refused("How do I do it?", said)


@pytest.mark.parametrize("said", ["I cannot log in, and it is urgent.", "I'm unable to find my card.", "Rewrite it."])
def test_prompts_may_tell_of_what_cannot_be_done(said):
    """Messages of users are no refusals; nor is one whose parent began like that."""
    assert not rules.refused("Why is it so?", said)
    assert not rules.refused("I cannot help with that.", "I cannot help with that at all.")


@pytest.mark.parametrize("said", ["What is it", '"What is it?"', " what  is IT?? "])
def test_unchanged_in_all_but_form(said):
    """Quotes, case and space are no change; a sign within the text is one."""
    assert rules.unchanged("What is it?", said)
    assert not rules.unchanged("What is 2 + 3?", "What is 2 - 3?")


def test_echoes():
    """A sentence of the instructions, a demo or the context is nothing of its own."""
    told = "You rewrite prompts. Leave out nothing of what has been given to you, nor any input.\nShort."
    assert rules.echoed("Leave out nothing of what has been given to you, nor any input.", told, [])
    assert rules.echoed("The demo.", told, ["the  demo."])
    assert not rules.echoed("The demo, and more.", told, ["the demo."])
    assert not rules.echoed("Short.", told, [""])


@given(texts, texts)
def test_any_texts_can_be_asked_about(before, after):
    """Nothing that a model writes breaks a rule."""
    rules.gives_up(after)
    rules.copied(before, after)
    rules.refused(before, after)
    rules.echoed(after, before, [before])
    assert rules.unchanged(before, before)
    assert rules.words(after) == sum(map(rules.words, after.split()))
    for operation in ("constrain", "complicate", "breadth"):
        assert rules.length(operation, before, before, 20) is None


@given(
    st.lists(st.sampled_from(["the", "Isn't", "of", "!", "...", "\n", "“"]), max_size=90), st.text("abc0", min_size=4)
)
def test_one_word_with_a_meaning_is_enough(nothing, word):
    """An answer of punctuation and stop words says nothing; with any other word in it, it does."""
    assert rules.says_nothing(" ".join(nothing))
    assert not rules.says_nothing(" ".join([*nothing, word, *nothing]))

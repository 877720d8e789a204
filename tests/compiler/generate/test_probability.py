"""How likely an LM found each option, by the tokens of its answer."""

from __future__ import annotations

import math
from pathlib import Path

import dspy
import pytest
from dspy._vendor.lm15.types import TokenLogprob, TopLogprob
from dspy.lm15 import Message, Response
from dspy.lm15 import Usage as LMUsage
from hypothesis import given
from hypothesis import strategies as st

import limbeck
from limbeck.compiler.generate.base import Dropped
from limbeck.compiler.generate.probability import ASKED, option_probabilities
from limbeck.compiler.lm.wire import decode_response, encode_response, logprobs
from limbeck.compiler.verify.base import Answer
from limbeck.records import Usage
from limbeck.signatures.task import Task
from limbeck.testing.stub import Stub

HEAD, END = [("[[ ##", {}), (" label", {}), (" ## ]]", {}), ("\n", {})], [("\n\n[[ ## completed ## ]]", {})]


def answered(*tokens, prediction=None, head=True):
    """An answer of tokens: text, then the probabilities of others in its place; its own is what they leave."""
    every = [*HEAD, *tokens, *END] if head else tokens
    logprobs = [
        {"token": token, "logprob": math.log(max(1 - sum(p for p in others.values()), 1e-9)),
         "top": {other: math.log(p) for other, p in others.items()}} for token, others in every
    ]  # fmt: skip
    return Answer(prediction, "".join(token for token, _ in every), None, Usage(), "lm", logprobs)


def likely(answer, options, field="label"):
    found = option_probabilities(answer, options, field)
    return found if found is None else {option: round(p, 6) for option, p in found.items()}


def test_options_of_one_token_have_its_probability():
    """And what begins no option is left out."""
    answer = answered(("yes", {"no": 0.3, "maybe": 0.1}))
    assert likely(answer, ["no", "yes"]) == {"no": round(0.3 / 0.9, 6), "yes": round(0.6 / 0.9, 6)}


def test_options_that_begin_alike_are_followed_token_by_token():
    """``card_linking`` is as likely as ``card``, and then ``_linking``."""
    answer = answered(("card", {"refund": 0.2}), ("_arrival", {"_linking": 0.25}))
    assert likely(answer, ["card_arrival", "card_linking", "refund"]) == {
        "card_arrival": 0.6, "card_linking": 0.2, "refund": 0.2,
    }  # fmt: skip


def test_a_beginning_that_was_not_gone_on_from_is_shared_evenly():
    """It says that it is one of those, and not which."""
    answer = answered(("refund", {"card": 0.4}))
    assert likely(answer, ["card_arrival", "card_linking", "refund"]) == {
        "card_arrival": 0.2, "card_linking": 0.2, "refund": 0.6,
    }  # fmt: skip


def test_and_as_the_rest_of_the_evidence_shares_where_there_is_some():
    """The same text in other tokens."""
    answer = answered(("card", {"ca": 0.2}), ("_arrival", {"_linking": 0.25}))
    assert likely(answer, ["card_arrival", "card_linking", "refund"]) == {
        "card_arrival": 0.75, "card_linking": 0.25, "refund": 0.0,
    }  # fmt: skip


def test_an_option_that_begins_another_ends_where_the_value_does():
    """``4`` is not ``42``."""
    answer = answered(("4", {"7": 0.5}), ("2", {"\n": 0.2}))
    assert likely(answer, ["4", "42", "7"]) == {"4": 0.1, "42": 0.4, "7": 0.5}
    ended = Answer(None, "4", None, Usage(), "lm", [{"token": "4", "logprob": math.log(0.9), "top": {"7": -2.3}}])
    assert likely(ended, ["4", "42"], None) == {"4": 1.0, "42": 0.0}


def test_a_token_may_hold_the_end_of_the_head():
    """The value begins inside of it; others in its place count where they hold the same end."""
    tokens = [("[[ ## label ##", {}), (" ]]\nyes", {" ]]\nno": 0.2, " ]]\n": 0.1, "yes": 0.5}), ("\n", {})]
    assert likely(answered(*tokens, head=False), ["yes", "no"]) == {"yes": 0.5, "no": 0.5}


def test_case_and_marks_around_make_no_difference():
    """Unless options differ by nothing else."""
    answer = answered(("**(", {"a": 0.1}), ("A", {"b": 0.2, "B": 0.1, "a": 0.2}), (")**", {}))
    assert likely(answer, ["a", "b"]) == {"a": 0.73, "b": 0.27}
    assert likely(answer, ["(A)", "(B)"]) == {"(A)": 0.73, "(B)": 0.27}
    assert likely(answered(("A", {"a": 0.2})), ["a", "A"]) == {"a": 0.2, "A": 0.8}
    assert likely(answered(("*", {"**": 0.2})), ["*", "**"]) == {"*": 0.8, "**": 0.2}


@pytest.mark.parametrize(
    "before", ["{", '{"reasoning": "say \\"label\\": no", ', '```json\n{"why": "[[ ## label ## ]] no", ']
)
def test_json(before):
    """What stands in a string is no field."""
    tokens = [(before, {}), ('"label": "', {}), ('caf\\u00e9 \\"', {"bar": 0.25}), ("x", {}), ('\\""', {}), ("}", {})]
    assert likely(answered(*tokens, head=False), ['café "x"', "bar"]) == {'café "x"': 0.75, "bar": 0.25}


def test_json_that_is_no_text():
    """A number, or true and false."""
    tokens = [('{"label": ', {}), ("true", {"false": 0.1, '"': 0.1}), ("}", {})]
    assert likely(answered(*tokens, head=False), ["true", "false"]) == {
        "true": round(0.8 / 0.9, 6), "false": round(0.1 / 0.9, 6),
    }  # fmt: skip


def test_xml():
    """As DSPy's adapter writes it."""
    tokens = [("<label>", {}), ("\n", {"yes": 0.1}), ("yes", {"no": 0.5}), ("\n</", {}), ("label>", {})]
    assert likely(answered(*tokens, head=False), ["yes", "no"]) == {"yes": 0.55, "no": 0.45}


def test_an_answer_without_fields_is_the_value():
    """Where none is asked for."""
    tokens = [("Yes", {"No": 0.1}), (".", {}), ("<|eot_id|>", {})]
    assert likely(answered(*tokens, head=False), ["yes", "no"], None) == {"yes": 0.9, "no": 0.1}
    assert likely(answered(*tokens, head=False), ["yes", "no"]) is None


def test_the_last_output_is_the_one_that_is_meant():
    """Where no field is named."""
    answer = answered(("yes", {"no": 0.1}), prediction={"why": "because", "label": "yes", "logprobs": {}})
    assert likely(answer, ["yes", "no"], None) == {"yes": 0.9, "no": 0.1}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(None, "yes", None, Usage(), "lm"),
        Answer(None, "yes", None, Usage(), "lm", []),
        answered(("yes", {})),
        answered(("maybe", {"yes": 0.4, "no": 0.2})),
        answered(("yes", {"no": 0.2}), (" and no", {})),
        answered(("", {})),
        answered(("yes", {"no": 0.2}), *HEAD, ("no", {})),
        answered(("[[ ## other ## ]]", {}), ("yes", {"no": 0.1}), head=False),
    ],
    ids=["none asked for", "none", "no others", "no option", "more", "empty", "twice", "another field"],
)
def test_nothing_follows_from_what_tells_nothing(answer):
    """None, and no guess."""
    assert option_probabilities(answer, ["yes", "no"], "label") is None


def test_no_options():
    """There is nothing to tell; of one, it is sure."""
    assert option_probabilities(answered(("yes", {})), [], "label") is None
    assert option_probabilities(answered(("yes", {})), ["yes"], "label") == {"yes": 1.0}


def test_a_character_in_two_tokens():
    """OpenAI writes the halves as their bytes: e6 97 a5 is one, e6 97 a9 the other."""
    answer = answered(("\\xe6\\x97", {"no": 0.3}), ("bytes:\\xa5", {"\\xa9": 0.5}))
    assert likely(answer, ["\u65e5", "\u65e9", "no"]) == {"\u65e5": 0.35, "\u65e9": 0.35, "no": 0.3}


@pytest.mark.parametrize(
    "number",
    [float("nan"), float("-inf"), None, "x", 10**400, -(10**400), 3.0, True],
    ids=lambda number: str(number)[:6],
)
def test_numbers_that_are_no_probabilities(number):
    """Count as 0, or as 1 where they are above."""
    logprobs = [{"token": "yes", "logprob": -0.1, "top": {"yes": -0.1, "no": number}}]
    found = option_probabilities(Answer(None, "yes", None, Usage(), "lm", logprobs), ["yes", "no"])
    assert found is not None
    assert math.isclose(sum(found.values()), 1)


texts = st.text(max_size=6) | st.sampled_from(["yes", "no", "ye", "s", "n", "[[ ## label ## ]]", '{"label": "', "\n"])
numbers = st.floats() | st.none() | st.integers()
tokens = st.fixed_dictionaries({"token": texts, "logprob": numbers, "top": st.dictionaries(texts, numbers, max_size=4)})


@given(st.lists(tokens, max_size=8), st.lists(texts, max_size=5), st.sampled_from(["label", None, "a.b(", "é"]))
def test_probabilities_add_up_to_one_or_there_are_none(given, options, field):
    """Whatever comes."""
    found = option_probabilities(Answer({"label": "yes"}, None, None, Usage(), "lm", given), options, field)
    if found is not None:
        assert list(found) == list(dict.fromkeys(options))
        assert all(0 <= p <= 1 for p in found.values())
        assert math.isclose(sum(found.values()), 1)


@given(
    st.dictionaries(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6),
                    st.floats(0.05, 1), min_size=2, max_size=6),
    st.data(),
)  # fmt: skip
def test_cutting_the_answer_into_tokens_changes_nothing(weights, data):
    """A distribution over options, written out character by character along the one that was given, comes back."""
    options, total = list(weights), sum(weights.values())
    if len({o.encode().lower() for o in options}) < len(options):
        options = list({o.encode().lower(): o for o in options}.values())
        total = sum(weights[o] for o in options)
    given = data.draw(st.sampled_from(options))
    spelled = {o: f"{o}\n" for o in options}
    made, at = [], 0
    while at < len(spelled[given]):
        alive = {o: weights[o] for o in options if spelled[o][:at] == spelled[given][:at]}
        here = sum(alive.values())
        top: dict[str, float] = {}
        for option, weight in alive.items():
            top[spelled[option][at]] = top.get(spelled[option][at], 0) + weight / here
        token = spelled[given][at]
        made.append({"token": token, "logprob": math.log(top[token]), "top": {t: math.log(p) for t, p in top.items()}})
        at += 1
    found = option_probabilities(Answer(None, given, None, Usage(), "lm", made), options)
    alone = {o for o in options if sum(other.startswith(o[0]) for other in options) == 1 or o == given}
    for option in alone if found else ():
        assert math.isclose(found[option], weights[option] / total, rel_tol=1e-6)
    assert found is not None or len(options) == 1


class Asking:
    """A generator that does nothing but ask for tokens."""

    name, judges = "asking", True

    def __init__(self):
        self.program = dspy.Predict(dspy.Signature("text -> label", "Label the text."))
        self.found = []

    async def generate(self, bench):
        answer = await bench.ask(self.program, {"text": "Where is my card?"}, lm_args=ASKED)
        self.found.append(option_probabilities(answer, ["card_arrival", "card_linking", "refund"], "label"))
        yield Dropped("only asked", "x")


def test_tokens_come_over_http_and_from_cache_and_recording(tmp_path):
    """The same ones each time, paid for once."""
    task, recording = Task(dspy.Predict("text -> label"), name="cards"), tmp_path / "recording.jsonl"
    generator = Asking()
    with Stub(reply=f"{Path(__file__).parent / 'token_reply.py'}:reply") as stub:
        given = {"lm": "openai/stub", "lm_args": {"api_base": f"{stub.url}/v1", "api_key": "sk-test"}}
        for store in ("a.db", "a.db"):
            limbeck.synthesize(task, generator, data=[{"text": "?"}], store=tmp_path / store, record=recording, **given)
        assert stub.stats().requests == 1
    limbeck.synthesize(task, generator, data=[{"text": "?"}], store=tmp_path / "b.db", lm=f"replay/{recording}")
    assert len(generator.found) == 3
    for found in generator.found:
        assert found == pytest.approx({"card_arrival": 0.6, "card_linking": 0.2, "refund": 0.2})


def test_minus_infinity_stays_a_number():
    """JSON has none; what was paid for could not be read again."""
    token = TokenLogprob("yes", -0.5, top=(TopLogprob("no", float("-inf")), TopLogprob("so", float("nan"))))
    response = Response(id=None, model="lm", message=Message.assistant("yes"), finish_reason="stop",
                        usage=LMUsage(), logprobs=(token,))  # fmt: skip
    again = decode_response(encode_response(response))
    assert logprobs(again) == logprobs(response) == [
        {"token": "yes", "logprob": -0.5, "top": {"no": -9999.0, "so": -9999.0}}
    ]  # fmt: skip

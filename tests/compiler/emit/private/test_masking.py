"""Masking: consistent, complete, repeatable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.private.finds import PLACEHOLDER, find
from limbeck.compiler.emit.private.masking import Masking, mask_json

pytest.importorskip("phonenumbers", reason="needs the extra privacy")
pytest.importorskip("publicsuffixlist", reason="needs the extra privacy")
pytest.importorskip("stdnum", reason="needs the extra privacy")

MAIL, OTHER = "ann@example.com", "Bob@example.org"
CARD = "4111 1111 1111 1111"
KEY = "gh" + "p_" + "a1B2c3D4e5F6" * 3
BODY = "\n".join(["MIIEvQIBADANBgkqhkiG9w0B" * 2] * 3)
PEM = "-----BEGIN PRIVATE" + f" KEY-----\n{BODY}\n-----END PRIVATE" + " KEY-----"
VALUES = (MAIL, OTHER, CARD, CARD.replace(" ", ""), KEY, PEM, "+44 20 7946 0958", "DE89 3704 0044 0532 0130 00",
          "93.184.216.34", "529.982.247-25", "https://bob:pa55w" + "ord@db/x",
          "password = 'hun" + "ter2'", "[EMAIL_1]", "[SECRET_7]")  # fmt: skip

scraps = st.one_of(
    st.sampled_from(VALUES),
    st.sampled_from(
        [
            "\n",
            " ",
            '"',
            "\\",
            "\\n",
            "\\u00e9",
            ":",
            "password: ",
            "tel ",
            "-",
            ".",
            "4111",
            "@",
            "{",
            "[",
            "é",
            "\ud800",
        ]
    ),
    st.text(max_size=8),
)
texts = st.lists(scraps, max_size=8).map("".join)
leaves = st.one_of(texts, st.none(), st.booleans(), st.floats(), st.integers(), st.just(4111111111111111))
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.one_of(texts, st.just("phone")), inner, max_size=4)
    | inner.map(json.dumps),
    max_leaves=8,
)  # fmt: skip


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else [repr(value)]


def found_in(value: Any) -> set[str]:
    return {text[item.start : item.end] for text in strings(value) for item in find(text)}


@given(values)
def test_masking_is_idempotent(value):
    """What is masked has nothing to be masked."""
    once = mask_json(value)
    assert mask_json(once) is once


@given(values)
def test_nothing_that_was_found_is_left(value):
    """Neither as it stood nor as JSON writes it, anywhere in the value; placeholders that were there are kept."""
    found = found_in(value)
    masked = mask_json(value)
    left = [PLACEHOLDER.sub("", text) for text in strings(masked)]
    assert not [(secret, text) for secret in found for text in left if secret in text]


@given(values)
def test_masking_never_lengthens_without_bound(value):
    """A placeholder for each find, a few characters longer than the shortest of them at most."""
    before, after = strings(value), strings(mask_json(value))
    assert sum(map(len, after)) <= 4 * sum(map(len, before))


@given(values)
def test_json_inside_stays_json(value):
    """A JSON document in a text is one afterwards, with the same structure."""
    before = json.dumps({"v": value})
    after = mask_json(before)
    assert shape(json.loads(after)) == shape({"v": value})


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((shape(item) for item in value.values()), key=repr)
    return [shape(item) for item in value] if isinstance(value, list) else None


@given(values)
def test_values_without_finds_are_the_same_object(value):
    """Nothing is copied, and types stay."""
    if not found_in(value):
        masked = mask_json(value)
        assert masked is value or PLACEHOLDER.search(json.dumps(masked))  # by the name of a field


def test_the_same_value_has_one_placeholder_wherever_it_stands():
    """A question about an address and its answer still belong together."""
    masked = mask_json([{"role": "user", "content": f"Is {MAIL} or {OTHER} right?"}, {"content": MAIL.upper()}])
    assert masked == [{"role": "user", "content": "Is [EMAIL_1] or [EMAIL_2] right?"}, {"content": "[EMAIL_1]"}]


def test_spellings_of_one_number_have_one_placeholder():
    """Blanks and dashes make no other card."""
    plain = CARD.replace(" ", "")
    assert mask_json(f"{CARD}, {plain}, {CARD.replace(' ', '-')}") == "[CARD_1], [CARD_1], [CARD_1]"


def test_a_value_found_once_is_masked_where_nothing_tells_what_it_is():
    """The password in the answer stands there alone."""
    assert mask_json({"a": "the password is hun" + "ter2", "b": "say hun" + "ter2 twice"}) == {
        "a": "the password is [SECRET_1]",
        "b": "say [SECRET_1] twice",
    }


def test_numbers_in_json_become_strings():
    """``{"card": 4111...}`` is JSON afterwards, in a text and as a value."""
    number = int(CARD.replace(" ", ""))
    assert mask_json({"card": number}) == {"card": "[CARD_1]"}
    assert json.loads(mask_json(json.dumps({"card": number, "n": [1, number, -1.5]}))) == {
        "card": "[CARD_1]",
        "n": [1, "[CARD_1]", -1.5],
    }


def test_longer_numbers_with_a_found_one_inside_are_masked_whole():
    """Half a number is no JSON, and tells the rest."""
    number = CARD.replace(" ", "")
    masked = mask_json([number, f'{{"x": 5{number}7.5, "y": 1}}'])
    assert json.loads(masked[1]) == {"x": "[CARD_1]", "y": 1}


def test_names_of_fields_are_masked_and_none_is_lost():
    """Two keys that become the same stay two."""
    assert mask_json({MAIL: 1, MAIL.upper(): 2, "role": 3}) == {"[EMAIL_1]": 1, "[EMAIL_1] (2)": 2, "role": 3}


def test_the_name_of_a_field_tells_what_its_value_is():
    """A phone number without a country, a password."""
    assert mask_json({"phone": "020 7946 0958", "password": "hun" + "ter2", "note": "hun" + "ter3"}) == {
        "phone": "[PHONE_1]",
        "password": "[SECRET_1]",
        "note": "hun" + "ter3",
    }


def test_numbering_goes_on_after_placeholders_that_are_there():
    """A dataset that was masked before is masked again."""
    assert mask_json(f"[EMAIL_3] wrote to {MAIL}") == "[EMAIL_3] wrote to [EMAIL_4]"


def test_a_private_key_is_masked_whole_however_it_is_written():
    """With line breaks, and escaped in JSON inside of JSON."""
    texts = [PEM, json.dumps(PEM), json.dumps({"k": json.dumps({"key": PEM})}), PEM.replace("\n", "\\n")]
    assert mask_json(texts) == ["[SECRET_1]", '"[SECRET_1]"', '{"k": "{\\"key\\": \\"[SECRET_1]\\"}"}', "[SECRET_1]"]


def test_kinds_are_counted_by_different_values():
    """Twice the same address is one."""
    masking = Masking()
    masking.mask([MAIL, MAIL, OTHER, KEY])
    assert masking.kinds == {"EMAIL": 2, "SECRET": 1}


def test_a_row_with_thousands_of_values_takes_no_time_squared():
    """Ten thousand addresses, each once more in another field; it ends."""
    many = [f"user{i}@example.com" for i in range(10_000)]
    masked = mask_json({"a": " ".join(many), "b": json.dumps(many)})
    assert "@" not in masked["a"] + masked["b"]
    assert len(set(masked["a"].split())) == 10_000


def test_pictures_are_not_searched():
    """Base64 is long and random, and means a picture."""
    url = "data:image/png;base64," + KEY
    assert mask_json({"image_url": {"url": url}}) == {"image_url": {"url": url}}


@pytest.mark.parametrize(
    "piece", ["\\", "@", "a@b.", "://u:", "password: ", "-----BEGIN PRIVATE" + " KEY-----\n", "4111 ", "tel 1", "+1 "]
)
def test_texts_made_to_take_long_end(piece):
    """What is looked for at each place is bounded."""
    text = piece * (100_000 // len(piece))
    assert isinstance(mask_json(text), str)

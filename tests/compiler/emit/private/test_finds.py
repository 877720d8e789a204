"""What is found, and what is not."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from limbeck.compiler.emit.private.finds import KINDS, PLACEHOLDER, find
from limbeck.compiler.emit.private.masking import mask_json

pytest.importorskip("phonenumbers", reason="needs the extra privacy")
pytest.importorskip("publicsuffixlist", reason="needs the extra privacy")
pytest.importorskip("stdnum", reason="needs the extra privacy")

PLACES = (
    "Please note {} for later.",
    "{}",
    "It was ({}), I think; was it not?",
    "the answer is: {}.",
    '{{"a": [1, {quoted}], "b": null}}',
    '{{"nested": {nested}}}',
    "x = {quoted}\nprint(x)\n",
    "export VALUE={}\n",
    "[[ ## field ## ]]\n{}\n\n[[ ## completed ## ]]",
    "| name | {} |",
    "<v>{}</v>",
)


def places(value: str) -> list[str]:
    quoted = json.dumps(value, ensure_ascii=False)
    nested = json.dumps(json.dumps({"v": value, "w": f"first\n{value}\nlast"}))
    return [place.format(value, quoted=quoted, nested=nested) for place in PLACES]


@pytest.mark.parametrize("kind", KINDS)
def test_every_planted_value_is_found_wherever_it_stands(kind, planted):
    """Sentences, code, JSON and JSON in JSON: nothing of the value is left, and JSON is JSON."""
    assert len(planted[kind]) >= 60
    missed = []
    for value in planted[kind]:
        for text in places(value):
            masked = mask_json(text)
            if value in masked or json.dumps(value)[1:-1] in masked or f"[{kind}_1]" not in masked:
                missed.append((text, masked))
            if text.startswith("{") and text.endswith("}"):
                json.loads(masked)
    assert not missed


def test_numbers_of_persons_are_found_behind_their_word(planted_with_words):
    """``PESEL: ...`` is one; the same number alone is a number."""
    assert len(planted_with_words) >= 60
    for word, value in planted_with_words:
        assert mask_json(f"Her {word} is {value}, she said.") == f"Her {word} is [ID_1], she said."
        assert mask_json(json.dumps({word: value})) == json.dumps({word: "[ID_1]"})


@pytest.mark.parametrize(
    "text",
    [
        "phone: 020 7946 0958",
        "Telefon: 030 901820",
        "call me at 1-800-555-1234",
        "[[ ## phone ## ]]\n(0)20 7946 0958\n",
        '{"phone_number": "089 636 48018"}',
        "Mobile no. 07911 123456",
    ],
)
def test_phones_without_a_country_are_found_behind_their_word(text):
    """The word says that it is one, the numbering plans that it can be."""
    assert "[PHONE_1]" in mask_json(text)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgres://bob:hun" + "ter2@db:5432/x", "postgres://[SECRET_1]@db:5432/x"),
        ("https://:tok" + "en99@host/", "https://[SECRET_1]@host/"),
        ('password = "hun' + 'ter2"', 'password = "[SECRET_1]"'),
        ("my password is hun" + "ter2!", "my password is [SECRET_1]!"),
        ("DB_PASSWORD=s3cr" + "3t-pw\n", "DB_PASSWORD=[SECRET_1]\n"),
        ("{'client_secret': 'Zk3" + "9dLq0PxW8vR2mTn5b'}", "{'client_secret': '[SECRET_1]'}"),
        ("aws_secret_access_key: wJalrXUtnFEMI" + "/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key: [SECRET_1]"),
        ("Authorization: Bearer abcDEF123" + "456ghiJKL789mno", "Authorization: Bearer [SECRET_1]"),
        ("?access_token=9f8b7c6d5e" + "4f3a2b1c0d", "?access_token=[SECRET_1]"),
        ("[[ ## password ## ]]\nhun" + "ter2\n", "[[ ## password ## ]]\n[SECRET_1]\n"),
        ("AccountKey=" + "a1B2" * 21 + "c3==;Endpoint", "AccountKey=[SECRET_1];Endpoint"),
    ],
)
def test_what_is_assigned_to_the_name_of_a_secret_is_one(text, masked):
    """Only the value goes, so that a task about such texts still makes sense."""
    assert mask_json(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "The result is 4111 1111.",
        "Order 4111111111111112 of 2024-11-23",  # no Luhn number
        "1234567890123456 + 9999999999999999 = 0",
        "pi is 3.1415926535897932384626433832795, e is 2.71828182845904523",
        "0.4111111111111111 is a fraction",
        "4000 2000 3000 1000 5000",
        "ms since 1970: 1700000000000, 4222222222222",
        "978-3-16-148410-0 is a book",
        "x = W @ X.mean, q@k.T, u@v.dot(w), icon@2x.png, @decorator.setter",
        "git clone git@github.com:owner/name.git",
        "version 1.2.3.4, v10.20.30.40, section 3.2.1.4, 3.2.1.4",
        "192.168.0.1, 10.0.0.7, 127.0.0.1, 192.0.2.44, 999.1.1.1, ::1, std::vector, 12:34:56",
        "00:1B:44:11:3A:B7",
        "550e8400-e29b-41d4-a716-446655440000",
        "password = os.environ['PASSWORD1']",
        'password = "<your-password-1>"; token = "${TOKEN_1}"; api_key = "YOUR_API_KEY_123456789"',
        "password: required, min 8 characters",
        "tokens = tokenize(text1)\nmax_tokens = 4096\ntoken = tokens[i1]",
        "secret_santa = draw(people2)",
        "postgres://user:password@localhost/db and http://{user}:{pw1}@host",
        "sk-learn and sk-toggleable__content-and-more-of-it",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "200-300-4000, 12-345-6789, 5-10-2000",
        "2,125,551,234 people; $2125551234; 2125551234",
        "+1 -2 +3 4 5 6 7 8, 1 2 3 4 5 6 7 8 9 10 11 12",
        "GB82 WEST 1234 5698 7654 33",
        "AB12 and XY99 0000 1111",
        "20230101T120000Z",
        "-----BEGIN PRIVATE" + " KEY-----\n...\n-----END PRIVATE" + " KEY-----",
        "data:image/png;base64," + "A1b2" * 3000,
        "call 12345678 times",
        "the call center had 12345678 calls",
        "\ud800 lone, \x00, \u202e",
        "",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text):
    """A dataset in which numbers of exercises were masked would teach nonsense."""
    assert [text[item.start : item.end] for item in find(text)] == []


@pytest.mark.parametrize("name", ["gsm8k/outputs", "humaneval/tasks", "humaneval/gpt_outputs", "hotpotqa/react_traces",
                                  "hotpotqa/cot_goldcontext", "restaurant8k/train_tasks"])  # fmt: skip
def test_recorded_data_without_private_values_has_no_finds(name, shared_data):
    """Exercises, code and questions full of numbers: at most one row in a thousand."""
    import gzip

    rows = found = 0
    with gzip.open(shared_data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line, _ in zip(lines, range(1000), strict=False):
            row = json.loads(line)
            rows += 1
            found += mask_json(row) is not row
    assert rows > 50
    assert found <= rows / 1000


def test_finds_do_not_overlap_and_stand_in_order(planted):
    """Of an address inside another secret only the longer one counts."""
    text = " ".join(values[0] for values in planted.values()) + " https://ann:pa55w0rd" + "@example.com/x"
    finds = find(text)
    assert len(finds) >= len(planted)
    assert all(a.end <= b.start for a, b in pairwise(finds))


def test_placeholders_are_never_found():
    """Masking twice is masking once."""
    text = " ".join(f"password: '[{kind}_{n}]' token={kind}_{n}" for kind in KINDS for n in (1, 22))
    assert PLACEHOLDER.search(text)
    assert find(text) == ()

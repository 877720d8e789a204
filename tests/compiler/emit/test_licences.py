"""Licences of the rows: known ids, counts by source, warnings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.labels import OTHER
from limbeck.compiler.emit.licences import HUB, MOST, UNKNOWN, Licences, card_licence, licence_id
from limbeck.compiler.emit.record import Answer


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MIT", "mit"),
        ("mit", "mit"),
        ("The MIT License", "mit"),
        ("Apache 2.0", "apache-2.0"),
        ("Apache License, Version 2.0", "apache-2.0"),
        ("CC BY 4.0", "cc-by-4.0"),
        ("cc-by-nc-4.0", "cc-by-nc-4.0"),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "cc-by-sa-4.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0"),
        ("https://opensource.org/license/mit", "mit"),
        ("https://spdx.org/licenses/BSD-3-Clause.html", "bsd-3-clause"),
        ("GPL-3.0-or-later", "gpl-3.0"),
        ("GPL v3", "gpl-3.0"),
        ("ODbL-1.0", "odbl"),
        ("ODC-By-1.0", "odc-by"),
        ("openrail", "openrail"),
        ("llama3.1", "llama3.1"),
        ("0BSD", "0BSD"),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("LicenseRef-ours", "LicenseRef-ours"),
    ],
)
def test_names_of_licences_become_ids(text, name):
    """Hugging Face's where it has one, else SPDX's."""
    assert licence_id(text) == (name, True)


@pytest.mark.parametrize("text", ["Own terms of 2024", "see LICENSE", "https://example.com/terms", "MIT OR", "Ω" * 10])
def test_unknown_licences_are_kept_as_they_stand(text):
    """Nobody guesses what they mean."""
    assert licence_id(text) == (text, False)


@given(st.text(max_size=300))
def test_any_text_is_a_licence_or_none(text):
    """What comes out is an id, or the beginning of the text, and comes out of itself again."""
    name, known = licence_id(text)
    assert name
    assert len(name) <= 300
    assert licence_id(name) == (name, known or name == UNKNOWN)
    assert known or name == " ".join(text.split())[:200]


@pytest.fixture
def rows(record, trace):
    """Licences of rows with such metas."""

    def count(*metas, source="tickets.jsonl:1"):
        found = Licences()
        for meta in metas:
            found.add(record(answers=(Answer(trace(meta=meta), 0),)))
        return found

    return count


def test_rows_are_counted_by_source_and_licence(rows):
    """A source with several licences has all of them."""
    found = rows(
        {"source": "a", "licence": "MIT"},
        {"source": "a", "license": "mit"},
        {"source": "b", "licence": "CC BY 4.0"},
        {"source": "b", "licence": "mit"},
        {},
        {"source": 3, "licence": None},
    )
    assert found.as_json() == {
        "a": {"rows": 2, "licence": "mit"},
        "b": {"rows": 2, "licence": "cc-by-4.0 AND mit", "by_licence": {"cc-by-4.0": 1, "mit": 1}},
        "tickets.jsonl": {"rows": 2, "licence": None},
    }
    assert found.totals == {"mit": 3, "cc-by-4.0": 1, "unknown": 2}


def test_several_licences_of_a_row_are_joined(rows):
    """As cards of Hugging Face list them."""
    told = rows({"license": ["mit", "cc-by-4.0"]}).as_json()
    assert told == {"tickets.jsonl": {"rows": 1, "licence": "mit AND cc-by-4.0"}}


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2000)), max_size=60), st.integers(1, 3))
def test_no_row_is_lost_and_memory_is_bounded(pairs, times):
    """However many sources and licences there are."""
    found = Licences()
    for source in range(MOST - 10):
        found.count(f"s{source}", {})
    for source, licence in pairs * times:
        found.count(f"x{source}", {"licence": f"own {licence}"})
    told = found.as_json()
    assert sum(of["rows"] for of in told.values()) == MOST - 10 + len(pairs) * times
    assert len(told) <= MOST + 1


def test_sources_beyond_the_most_are_one():
    """Names of rows as sources do not fill the memory."""
    found = Licences()
    for n in range(MOST + 5):
        found.count(f"row{n}", {"licence": f"own {n}"})
    assert found.as_json()[OTHER]["rows"] == 5


def test_odd_notes_cost_nothing():
    """Numbers, lists, nothing, huge texts."""
    found = Licences()
    for licence in (1, [], [None, 3], {}, "", "  ", "x" * 100_000, "(" * 5000, "\ud800"):
        found.count("file.jsonl", {"licence": licence})
    assert found.as_json()["file.jsonl"]["rows"] == 9


def test_warnings_say_what_may_not_be_done(rows):
    """Selling, changing, another licence; what nobody knows."""
    nc, sa = {"licence": "cc-by-nc-4.0"}, {"licence": "cc-by-sa-4.0"}
    assert rows(nc, nc, sa, {"licence": "cc-by-nd-4.0"}, {"licence": "Own terms"}, {}).warnings() == [
        "non-commercial (cc-by-nc-4.0) in 2 rows",
        "no derivatives (cc-by-nd-4.0) in 1 row",
        "share-alike (cc-by-sa-4.0) in 1 row: what is made of them may have to stand under the same licence",
        "licence 'Own terms' of 1 row is no known id; it is kept as it stands",
        "no licence is known of 1 row, while others have one",
    ]


def test_no_warning_where_nothing_is_to_be_said(rows):
    """Permissive licences, or none at all."""
    assert rows({"licence": "mit"}, {"licence": "CC0-1.0"}).warnings("apache-2.0") == []
    assert rows({}, {}).warnings() == []
    assert rows().warnings("Own") == ["licence 'Own' is no known id; the card calls it other"]


@pytest.mark.parametrize(
    ("metas", "given", "said"),
    [
        ([{"licence": "MIT"}], None, {"license": "mit"}),
        ([{"licence": "MIT"}, {"source": "b", "licence": "mit"}], None, {"license": "mit"}),
        ([{}], None, {"license": "unknown"}),
        ([], None, {"license": "unknown"}),
        ([{"licence": "MIT"}, {"source": "b", "licence": "CC BY 4.0"}], None,
         {"license": "other", "license_name": "cc-by-4.0-and-mit"}),
        ([{"licence": "MIT"}, {"source": "b"}], None, {"license": "other", "license_name": "mit-and-unknown"}),
        ([{"licence": "0BSD"}], None, {"license": "other", "license_name": "0bsd"}),
        ([{"licence": "https://example.com/terms"}], None,
         {"license": "other", "license_name": "https-example.com-terms", "license_link": "https://example.com/terms"}),
        ([{"licence": "gpl-3.0"}], "MIT", {"license": "mit"}),
        ([], "Ω", {"license": "other", "license_name": "own"}),
    ],
)  # fmt: skip
def test_the_card_has_one_licence(rows, metas, given, said):
    """One that Hugging Face knows, else ``other`` with a name."""
    assert card_licence(rows(*metas).as_json(), given) == said
    assert said["license"] in HUB

"""Clusters of rows that mean nearly the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit import embedder, semantic
from limbeck.compiler.emit.semantic import SemanticIndex
from limbeck.errors import LMSetupError, LMUnavailable, OutputError, StoreError, UsageError
from limbeck.testing.embeddings import EmbeddingStub, vector_of

MODEL = "openai/stub"


def by_words(texts):
    return [vector_of(text) for text in texts]


def clusters(folder, texts, embed=by_words, threshold=0.9, **given):
    with SemanticIndex(folder, embed, threshold, **given) as index:
        for text in texts:
            index.add(text)
        return index.clusters().tolist()


@pytest.fixture
def provider(monkeypatch):
    """Point litellm's OpenAI at a stub."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setattr(embedder, "_RETRIES", 0)

    def serve(stub: EmbeddingStub) -> None:
        monkeypatch.setenv("OPENAI_API_BASE", stub.url)
        monkeypatch.setenv("OPENAI_BASE_URL", stub.url)

    return serve


TEXTS = [
    "the cat sat on a mat",
    "a mat the cat sat on",
    "dogs bark",
    "",
    "Dogs  BARK",
    "  ",
    "the cat sat on a hat now",
]


def test_texts_with_like_vectors_are_one_cluster(tmp_path):
    """A function from Python makes vectors; a row without text is alone."""
    assert clusters(tmp_path, TEXTS) == [0, 0, 2, 3, 2, 5, 6]
    assert clusters(tmp_path, TEXTS, threshold=0.6) == [0, 0, 2, 3, 2, 5, 0]
    assert clusters(tmp_path, ["", " "]) == [0, 1]
    assert clusters(tmp_path, []) == []


@given(st.lists(st.sampled_from("abcdefgh"), max_size=40), st.integers(1, 7), st.integers(1, 7))
def test_blocks_and_batches_make_no_difference(tmp_path_factory, letters, block, batch):
    """All pairs are compared, however the rows are cut into blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(semantic, "_BLOCK", block)
        patch.setattr(semantic, "BATCH", batch)
        found = clusters(tmp_path_factory.mktemp("semantic"), letters, threshold=1.0)
    assert found == [letters.index(letter) for letter in letters]


def test_similarity_is_the_cosine(tmp_path):
    """That of the vectors, whatever their length."""
    with SemanticIndex(tmp_path, lambda texts: [[3.0, 4.0], [0.0, 2.0], [-3.0, -4.0], [0.0, 0.0]]) as index:
        for text in "abcd":
            index.add(text)
        assert index.clusters().tolist() == [0, 1, 2, 3]
        found = [index.similarity(0, row) for row in range(4)]
    assert found == pytest.approx([1, 0.8, -1, 0])


@pytest.mark.parametrize(
    ("embed", "message"),
    [
        (lambda texts: [[1.0]] * (len(texts) + 1), r"array \(3, 1\) for 2 texts"),
        (lambda texts: [1.0, 2.0], r"array \(2,\) for 2 texts"),
        (lambda texts: [[]] * len(texts), r"array \(2, 0\)"),
        (lambda texts: [[float("nan")]] * len(texts), "not finite"),
        (lambda texts: ["x", "y"], "gave no vectors"),
        (lambda texts: [[1.0], [1.0, 2.0]], "gave no vectors"),
        (lambda texts: None, r"array \(\)"),
        (lambda texts: texts[7], "raised IndexError"),
    ],
)
def test_what_gives_no_vectors_is_refused(tmp_path, embed, message):
    """One clear line; nothing is compared by numbers that mean nothing."""
    with pytest.raises(UsageError, match=message):
        clusters(tmp_path, ["a", "b"], embed)


def test_vectors_of_two_sizes_are_refused(tmp_path, monkeypatch):
    """A model that changes half-way is noticed."""
    monkeypatch.setattr(semantic, "BATCH", 1)
    with pytest.raises(UsageError, match="vectors of 1 numbers, and now of 2"):
        clusters(tmp_path, ["a", "ab"], lambda texts: [[1.0] * len(text) for text in texts])


def test_a_named_model_is_asked_once_for_each_text(tmp_path, provider):
    """Through litellm, in batches; what is in the cache is asked for no more, and gives the same."""
    with EmbeddingStub() as stub:
        provider(stub)
        assert clusters(tmp_path, TEXTS, MODEL, cache=tmp_path / "cache") == [0, 0, 2, 3, 2, 5, 6]
        assert sorted(stub.texts) == sorted(text for text in TEXTS if text.strip())
        more = [*TEXTS, "something new"]
        assert clusters(tmp_path, more, MODEL, cache=tmp_path / "cache") == [0, 0, 2, 3, 2, 5, 6, 7]
        assert stub.texts.count("something new") == 1
        assert len(stub.texts) == 6


@pytest.mark.parametrize(("status", "error"), [(401, LMSetupError), (404, LMSetupError), (500, LMUnavailable)])
def test_an_endpoint_that_fails_is_one_clear_line(tmp_path, provider, status, error):
    """The model and what the endpoint said, and what to do."""
    with EmbeddingStub(status) as stub:
        provider(stub)
        with pytest.raises(error, match=f"{MODEL}.*\n") as caught:
            clusters(tmp_path, ["a"], MODEL)
    assert len(str(caught.value).splitlines()) == 2


def test_what_came_in_before_an_error_is_kept(tmp_path, provider, monkeypatch):
    """A run that is broken off asks again only for what is missing."""
    monkeypatch.setattr(semantic, "BATCH", 2)
    texts = ["a", "b", "c", "d"]
    with EmbeddingStub(500, good=1) as stub:
        provider(stub)
        with pytest.raises(LMUnavailable):
            clusters(tmp_path, texts, MODEL, cache=tmp_path / "cache")
    with EmbeddingStub() as stub:
        provider(stub)
        assert clusters(tmp_path, texts, MODEL, cache=tmp_path / "cache") == [0, 1, 2, 3]
        assert stub.texts == ["c", "d"]


def test_lone_surrogates_are_embedded_all_the_same(tmp_path, provider):
    """A text that is no valid Unicode costs no run."""
    with EmbeddingStub() as stub:
        provider(stub)
        assert clusters(tmp_path, ["a \ud800", "b"], MODEL) == [0, 1]


def test_a_cache_that_is_none_is_one_clear_error(tmp_path):
    """A file with something else in it is named as such; nothing is read from it."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "embeddings.db").write_bytes(b"\x80\x04 a pickle, or what else" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        clusters(tmp_path, ["a"], MODEL, cache=tmp_path / "cache")


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    """The message names the folder."""
    with pytest.raises(OutputError, match="nowhere"):
        SemanticIndex(tmp_path / "nowhere", by_words)


def test_nothing_is_left_on_disk(tmp_path):
    """The file of vectors has no name."""
    clusters(tmp_path, TEXTS)
    assert list(tmp_path.iterdir()) == []

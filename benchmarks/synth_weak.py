"""Weak-to-strong on real data with classifiers: naive training on weak labels against the confidence loss.

As in the paper (arXiv 2312.09390, section 3) the rows are halved: on one half a weak teacher is trained with right
labels, on the other it labels, softly. A strong student is trained on those labels, with the naive loss and with the
confidence loss, and once on the right labels: the ceiling. All students are the same model with the same settings.

The teacher is scikit-learn's logistic regression on few words, trained on few rows. The student is a linear model on
latent semantic features (TF-IDF of words, pairs of words and parts of words, by singular vectors of all texts that are
not held out), trained in batches by Adam on the gradient of ``limbeck.training.confidence_loss_numpy``. Those features
are all that it knows beforehand. The paper's students are pretrained LMs, and it explains its gains by what they know
already. So this measures the loss at work, and is no replication.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from limbeck.training import confidence_loss_numpy, pgr

LOSSES: dict[str, dict[str, Any]] = {
    "naive": {"a_max": 0.0},
    "paper .5": {"a_max": 0.5},
    "paper .75": {"a_max": 0.75},
    "released": {"a_max": 0.5, "variant": "released"},
}

DIMENSIONS = 300

Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Task:
    """Texts with labels, and how weak the teacher is.

    Attributes:
        read: All rows, by the folder of the data.
        words: Words that the teacher knows.
        taught: Rows that it is trained on.
        test: Share of the rows that is held out.
    """

    read: Callable[[Path], Rows]
    words: int
    taught: int
    test: float = 0.3


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _banking(data: Path) -> Rows:
    names = ("train_tasks", "dev_tasks")
    return [(row["input"], row["gold"]) for name in names for row in _lines(data / f"banking77/{name}.jsonl.gz")]


def _card(data: Path) -> Rows:
    return [(text, "card" if "card" in label else "other") for text, label in _banking(data)]


def _subject(data: Path) -> Rows:
    return [(row["input"], row["task"]) for row in _lines(data / "mmlu_router/flags.jsonl.gz")]


def _passed(data: Path) -> Rows:
    return [(row["input"], str(row["weak_passed"])) for row in _lines(data / "mmlu_router/flags.jsonl.gz")]


TASKS = {
    "banking77: 77 intents": Task(_banking, words=150, taught=400),
    "banking77: about a card or not": Task(_card, words=30, taught=100),
    "mmlu_router: subject of 12": Task(_subject, words=150, taught=150),
    "mmlu_router: does the weak LM pass": Task(_passed, words=100, taught=200),
}


def measured(data: Path, name: str, seeds: int) -> dict[str, Any]:
    """Accuracies and the gap recovered, over seeds, with 95% intervals by bootstrap."""
    task = TASKS[name]
    rows, found = task.read(data), [dict[str, float]() for _ in range(seeds)]
    for seed in range(seeds):
        found[seed] = one(rows, task, seed)
    columns = {key: [row[key] for row in found] for key in found[0]}
    shown: dict[str, Any] = {"rows": len(rows), "seeds": seeds}
    shown |= {f"accuracy: {key}": round(100 * fmean(values), 2) for key, values in columns.items()}
    for loss in LOSSES:
        whole = pgr(columns["weak"], columns[loss], columns["ceiling"])
        shown["left_out"] = whole.left_out
        shown[f"PGR: {loss}"] = _told(whole.median, _medians(columns, loss))
        if loss != "naive":
            gained = [100 * (a - b) for a, b in zip(columns[loss], columns["naive"], strict=True)]
            shown[f"points over naive: {loss}"] = _told(fmean(gained), _means(gained))
    return shown


def one(rows: Rows, task: Task, seed: int) -> dict[str, float]:
    """One seed: test accuracy of the teacher, of each student, and of the ceiling."""
    from scipy.sparse import hstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(seed)
    order = random.permutation(len(rows))
    texts, labels = [rows[n][0] for n in order], np.array([rows[n][1] for n in order])
    classes = sorted(set(labels))
    right = np.searchsorted(classes, labels)
    held = int(task.test * len(rows))
    half = held + (len(rows) - held) // 2
    taught, given, test = slice(held, min(half, held + task.taught)), slice(half, None), slice(0, held)

    few = TfidfVectorizer(max_features=task.words, stop_words="english")
    few.fit(texts[taught])
    teacher = LogisticRegression(max_iter=2_000).fit(few.transform(texts[taught]), right[taught])

    def says(part: slice) -> Any:
        sure = np.zeros((len(texts[part]), len(classes)))  # a class that it was never taught has none
        sure[:, teacher.classes_] = teacher.predict_proba(few.transform(texts[part]))
        return sure

    many = [TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=4_000),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, max_features=6_000)]  # fmt: skip
    parts = hstack([each.fit(texts[held:]).transform(texts) for each in many]).tocsr()
    latent = TruncatedSVD(DIMENSIONS, random_state=seed).fit(parts[held:]).transform(parts)
    features = 5 * latent / np.linalg.norm(latent, axis=1, keepdims=True).clip(1e-9)
    weak, truth = says(given), np.eye(len(classes))[right[given]]

    def accuracy(targets: Any, settings: dict[str, Any]) -> float:
        weights, bias = train(features[given], targets, seed, settings)
        return float(((features[test] @ weights + bias).argmax(axis=1) == right[test]).mean())

    return {
        "weak": float((says(test).argmax(axis=1) == right[test]).mean()),
        **{loss: accuracy(weak, settings) for loss, settings in LOSSES.items()},
        "ceiling": accuracy(truth, LOSSES["naive"]),
    }


def train(features: Any, targets: Any, seed: int, settings: dict[str, Any], epochs: int = 15, batch: int = 32) -> Any:
    """A linear student by Adam (step .01, betas .9 and .999), on batches in an order that is drawn."""
    random = np.random.default_rng(seed)
    two = targets.shape[1] == 2 and settings.get("variant") != "released"
    prior = {"prior": float(targets[:, 1].mean())} if two and settings["a_max"] else {}
    shape = (features.shape[1] + 1, targets.shape[1])
    weights, first, second = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    steps = epochs * -(-features.shape[0] // batch)
    step = 0
    for _ in range(epochs):
        order = random.permutation(features.shape[0])
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            seen = features[rows]
            _, slope = confidence_loss_numpy(seen @ weights[:-1] + weights[-1], targets[rows], step / steps,
                                             **settings, **prior)  # fmt: skip
            gradient = np.vstack([seen.T @ slope, slope.sum(axis=0, keepdims=True)])
            step += 1
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            weights -= 0.01 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights[:-1], weights[-1]


def _medians(columns: dict[str, list[float]], loss: str) -> Any:
    """Medians of seeds that are drawn again."""
    random, count = np.random.default_rng(0), len(columns["weak"])
    drawn = []
    for _ in range(2_000):
        rows = random.integers(count, size=count)
        median = pgr(*([columns[key][row] for row in rows] for key in ("weak", loss, "ceiling"))).median
        if median is not None:
            drawn.append(median)
    return drawn


def _means(values: list[float]) -> Any:
    random = np.random.default_rng(0)
    return np.array(values)[random.integers(len(values), size=(2_000, len(values)))].mean(axis=1)


def _told(value: float | None, drawn: Any) -> str:
    if value is None:
        return "no seed has a gap"
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"

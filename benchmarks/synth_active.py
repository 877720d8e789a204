"""Active selection against random: a small step classifier on steps that people labelled.

Each solution of the data is one that somebody could be asked to label, up to its first wrong step. From 20 at random
on, 20 more are added at a time: those that ``Selection`` takes by the current classifier's score of the solution
(80% the most convincing with a wrong answer, 20% of the rest), or random ones. The classifier is a logistic regression
on TF-IDF of a step's words, its place, how many equations it has and how many of them are wrong, and how many numbers
that neither the question nor a step before has. Accuracy is balanced: the mean of the shares of right and of wrong
steps that it tells, on held-out solutions. Area: under the ROC curve of the product of a solution's steps, by which
right solutions are told from wrong ones, as best of N needs it; on the set that has right ones.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

import numpy as np

from limbeck.compiler.generate.steps.scores import Reduction, solution_score
from limbeck.compiler.generate.steps.select import Candidate, Selection
from limbeck.compiler.verify.steps.equations import Tolerance, check_equations
from limbeck.compiler.verify.steps.labels import Labelled

FIRST, MORE = 20, 20
How = Literal["random", "product", "mean", "by_kind"]
"""How solutions are taken: at random; by the product or the mean of the chances of their steps; or by the product,
as many of each kind of problem. The paper takes as many of each problem; here every problem has one solution."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Solution:
    """A solution with the rows of its steps in the features.

    Attributes:
        id: Identity.
        rows: Rows of all its steps.
        wrong_step: Index of the first wrong one; None without.
        wrong_answer: Whether its answer is wrong.
        kind: The task that its problem is of.
    """

    id: str
    rows: range
    wrong_step: int | None
    wrong_answer: bool
    kind: str

    @property
    def labelled(self) -> list[tuple[int, bool]]:
        """Rows that people label, and whether they are right."""
        ends = len(self.rows) if self.wrong_step is None else self.wrong_step + 1
        return [(row, n != self.wrong_step) for n, row in enumerate(self.rows[:ends])]


@dataclass(frozen=True)
class Pool:
    """Solutions and what is known of their steps."""

    solutions: list[Solution]
    texts: list[str]
    facts: np.ndarray[Any, Any]


def read(data: Path, name: str) -> Pool:
    """The solutions of a set."""
    file = {"mr_gsm8k": "step_labels", "bigbench_mistake": "traces"}[name]
    solutions, texts, facts = [], [], []
    with gzip.open(data / name / f"{file}.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            if name == "mr_gsm8k":
                wrong, failed, kind = row["first_error_step"] - 1, not row["answer_correct"], row["question_type"]
            else:
                wrong, failed, kind = row["mistake_index"], not row["passed"], row["task"]
            begin = len(texts)
            for text, numbers in _steps(row["input"], row["steps"]):
                texts.append(text)
                facts.append(numbers)
            solutions.append(Solution(row["id"], range(begin, len(texts)), wrong, failed, kind))
    return Pool(solutions, texts, np.array(facts, dtype=float))


def _steps(question: str, steps: Sequence[str]) -> Iterator[tuple[str, list[float]]]:
    """Text of each step, and its equations and numbers."""
    known, before = set(_NUMBER.findall(question)), ""
    for n, step in enumerate(steps):
        checked = list(check_equations(step, Tolerance()))
        numbers = _NUMBER.findall(step)
        new = sum(number not in known for number in numbers)
        wrong = sum(not one.holds for one in checked)
        yield step, [
            math.log1p(n), n / len(steps), float(n == len(steps) - 1), math.log1p(len(step)), math.log1p(len(checked)),
            math.log1p(wrong), math.log1p(len(numbers)), math.log1p(new), float(step == before), float("=" in step),
        ]  # fmt: skip
        known.update(numbers)
        before = step


Point = tuple[int, int, float, float]
"""Solutions labelled, steps labelled, accuracy on steps, and how well the product tells right solutions from wrong."""


def curve(pool: Pool, seed: int, rounds: int, how: How) -> list[Point]:
    """What is known on the held-out third, round by round."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import StandardScaler

    rng = random.Random(seed)
    shuffled = rng.sample(pool.solutions, len(pool.solutions))
    cut = len(shuffled) * 2 // 3
    train, test = shuffled[:cut], shuffled[cut:]
    seen = [row for one in train for row in one.rows]
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=4000, sublinear_tf=True, token_pattern=r"\S+")
    words.fit([pool.texts[row] for row in seen])
    scaler = StandardScaler().fit(pool.facts[seen])
    features = hstack([words.transform(pool.texts), csr_matrix(scaler.transform(pool.facts))]).tocsr()
    asked = [pair for one in test for pair in one.labelled]
    rows, truth = [row for row, _ in asked], np.array([right for _, right in asked])
    chosen, left, found = train[:FIRST], train[FIRST:], []
    for _ in range(rounds):
        model = _fit(features, chosen)
        said = model.predict(features[rows])
        accuracy = fmean([float((said[truth] == 1).mean()), float((said[~truth] == 0).mean())])
        found.append(
            (len(chosen), sum(len(one.labelled) for one in chosen), accuracy, _told_apart(test, model, features))
        )
        if len(left) < MORE:
            break
        more = rng.sample(left, MORE) if how == "random" else _selected(left, model, features, how)
        taken = {one.id for one in more}
        chosen, left = [*chosen, *more], [one for one in left if one.id not in taken]
    return found


def _scores(solutions: Sequence[Solution], model: Any, features: Any, reduction: Reduction) -> list[float]:
    """Score of each solution by the chances of all its steps."""
    rows = [row for one in solutions for row in one.rows]
    chances = dict(zip(rows, model.predict_proba(features[rows])[:, 1], strict=True))
    found = []
    for one in solutions:
        steps = [Labelled("", "positive", float(chances[row])) for row in one.rows]
        found.append(solution_score(steps, reduction, "positive") or 0.0)
    return found


def _told_apart(test: Sequence[Solution], model: Any, features: Any) -> float:
    """Area under the ROC curve; 0 where all solutions are wrong."""
    from sklearn.metrics import roc_auc_score

    right = [one.wrong_step is None for one in test]
    return float(roc_auc_score(right, _scores(test, model, features, "product"))) if any(right) else 0.0


def _fit(features: Any, chosen: Sequence[Solution]) -> Any:
    from sklearn.linear_model import LogisticRegression

    pairs = [pair for one in chosen for pair in one.labelled]
    model = LogisticRegression(class_weight="balanced", max_iter=500, C=1.0)
    return model.fit(features[[row for row, _ in pairs]], [int(right) for _, right in pairs])


def _selected(left: Sequence[Solution], model: Any, features: Any, how: How) -> list[Solution]:
    """What active selection takes next, by the score of the steps' chances."""
    scores = _scores(left, model, features, "mean" if how == "mean" else "product")
    groups: dict[str, list[Candidate[Solution]]] = defaultdict(list)
    for one, score in zip(left, scores, strict=True):
        groups[one.kind if how == "by_kind" else one.id].append(Candidate(one, one.id, score, one.wrong_answer))
    selection: Selection[Solution] = Selection(MORE)
    for group in groups.values():
        selection.add(group)
    return [candidate.item for candidate in selection.chosen]


def needed(points: Sequence[Point], target: float, *, of: int) -> float:
    """Labels from which on the accuracy is at least the target; twice the most that were given where it never is.

    The curve is the mean of three neighbouring rounds, and what lies between two rounds is drawn as a line.
    """
    accuracies = [fmean([p[2] for p in points[max(0, n - 1) : n + 2]]) for n in range(len(points))]
    labels = [float(point[of]) for point in points]
    for n, accuracy in enumerate(accuracies):
        if accuracy >= target:
            if n == 0:
                return labels[0]
            share = (target - accuracies[n - 1]) / (accuracy - accuracies[n - 1])
            return labels[n - 1] + share * (labels[n] - labels[n - 1])
    return 2 * labels[-1]


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and the ends of its 95% interval over seeds (Student's t of 19 degrees of freedom and near it)."""
    mean = fmean(values)
    half = 2.093 * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return mean, mean - half, mean + half


def against_random(data: Path, name: str, seeds: int, rounds: int) -> dict[str, float | int | str]:
    """All ways on the same splits and first labels, seed by seed: random, and active in three ways."""
    pool = read(data, name)
    ways: Sequence[How] = ("random", "product", "mean", "by_kind")
    curves = [{how: curve(pool, seed, rounds, how) for how in ways} for seed in range(seeds)]
    shown: dict[str, float | int | str] = {
        "seeds": seeds, "solutions": len(pool.solutions), "labelled_at_the_end": FIRST + MORE * (rounds - 1),
    }  # fmt: skip
    for how in ways if curves[0]["random"][0][3] else ():
        shown[f"area_{how}"] = "{:.3f} [{:.3f}, {:.3f}]".format(*interval([found[how][-1][3] for found in curves]))
    for how in ways:
        shown[f"accuracy_{how}"] = "{:.3f} [{:.3f}, {:.3f}]".format(*interval([found[how][-1][2] for found in curves]))
    for how in ways[1:]:
        differences, logs, never = [], {"solutions": list[float](), "steps": list[float]()}, 0
        for found in curves:
            differences.append(fmean(a[2] - r[2] for a, r in zip(found[how], found["random"], strict=True)))
            target = fmean(point[2] for point in found["random"][-3:])
            for of, unit in enumerate(logs):
                need = {one: needed(found[one], target, of=of) for one in ("random", how)}
                logs[unit].append(math.log(need["random"] / need[how]))
            never += needed(found[how], target, of=0) >= 2 * found[how][-1][0]
        shown[f"{how}_minus_random_over_all_rounds"] = "{:+.4f} [{:+.4f}, {:+.4f}]".format(*interval(differences))
        if curves[0]["random"][0][3]:
            apart = [fmean(a[3] - r[3] for a, r in zip(found[how], found["random"], strict=True)) for found in curves]
            shown[f"{how}_minus_random_area_for_solutions"] = "{:+.4f} [{:+.4f}, {:+.4f}]".format(*interval(apart))
        for unit, values in logs.items():
            shown[f"{how}_times_fewer_{unit}"] = "{:.2f} [{:.2f}, {:.2f}]".format(*map(math.exp, interval(values)))
        shown[f"{how}_never_got_there_in"] = f"{never} of {seeds} seeds"
    return shown

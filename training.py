"""For training scripts: the loss and the measure of weak-to-strong generalization, in numpy and in torch.

``limbeck synth --method weak`` makes soft labels and ``limbeck export --kind soft`` writes them; a trainer of your own
reads them (``soft_targets``) and minimizes the loss. After Burns et al. 2023, "Weak-to-Strong Generalization", arXiv
2312.09390, section 4.3.2::

    Loss = (1 - a) CE(f, f_weak) + a CE(f, 1[f > t])

f is what the student predicts and f_weak what the weak teacher does, soft; the student's own prediction, hardened at
t, has no gradient. In each batch t is such that the share of positives is that of the class prior: half, as in the
paper, unless said otherwise. a rises linearly from 0 to its highest value, .75 for the largest student and .5 for
others, over the first 20% of training. These figures, and what the appendix says of more than two classes (balancing is
practical for few classes only, and the prior is to be computed from the weak predictions where it is not half), were
remembered and not read again.

Named deviation: with more than two classes the hardened prediction is the likeliest class, without balancing.

The authors' released code (github.com/openai/weak-to-strong, ``logconf_loss_fn``) differs, and is had by
``variant="released"``: t follows from the weak labels of the batch; a is .5 times the share of training done until 10%
of it is, and .5 from then on, a jump.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataError, MissingExtra, UsageError

if TYPE_CHECKING:
    import torch

Variant = Literal["paper", "released"]

_WARMUP: Mapping[Variant, float] = {"paper": 0.2, "released": 0.1}
_SUM = 1e-3  # by how much the probabilities of a row may miss 1


def confidence_weight(step: float, a_max: float = 0.5, *, variant: Variant = "paper") -> float:
    """How much the student's own prediction counts.

    Args:
        step: Share of training that is done, 0 to 1.
        a_max: What it rises to.
        variant: ``paper``, or ``released`` as in the authors' code.

    Raises:
        UsageError: One of them is off its scale.
    """
    _check_share("step", step)
    _check_share("a_max", a_max)
    if variant not in _WARMUP:
        raise UsageError(f"variant is {variant!r}", hint=f"It is one of {', '.join(_WARMUP)}.")
    warmup = _WARMUP[variant]
    if variant == "paper":
        return a_max * min(1.0, step / warmup)
    return a_max * (1.0 if step > warmup else step)


def confidence_loss_numpy(
    logits: ArrayLike, weak: ArrayLike, step: float, *, a_max: float = 0.5, prior: float | None = None,
    variant: Variant = "paper",
) -> tuple[float, NDArray[np.float64]]:  # fmt: skip
    """The loss of a batch, and its gradient with respect to the logits.

    Args:
        logits: Of the student, a row an example and a column a class; with two classes the second is the positive.
        weak: Soft labels of the weak teacher, of the same shape, each row adding up to 1.
        step: Share of training that is done, 0 to 1. ``a_max=0`` is the naive loss.
        a_max: Highest weight of the student's own prediction.
        prior: Share of positives, with two classes; default: half. ``released`` takes it from the weak labels.
        variant: See the module.

    Returns:
        The mean over the batch in nats, and an array of the shape of the logits.

    Raises:
        UsageError: Shapes do not match, labels are no probabilities, or a setting is off its scale.
    """
    given, labels = np.asarray(logits, dtype=np.float64), np.asarray(weak, dtype=np.float64)
    _check(given.shape, labels.shape, prior, variant)
    if not (labels >= 0).all() or (abs(labels.sum(axis=1) - 1) > _SUM).any():
        raise UsageError("weak labels are no probabilities", hint="Each row has to add up to 1; see soft_targets.")
    weight = confidence_weight(step, a_max, variant=variant)
    shifted = given - given.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    predicted = np.exp(logs)
    if given.shape[1] == 2:
        column, positive = _column(variant), predicted[:, _column(variant)]
        at = _threshold(np.sort(positive), _share(prior, variant, float(labels[:, 1].mean())), variant)
        chosen = positive > at if variant == "paper" else positive >= at
        own = np.where(chosen, column, 1 - column)
    else:
        own = predicted.argmax(axis=1)
    target = (1 - weight) * labels + weight * np.eye(given.shape[1])[own]
    loss = -float((target * logs).sum(axis=1).mean())
    return loss, (predicted * target.sum(axis=1, keepdims=True) - target) / len(given)


def confidence_loss_torch(
    logits: torch.Tensor, weak: torch.Tensor, step: float, *, a_max: float = 0.5, prior: float | None = None,
    variant: Variant = "paper",
) -> torch.Tensor:  # fmt: skip
    """The same of tensors, which stay on their device; to be minimized.

    Args:
        logits: See ``confidence_loss_numpy``.
        weak: Likewise; that its rows add up to 1 is not looked at.
        step: Likewise.
        a_max: Likewise.
        prior: Likewise.
        variant: Likewise.

    Raises:
        MissingExtra: torch is not installed.
        UsageError: Shapes do not match, or a setting is off its scale.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("this loss needs torch", hint="pip install 'limbeck[train]'") from error
    _check(tuple(logits.shape), tuple(weak.shape), prior, variant)
    weight = confidence_weight(step, a_max, variant=variant)
    labels = weak.to(logits.dtype)
    with torch.no_grad():
        predicted = torch.softmax(logits, dim=1)
        if logits.shape[1] == 2:
            column, positive = _column(variant), predicted[:, _column(variant)]
            at = _threshold(torch.sort(positive).values, _share(prior, variant, float(labels[:, 1].mean())), variant)
            chosen = positive > at if variant == "paper" else positive >= at
            own = torch.where(chosen, column, 1 - column)
        else:
            own = predicted.argmax(dim=1)
        hard = torch.nn.functional.one_hot(own, logits.shape[1]).to(logits.dtype)
        target = (1 - weight) * labels + weight * hard
    return torch.nn.functional.cross_entropy(logits, target)


@dataclass(frozen=True)
class Recovered:
    """How much of the gap between a weak teacher and the strong student's own best was closed (section 3).

    Attributes:
        median: Over the pairs that count, 0 where the student is as good as its teacher and 1 where it is as good as
            with right labels; may lie outside. None where no pair counts.
        values: Of each pair that counts, in their order.
        left_out: Pairs whose ceiling is not above the weak teacher: there is no gap to recover.
    """

    median: float | None
    values: tuple[float, ...]
    left_out: int


def pgr(
    weak: float | Sequence[float], transfer: float | Sequence[float], ceiling: float | Sequence[float]
) -> Recovered:  # fmt: skip
    """Performance gap recovered: (transfer - weak) / (ceiling - weak).

    Args:
        weak: Score of the weak teacher, or of one a seed (or pair).
        transfer: Of the strong student that was trained on the teacher's labels.
        ceiling: Of the strong student that was trained on right labels.

    Raises:
        UsageError: There are not as many of each, or one is no number.
    """
    columns = [np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (weak, transfer, ceiling)]
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise UsageError(f"there are {', '.join(str(column.size) for column in columns)} scores of weak teachers, "
                         "students and ceilings", hint="Give one of each for every seed.")  # fmt: skip
    if not all(np.isfinite(column).all() for column in columns):
        raise UsageError("a score is no number", hint="Leave the seed out, and say so.")
    low, reached, high = columns
    counts = high > low
    values = tuple(((reached - low)[counts] / (high - low)[counts]).tolist())
    return Recovered(median(values) if values else None, values, int((~counts).sum()))


def soft_targets(rows: Iterable[Mapping[str, Any]], labels: Sequence[str]) -> NDArray[np.float64]:
    """Soft labels of exported rows as an array: a row an example, a column a label.

    Args:
        rows: With ``labels`` and ``probabilities``, as ``limbeck export --kind soft`` writes them.
        labels: All labels, in the order of the columns.

    Raises:
        DataError: A row has no soft labels, or a label that is none of these.
    """
    place = {label: column for column, label in enumerate(labels)}
    made = []
    for number, row in enumerate(rows):
        target = np.zeros(len(labels))
        names, shares = row.get("labels"), row.get("probabilities")
        if names is None or shares is None or len(names) != len(shares):
            raise DataError(f"row {number} has no probability for each label", hint="Export with --kind soft.")
        for label, probability in zip(names, shares, strict=True):
            if label not in place:
                raise DataError(f"row {number} has the label {label!r}", hint=f"Labels: {', '.join(labels)}.")
            target[place[label]] += probability
        made.append(target)
    return np.array(made).reshape(len(made), len(labels))


def _column(variant: Variant) -> int:
    """The class that is compared with the threshold: the positive one, in the released code the other."""
    return 1 if variant == "paper" else 0


def _share(prior: float | None, variant: Variant, positives: float) -> float:
    """What decides the threshold: the share above it, in the released code the quantile that it is."""
    return positives if variant == "released" else 0.5 if prior is None else prior


def _threshold(ordered: Any, share: float, variant: Variant) -> Any:
    """Where to cut predictions that are in order, from the lowest: an array or a tensor of them."""
    count = len(ordered)
    if variant == "released":  # torch.quantile
        place = share * (count - 1)
        below = min(max(math.floor(place), 0), count - 1)
        above = min(below + 1, count - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
    positives = math.floor(share * count + 0.5)
    if positives == 0:
        return ordered[-1]
    return -1.0 if positives == count else (ordered[count - positives - 1] + ordered[count - positives]) / 2


def _check(logits: tuple[int, ...], weak: tuple[int, ...], prior: float | None, variant: Variant) -> None:
    if len(logits) != 2 or logits != weak or logits[0] < 1 or logits[1] < 2:
        raise UsageError(f"logits have the shape {logits} and weak labels {weak}",
                         hint="Both need a row an example and a column for each of two or more classes.")  # fmt: skip
    if prior is None:
        return
    _check_share("prior", prior)
    if logits[1] != 2 or variant != "paper":
        raise UsageError(f"prior={prior:g} is for two classes and the paper's loss", hint="Leave it out.")


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise UsageError(f"{name} is {value}", hint="It is a share, from 0 to 1.")

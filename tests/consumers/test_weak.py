"""The loss of weak-to-strong in torch: that of numpy, and a student learns exported soft labels by it."""

from __future__ import annotations

import hashlib
from typing import Literal

import dspy
import pytest

import limbeck
from limbeck.testing.scripted import Scripted, fields


def team(text: str, number: int) -> str:
    """Of five answers to a ticket most are the one, and some the other."""
    ticket = text.rpartition("[[ ## ticket ## ]]\n")[2].partition("\n")[0]
    return fields(team="billing" if hashlib.md5(f"{ticket}{number}".encode()).digest()[0] % 3 else "tech")


@pytest.fixture(scope="module")
def told(tool, tmp_path_factory):
    """What the script tells of the losses, and of a student that it trained."""
    folder = tmp_path_factory.mktemp("weak")
    signature = {"ticket": (str, dspy.InputField()), "team": (Literal["billing", "tech"], dspy.OutputField())}
    task = limbeck.Task(dspy.Predict(dspy.Signature(signature, "Route the ticket.")), name="tickets")
    seeds = [{"ticket": f"ticket{n} of many"} for n in range(12)]
    made = limbeck.synthesize(task, "weak", data=seeds, lm=Scripted(team).lm, store=folder / "store.db", concurrency=1)
    assert made.kept == 12
    limbeck.export(task, folder / "soft", format="parquet", kind="soft", store=folder / "store.db",
                   split={"train": 1.0}, dedup="none")  # fmt: skip
    return tool("weak_loss.py", folder / "soft" / "train.parquet", "billing", "tech", needs=("torch", "pyarrow"))


def test_numpy_and_torch_agree(told):
    """In loss and gradient, in both variants, with two classes and more."""
    for dtype, differences in told["differences"].items():
        assert max(differences.values()) < 1e-6, dtype


def test_a_student_learns_exported_soft_labels(told):
    """All rows are read, and it ends at what the weak LM said."""
    learned = told["learned"]
    assert learned["rows"] == 12
    assert learned["last"] < learned["first"]
    assert learned["off"] < 0.02

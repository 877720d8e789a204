"""Compare the losses in numpy and torch, and train a student on soft labels: ``weak_loss.py FILE LABEL...``."""

from __future__ import annotations

import json
import sys
from itertools import product

import numpy as np
import pyarrow.parquet as pq
import torch

from limbeck.training import confidence_loss_numpy, confidence_loss_torch, soft_targets


def differences(dtype: torch.dtype) -> dict[str, float]:
    """Largest difference of loss and gradient over variants, classes, shares of training and priors."""
    random, found = np.random.default_rng(0), {"loss": 0.0, "gradient": 0.0}
    for variant, classes, step, prior in product(("paper", "released"), (2, 5), (0.0, 0.07, 0.15, 1.0), (None, 0.3)):
        if prior is not None and (classes > 2 or variant == "released"):
            continue
        logits = torch.tensor(random.normal(size=(31, classes)) * 3, dtype=dtype)
        weak = torch.tensor(random.dirichlet(np.ones(classes), 31), dtype=dtype)
        settings = {"a_max": 0.75, "prior": prior, "variant": variant}
        loss, gradient = confidence_loss_numpy(logits.numpy(), weak.numpy(), step, **settings)
        given = logits.clone().requires_grad_()
        other = confidence_loss_torch(given, weak, step, **settings)
        other.backward()
        found["loss"] = max(found["loss"], abs(float(other) - loss))
        found["gradient"] = max(found["gradient"], float(np.abs(given.grad.numpy() - gradient).max()))
    return found


def learned(file: str, labels: list[str]) -> dict[str, float]:
    """Train a linear student on the lengths and words of prompts; how far its predictions are from the soft labels."""
    rows = pq.read_table(file).to_pylist()
    weak = torch.tensor(soft_targets(rows, labels), dtype=torch.float64)
    words = sorted({word for row in rows for message in row["prompt"] for word in message["content"].split()})
    seen = [{word for message in row["prompt"] for word in message["content"].split()} for row in rows]
    features = torch.tensor([[float(word in each) for word in words] for each in seen], dtype=torch.float64)
    student = torch.nn.Linear(len(words), len(labels), dtype=torch.float64)
    torch.nn.init.zeros_(student.weight)
    optimizer, losses = torch.optim.Adam(student.parameters(), lr=0.05), []
    for step in range(200):
        loss = confidence_loss_torch(student(features), weak, step / 200, a_max=0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    off = (torch.softmax(student(features), dim=1) - weak).abs().max()
    return {"rows": len(rows), "first": losses[0], "last": losses[-1], "off": float(off)}


if __name__ == "__main__":
    torch.manual_seed(0)
    told = {str(dtype): differences(dtype) for dtype in (torch.float64, torch.float32)}
    print(json.dumps({"differences": told, "learned": learned(sys.argv[1], sys.argv[2:])}))

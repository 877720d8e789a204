"""The program with which `limbeck synth --method invert` writes tickets, compiled like any other program.

limbeck compile backward.py:task --out backward
limbeck synth ../tickets/router.py:task --method invert --set per_label=5 --prompts backward
"""

import json
import random
from pathlib import Path

import dspy

from limbeck.compiler.generate.invert import backward
from limbeck.signatures.target import load_target

TICKETS = Path(__file__).parents[1] / "tickets"

router = load_target(f"{TICKETS}/router.py:task")
rows = [json.loads(line) for line in (TICKETS / "tickets.jsonl").read_text().splitlines()]
random.Random(0).shuffle(rows)

# Who predicts: the router with 60 tickets in its prompt. The backward program sees other tickets.
forward = dspy.Predict(router.program.signature)
forward.demos = [dspy.Example(**row).with_inputs("ticket") for row in rows[:60]]

task = backward(router, train=rows[60:180], test=rows[180:], forward=forward, calls=24, leak="exact")

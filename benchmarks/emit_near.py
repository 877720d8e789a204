"""Rows with planted near duplicates, and three ways of finding them: ours, datasketch's and distilabel's.

All three take texts and give the rows that are near duplicates of one before them. The shingles are runs of three words
but for distilabel, whose step knows words (with a tokenizer that is downloaded) or characters: it has its own default,
runs of five characters.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

THRESHOLD, PERMUTATIONS = 0.8, 128
WORDS = 300  # with blanks and punctuation about 2 KB
COPIES = 0.1  # of the rows are another one with one to three words replaced: a similarity of 0.98 to 0.94
LIKE = 0.05  # are another one with a third of the words replaced: no duplicates at this threshold
BATCH = 500  # rows that distilabel is given at once, as in its documentation

# Its step does not work with datasketch 2.0, and it does not say that it needs requests.
DISTILABEL = ("distilabel[minhash]==1.5.3", "datasketch==1.6.5", "requests")

Find = Callable[[list[str]], set[int]]
"""Gives the rows that are duplicates."""


def made_rows(count: int, seed: int = 0) -> tuple[list[str], set[int]]:
    """Texts, and which of them are planted near duplicates: those keep case and punctuation, or distilabel is lost."""
    rng = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    plain = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / (rank + 1) ** 0.7 for rank in range(len(plain))]
    total = list(accumulate(weights))
    rows: list[list[str]] = []
    planted: set[int] = set()
    for number in range(count):
        draw = rng.random()
        if rows and draw < COPIES + LIKE:
            words = list(rows[rng.randrange(len(rows))])
            changes = rng.randint(1, 3) if draw < COPIES else WORDS // 3
            for place in rng.sample(range(WORDS), changes):
                words[place] = rng.choice(plain) + " "
            if draw < COPIES:
                planted.add(number)
        else:
            marks = rng.choices([" ", ", ", ". ", "\n"], [20, 2, 2, 1], k=WORDS)
            drawn = rng.choices(plain, cum_weights=total, k=WORDS)
            words = [word + mark for word, mark in zip(drawn, marks, strict=True)]
        rows.append(words)
    return ["".join(words) for words in rows], planted


def ours(texts: list[str]) -> set[int]:
    """Our stage, words and all."""
    from limbeck.compiler.emit.near import NearIndex
    from limbeck.compiler.emit.words import words_of

    with tempfile.TemporaryDirectory() as folder, NearIndex(Path(folder), THRESHOLD) as index:
        for text in texts:
            index.add(words_of(text))
        clusters = index.clusters().tolist()
    return {row for row, first in enumerate(clusters) if first != row}


def datasketch(texts: list[str]) -> set[int]:
    """As its documentation does, https://ekzhu.com/datasketch/lsh.html, with update_batch, the quicker of its ways."""
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    found = set()
    for row, text in enumerate(texts):
        words = re.findall(r"[^\W_]+", text.casefold())
        shingles = {" ".join(words[at : at + 3]).encode() for at in range(len(words) - 2)}
        minhash = MinHash(num_perm=PERMUTATIONS)
        minhash.update_batch(shingles)
        if lsh.query(minhash):
            found.add(row)
        lsh.insert(str(row), minhash)
    return found


def distilabel(texts: list[str]) -> set[int]:
    """Its own step, given its batches as its pipeline would."""
    from distilabel.steps import MinHashDedup

    rows = [{"text": text} for text in texts]
    step = MinHashDedup(tokenizer="ngrams", threshold=THRESHOLD, num_perm=PERMUTATIONS)
    step.load()
    kept = [
        row["keep_row_after_minhash_filtering"]
        for low in range(0, len(rows), BATCH)
        for row in next(step.process(rows[low : low + BATCH]))
    ]
    return {row for row, keep in enumerate(kept) if not keep}


Timed = tuple[set[int], float, float]
"""What is found, seconds, and seconds of processor time."""


def timed(find: Find, texts: list[str]) -> Timed:
    """Time one way of finding them."""
    find(texts[:10])  # imports
    start, work = time.perf_counter(), time.process_time()
    found = find(texts)
    return found, time.perf_counter() - start, time.process_time() - work


def distilabel_timed(texts: list[str]) -> Timed:
    """Distilabel in an environment of its own, made where it is not there: what it needs rules ours out."""
    import json
    import subprocess
    import sys

    place = Path(__file__).resolve().parents[1] / "build" / "peers" / "distilabel"
    python = place / "bin" / "python"
    if not (place / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *DISTILABEL], check=True)
        (place / "done").touch()
    with tempfile.TemporaryDirectory() as folder:
        rows, told = Path(folder, "rows.json"), Path(folder, "told.json")
        rows.write_text(json.dumps(texts))
        subprocess.run([python, __file__, rows, told], check=True, stdout=subprocess.DEVNULL)
        found, seconds, work = json.loads(told.read_text())
    return set(found), seconds, work


def duel(other: Callable[[list[str]], Timed], count: int) -> dict[str, float | int]:
    """Both on the same rows: times, and how far apart what they found is, as a share of what either found."""
    texts, planted = made_rows(count)
    mine, seconds, work = timed(ours, texts)
    theirs, their_seconds, their_work = other(texts)
    return {
        "times_faster": their_seconds / seconds,
        "times_less_processor_time": their_work / work,
        "apart": len(mine ^ theirs) / max(1, len(mine | theirs)),
        "us_a_row": seconds / count * 1e6,
        "their_us_a_row": their_seconds / count * 1e6,
        "found_of_planted": len(mine & planted) / len(planted),
        "they_found_of_planted": len(theirs & planted) / len(planted),
        "found_beside": len(mine - planted),
        "they_found_beside": len(theirs - planted),
        "rows": count,
    }


if __name__ == "__main__":  # distilabel, in its own environment
    import json
    import sys

    found, *times = timed(distilabel, json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps([sorted(found), *times]))

"""``backtranslate`` for benchmarks: documents with planted rubbish, and runs with an LM that answers at once."""

from __future__ import annotations

import gzip
import html
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synth_backtranslate_lm import answer

from limbeck.compiler.generate.backtranslate.candidates import Candidate, Cut
from limbeck.compiler.generate.backtranslate.documents import paths, place_of
from limbeck.compiler.generate.backtranslate.filters import Filter

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("semantic", "named", "plain")
"""Pages with ``<nav>`` and ``<footer>``; with ``<div class="menu">``; and with ``<div>`` and nothing that tells."""

_MENU = ["Home", "Products", "Pricing", "Blog", "Careers", "Support", "Downloads", "Partners", "Press", "Events"]
_BANNERS = [
    "We use cookies to improve your experience on our site. Accept all cookies or change your settings.",
    "Sign up for our free newsletter and get ten percent off your first order today.",
    "Advertisement: new winter tyres at half the price, only this week and only in our shop.",
    "Share this article with your friends on all the networks that you know and like.",
    "Copyright 2020 by the owners of this site. All rights reserved. Privacy policy and terms of use apply.",
]
_TASK = """
import dspy
import limbeck

task = limbeck.Task(dspy.Predict("question -> answer"), name="chat")
"""
_COMMENT = "Great post, thanks! I had the very same trouble last year and my neighbour told me to try this, lol."


def passages(data: Path) -> list[tuple[str, str]]:
    """Titles and passages of Wikipedia."""
    with gzip.open(data / "nq_passages" / "tasks.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["title"], row["passage"]) for row in rows]


def articles(rows: list[tuple[str, str]], each: int = 6) -> Iterator[list[tuple[str, str]]]:
    """So many passages are an article; each has its title as a heading."""
    return (rows[n : n + each] for n in range(0, len(rows), each))


def chapters(article: list[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """An article in sections of two passages, each under the title of its first."""
    return [(part[0][0], [text for _, text in part]) for part in articles(article, 2)]


def clean(article: list[tuple[str, str]]) -> str:
    """An article as Markdown, with nothing else."""
    return "".join(f"## {title}\n\n" + "".join(f"{text}\n\n" for text in texts) for title, texts in chapters(article))


def page(article: list[tuple[str, str]], style: str, seed: int) -> str:
    """An article as a page: a menu, banners and a list of related links before it, comments and a footer behind it.

    None of what is planted has a heading, so that no heading gives it away.
    """
    draw = random.Random(seed)
    menu = "".join(f'<li><a href="/{name.lower()}">{name}</a></li>' for name in draw.sample(_MENU, 8))
    related = "".join(f'<li><a href="/{n}">Ten facts about number {n}</a></li>' for n in draw.sample(range(999), 6))
    banners = [f"<p>{text}</p>" for text in draw.sample(_BANNERS, 3)]
    body = "".join(
        f"<h2>{html.escape(title)}</h2>" + "".join(f"<p>{html.escape(text)}</p>" for text in texts)
        for title, texts in chapters(article)
    )
    names = {
        "semantic": (("nav", ""), ("aside", ""), ("article", ""), ("section", ' class="comments"'), ("footer", "")),
        "named": tuple(("div", f' class="{name}"') for name in ("menu", "sidebar", "content", "comments", "footer")),
        "plain": (("div", ""),) * 5,
    }[style]
    parts = (f"<ul>{menu}</ul>", f"{banners[0]}<ul>{related}</ul>", body, f"<p>{_COMMENT}</p>", banners[1] + banners[2])
    inner = "".join(f"<{tag}{about}>{part}</{tag}>" for (tag, about), part in zip(names, parts, strict=True))
    return f"<html><head><title>x</title><script>var planted = 1;</script></head><body>{inner}</body></html>"


def bare(text: str) -> str:
    """What a page is without its tags: every heading and paragraph of it, as Markdown."""
    text = re.sub(r"<(script|head)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r"<h(\d)>(.*?)</h\d>", lambda found: f"\n\n{'#' * int(found[1])} {found[2]}\n\n", text)
    return html.unescape(re.sub(r"<[^>]+>", "\n\n", text))


def cut(folder: Path, **options: Any) -> tuple[list[Candidate], Counter[str], float]:
    """Candidates, what was dropped by its rule, and CPU seconds."""
    made, rules = Cut(place_of(str(folder)), **options), Filter(600, 3_000)
    cpu = time.process_time()
    found = [item for path in paths(made.place) for item in made.cut(path, rules)]
    cpu = time.process_time() - cpu
    candidates = [item for item in found if isinstance(item, Candidate)]
    return candidates, Counter(item.rule for item in found if not isinstance(item, Candidate)), cpu


def figures(folder: Path) -> dict[str, Any]:
    """What comes of a folder of documents."""
    size = sum(path.stat().st_size for path in paths(place_of(str(folder)))) / 1e6
    candidates, rules, cpu = cut(folder)
    return {"mb": size, "candidates": len(candidates), **dict(rules.most_common()), "ms_per_mb": 1e3 * cpu / size}


def planted(rows: list[tuple[str, str]], style: str, *, extractor: bool) -> dict[str, Any]:
    """How much of pages' candidates is article, and how much of what bare articles give is in them, by characters."""
    with tempfile.TemporaryDirectory() as name:
        pages, bare_articles = Path(name) / "pages", Path(name) / "articles"
        for folder in (pages, bare_articles):
            folder.mkdir()
        for number, article in enumerate(articles(rows)):
            text = page(article, style, number)
            suffix, text = ("html", text) if extractor else ("md", bare(text))
            (pages / f"{number:04}.{suffix}").write_text(text, encoding="utf-8")
            (bare_articles / f"{number:04}.md").write_text(clean(article), encoding="utf-8")
        candidates, rules, cpu = cut(pages)
        wanted = set(lines(cut(bare_articles)[0]))
        size = sum(path.stat().st_size for path in pages.iterdir()) / 1e6
    known = {flat(text) for _, text in rows} | {flat(title) for title, _ in rows}
    found = lines(candidates)
    right = [line for line in found if line in known]
    clear = sum(all(line in known for line in lines([candidate])) for candidate in candidates)
    return {
        "candidates": len(candidates), "precision": sum(map(len, right)) / max(1, sum(map(len, found))),
        "recall": sum(map(len, wanted & set(right))) / sum(map(len, wanted)),
        "candidates_with_planted_lines": len(candidates) - clear, "dropped": sum(rules.values()),
        "ms_per_mb": 1e3 * cpu / size,
    }  # fmt: skip


def lines(candidates: list[Candidate]) -> list[str]:
    """Their lines, as ``flat``."""
    return [flat(line) for candidate in candidates for line in candidate.text.split("\n") if flat(line)]


def flat(text: str) -> str:
    """Words alone: an extractor may change spaces and marks."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def junk(seed: int) -> dict[str, str]:
    """A section of 600 characters and more for each kind of rubbish, under a heading that does not tell."""
    draw = random.Random(seed)
    links = "\n".join(f"- [A page about number {n} and what is behind it](/{n})" for n in draw.sample(range(9_999), 20))
    menu = "\n".join(f"- {draw.choice(_MENU)} {n}" for n in draw.sample(range(9_999), 70))
    spam = " ".join(f"Buy the best tyres in town number {draw.randrange(9)} now and save money." for _ in range(14))
    table = "\n".join(f"{draw.random():.6f}  {draw.random():.6f}  {draw.random():.6f} x" for _ in range(30))
    banners = (
        "\n\n".join(draw.sample(_BANNERS, 5)) + f"\n\n{_COMMENT} {draw.random()}\n\n{_COMMENT[:60]} {draw.random()}"
    )
    return {"links": links, "menu": menu, "repetition": spam, "numbers": table, "boilerplate": banners + " x" * 60}


def sections(rows: list[tuple[str, str]], count: int) -> dict[str, Any]:
    """Sections of a Markdown file, good ones and planted ones in turns: which are dropped, by kind."""
    good = [(title, "\n\n".join(text for _, text in part)) for part in articles(rows, 2) for title in [part[0][0]]]
    with tempfile.TemporaryDirectory() as name:
        folder, kinds = Path(name), {}
        for seed in range(count):
            parts = [("good", good[seed % len(good)][1]), *junk(seed).items()]
            text = "".join(f"# Chapter {n}\n\n{body}\n\n" for n, (_, body) in enumerate(parts))
            (folder / f"{seed:04}.md").write_text(text, encoding="utf-8")
            kinds[f"{seed:04}.md"] = [kind for kind, _ in parts]
        candidates, _, _ = cut(folder)
    kept: Counter[str] = Counter()
    for candidate in candidates:
        number = int(candidate.facts["headings"][-1].split()[-1])
        kept[kinds[candidate.facts["file"]][number]] += 1
    shortest = sum(len(good[seed % len(good)][1]) >= 600 for seed in range(count))
    planted_kinds = {f"{kind}_dropped": 1 - kept[kind] / count for kind in junk(0)}
    return {"sections": count, "good_kept": kept["good"] / shortest, **planted_kinds}


def readings(data: Path) -> dict[str, Any]:
    """Recorded judgments of GPT-4 on a scale to 10: how many are read, and as what is on record."""
    from limbeck.compiler.generate.backtranslate.reading import score_in
    from limbeck.compiler.verify.base import Answer
    from limbeck.records import Usage

    with gzip.open(data / "mt_bench_judge" / "judgments.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    found: Counter[str] = Counter()
    for row in rows:
        said = row["judge_output"]
        try:
            score, _ = score_in(Answer({"judgment": said}, said, None, Usage(), "gpt-4"), [row["judge_input"]], 10.0)
        except ValueError:
            found["unread"] += 1
            continue
        found["as_recorded" if score == float(row["score"]) else "other"] += 1
    own_line = sum(row["judge_output"].strip().rpartition("\n")[2].lower().startswith("rating") for row in rows)
    return {"judgments": len(rows), "read": 1 - found["unread"] / len(rows), "read_otherwise": found["other"],
            "on_a_line_of_its_own": own_line / len(rows)}  # fmt: skip


def library(folder: Path, documents: int) -> None:
    """Documents of words in sentences, four sections each, no two alike."""
    draw = random.Random(documents)
    words = [
        f"{one}{two}"
        for one in ("ba", "ke", "li", "mo", "nu", "ra", "se", "ti")
        for two in ("la", "men", "rit", "sto", "vek")
    ]
    for number in range(documents):
        parts = []
        for section in range(4):
            lines = [" ".join(draw.choices(words, k=12)).capitalize() + "." for _ in range(14)]
            parts.append(f"## Part {section} of {number}\n\n{' '.join(lines[:7])}\n\n{' '.join(lines[7:])}\n")
        (folder / f"{number:06}.md").write_text(f"# Book {number}\n\n" + "\n".join(parts), encoding="utf-8")


class Engine:
    """The LM behind ``dspy.LM``, in this process."""

    def complete(self, request: Any) -> Any:
        import dspy

        return dspy.lm15.Response(
            id="bench", model=request.model, message=dspy.lm15.Message.assistant(answer(request.messages[-1].text)),
            finish_reason="stop", usage=dspy.lm15.Usage(input_tokens=100, output_tokens=10),
        )  # fmt: skip


class AsyncEngine(Engine):
    """The same, awaited."""

    async def complete(self, request: Any) -> Any:
        return super().complete(request)


def run(documents: int) -> dict[str, Any]:
    """CPU seconds, rows and LM calls of a run over so many documents; its peak of memory in MiB."""
    import resource

    import dspy

    import limbeck
    from limbeck.compiler.generate.backtranslate import Backtranslate

    lm = dspy.LM("bench/engine", engine=Engine(), async_engine=AsyncEngine(), cache=False, num_retries=0)
    task = limbeck.Task(dspy.Predict("question -> answer"), name="chat")
    with tempfile.TemporaryDirectory() as name:
        (folder := Path(name) / "documents").mkdir()
        library(folder, documents)
        cpu = time.process_time()
        ran = limbeck.synthesize(task, Backtranslate(documents=str(folder), longest=1_600), data=None, lm=lm,
                                 store=Path(name) / "store.db", concurrency=64)  # fmt: skip
        cpu = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu": cpu, "kept": ran.kept, "calls": ran.needed["calls"], "peak_mib": peak}


def bare_dspy(calls: int) -> float:
    """CPU seconds of so many calls by ``Predict.acall`` alone, of the same two programs in the same share."""
    import asyncio

    import dspy

    from limbeck.compiler.generate.backtranslate.program import NO_EXAMPLES, Backtranslation

    program, text = Backtranslation(), "Words of a text that somebody wrote. " * 32
    lm = dspy.LM("bench/engine", engine=Engine(), async_engine=AsyncEngine(), cache=False, num_retries=0)

    async def work() -> float:
        rest = iter(range(calls))

        async def worker() -> None:
            for number in rest:
                if number % 3:
                    examples = NO_EXAMPLES if number % 3 == 1 else text * 4
                    await program.curate.acall(examples=examples, instruction=f"Tell about {number}.", answer=text)
                else:
                    await program.backward.acall(text=f"{text} {number}")

        cpu = time.process_time()
        await asyncio.gather(*(worker() for _ in range(64)))
        return time.process_time() - cpu

    with dspy.context(lm=lm, adapter=dspy.ChatAdapter(), disable_history=True, track_usage=False):
        return asyncio.run(work())


def killed(moments: int) -> dict[str, Any]:
    """Kill runs at moments that are drawn, go on with them, and see what is paid twice and which rows differ."""
    import synth_backtranslate_lm
    from synth_evolve import Killed

    from limbeck.testing.stub import Stub

    class Run(Killed):
        def run(self, kill_after: int | None = None) -> bool:
            served = sum(self._stub.stats().served.values())
            command = [
                sys.executable, "-m", "limbeck", "synth", "task.py:task", "--method", "backtranslate",
                "--set", "documents=documents", "--set", "longest=1600", "--data", str(self._data),
                "--lm", "openai/stub", "--lm-arg", f"api_base={self._stub.url}/v1", "--lm-arg", "api_key=sk-test",
                "--store", str(self._store), "--out", str(self._out), "--concurrency", "4", "--quiet",
            ]  # fmt: skip
            child = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)
            while child.poll() is None:
                if kill_after is not None and sum(self._stub.stats().served.values()) - served >= kill_after:
                    child.kill()
                    child.wait()
                    return True
                time.sleep(0.005)
            if child.returncode:
                raise RuntimeError(f"limbeck synth ended with {child.returncode}")
            return False

    draw = random.Random(6)
    twice = other = kills = 0
    with (
        tempfile.TemporaryDirectory() as name,
        Stub(f"{synth_backtranslate_lm.__file__}:stub_reply", latency=0.01) as stub,
    ):
        folder = Path(name)
        (folder / "documents").mkdir()
        library(folder / "documents", 6)
        (folder / "task.py").write_text(_TASK)
        whole = Run(folder, "whole", stub)
        whole.run()
        expected, calls = whole.rows(), whole.paid().total()
        for moment in range(moments):
            one = Run(folder, f"killed{moment}", stub)
            kills += one.run(kill_after=draw.randint(1, calls - 1))
            paid, before = one.paid(), Counter(stub.stats().received)
            one.run()
            sent, new = Counter(stub.stats().received) - before, one.paid() - paid
            twice += (sent - new).total()
            other += one.rows() != expected
    return {"paid_twice": twice, "other_rows": other, "kills": kills, "calls": calls, "rows": len(expected)}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]))))

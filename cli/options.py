"""Options that several commands share, and how they become settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import UsageError

Pairs = tuple[str, ...]

DEFAULT_STORE = ".limbeck/store.db"

target = click.argument("target")
metric = click.option(
    "--metric", metavar="MODULE.PY:NAME", help="Metric of a program that is no Task; also a ready one, such as exact."
)
judging = (
    metric,
    click.option(
        "--verifier",
        metavar="NAME",
        multiple=True,
        help="What else decides: execute, environment, agree, judge, rules, steps, people or MODULE.PY:NAME. "
        "May be repeated.",
    ),
    click.option(
        "--verifier-arg",
        metavar="NAME:KEY=VALUE",
        multiple=True,
        help="Option of a --verifier; may be repeated.",
    ),
)
all_verdicts = click.option(
    "--all-verdicts", is_flag=True, help="Go on to dearer verifiers where a cheaper one has refused."
)
store = click.option(
    "--store",
    metavar="PATH|URL",
    help="Where traces are kept.",
    default=DEFAULT_STORE,
    show_default=True,
)
seed = click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="Seed of every random choice.")
_ADAPTER = "How prompts are written: chat, json, xml or baml."
adapter = click.option("--adapter", metavar="NAME", help=f"{_ADAPTER}  [default: chat]")
own_adapter = click.option("--adapter", metavar="NAME", help=f"{_ADAPTER}  [default: chat, or as TARGET was compiled]")
writer = click.option(
    "--adapter",
    metavar="NAME",
    help="How prompts are written: chat, json, xml, baml or two_step.  [default: chat, or as TARGET was compiled]",
)
splits = (
    click.option("--train", metavar="FILE", help="Examples to learn from."),
    click.option("--val", metavar="FILE", help="Examples to choose by."),
    click.option("--test", metavar="FILE", help="Examples to prove the gain on."),
    click.option("--data", metavar="FILE", help="Examples to draw from what is not given."),
)

lm = (
    click.option(
        "--lm",
        metavar="NAME",
        help="LM to run with: PROVIDER/MODEL, embedded/analogy or replay/FILE.  [default: embedded/analogy]",
    ),
    click.option("--lm-arg", metavar="KEY=VALUE", multiple=True, help="Setting of the LM; may be repeated."),
    click.option(
        "--lm-for",
        metavar="PREDICTOR=NAME",
        multiple=True,
        help="LM of one predictor; its settings by --lm-arg PREDICTOR:KEY=VALUE. May be repeated.",
    ),
)
teacher = (
    click.option(
        "--teacher",
        metavar="NAME",
        multiple=True,
        help="LM that makes the demos; if repeated, they are tried in this order.  [default: the same LM]",
    ),
    click.option(
        "--teacher-arg",
        metavar="KEY=VALUE",
        multiple=True,
        help="Setting of all teachers; of the second alone as 2:KEY=VALUE. May be repeated.",
    ),
)
optimizer = (
    click.option(
        "--optimizer",
        metavar="NAME[,NAME]",
        default="auto",
        show_default=True,
        help="How demos and instructions are chosen; several work one after the other.",
    ),
    click.option(
        "--set",
        "set_",
        metavar="KEY=VALUE",
        multiple=True,
        help="Option of the optimizer; of one of several as NAME.KEY=VALUE. May be repeated.",
    ),
)
plan = (
    click.option("--budget", metavar="LIMITS", help="Hard limits, such as 5usd,2000calls,1Mtokens,1h."),
    click.option(
        "--concurrency",
        metavar="N",
        type=click.IntRange(min=1),
        default=16,
        show_default=True,
        help="Calls in flight at most.",
    ),
)
calls = (
    *plan,
    click.option(
        "--retries",
        metavar="N",
        type=click.IntRange(min=0),
        default=7,
        show_default=True,
        help="How often a failed call is tried again.",
    ),
    click.option("--record", metavar="FILE", help="Record the LM's answers, for --lm replay/FILE."),
)


def settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Make the API's settings of options as they were parsed; what was not given is left out.

    Raises:
        LMSetupError: A ``--lm-arg`` is not key=value.
        UsageError: A ``--set``, ``--lm-for`` or ``--teacher-arg`` is not key=value, or is of an LM that is not given.
    """
    from ..compiler.lm.gateway import Retries

    plain = ("lm", "adapter", "store", "budget", "concurrency", "seed", "all_verdicts")
    made: dict[str, Any] = {name: given[name] for name in plain if given.get(name) is not None}
    made |= _lms(given)
    if given.get("set_"):
        made["set"] = pairs(given["set_"], "--set", "max_bootstrapped_demos=8")
    if given.get("record"):
        made["record"] = Path(given["record"])
    if given.get("retries") is not None:
        made["retries"] = Retries(attempts=given["retries"] + 1)
    return made


def judges(given: Mapping[str, Any]) -> dict[str, Any]:
    """Make the API's ``metric`` and ``verifiers`` of the options.

    Raises:
        UsageError: There is no verifier of a name, or an option is wrong or of one that is not given.
    """
    names = list(dict.fromkeys(given["verifier"]))
    own: dict[str, dict[str, Any]] = {name: {} for name in names}
    for key, value in pairs(given["verifier_arg"], "--verifier-arg", "execute:tests=tests").items():
        owner, colon, option = key.partition(":")
        if not colon and len(names) == 1:
            owner, option = names[0], key
        if owner not in own:
            hint = f"Name one: --verifier {owner}." if colon else f"Write --verifier-arg NAME:{key}=VALUE."
            raise UsageError(f"--verifier-arg {key} is of a verifier that is not given", hint=hint)
        own[owner][option] = value
    if not names:
        return {"metric": given["metric"]}
    from ..compiler.verify.registry import make_verifier

    return {"metric": given["metric"], "verifiers": [make_verifier(name, own[name]) for name in names]}


def judging_flags(given: Mapping[str, Any]) -> list[str]:
    """The flags again, for commands that are shown."""
    flags = ["--metric", given["metric"]] if given["metric"] else []
    for name in given["verifier"]:
        flags += ["--verifier", name]
    for text in given["verifier_arg"]:
        flags += ["--verifier-arg", text]
    return flags


def _lms(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the LMs: of the main one, of single predictors and of teachers."""
    made: dict[str, Any] = {}
    for text in given.get("lm_for") or ():
        predictor, lm = pair(text, "--lm-for", "answer=openai/gpt-4o")
        if predictor in made.setdefault("lms", {}):
            raise UsageError(f"--lm-for gives {predictor} twice", hint="Give each predictor one LM.")
        made["lms"][predictor] = lm
    shared, own = _by_owner(given.get("lm_arg") or (), "--lm-arg")
    if shared:
        made["lm_args"] = shared
    if own:
        made["lms_args"] = own
    teachers = given.get("teacher") or ()
    if teachers:
        made["teacher"] = teachers[0] if len(teachers) == 1 else list(teachers)
    shared, own = _by_owner(given.get("teacher_arg") or (), "--teacher-arg")
    numbers = [str(n) for n in range(1, len(teachers) + 1)]
    for unknown in own.keys() - numbers:
        hint = "Write 1:KEY=VALUE for the first --teacher, 2:KEY=VALUE for the second, and so on."
        raise UsageError(f"--teacher-arg {unknown}:... is of a teacher that is not given", hint=hint)
    if own:
        made["teacher_args"] = [{**shared, **own.get(n, {})} or None for n in numbers]
    elif shared:
        made["teacher_args"] = shared
    return made


def _by_owner(texts: Pairs, flag: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Settings of no LM in particular, and by what stands before the last colon of ``OWNER:KEY=VALUE``."""
    shared: dict[str, Any] = {}
    own: dict[str, dict[str, Any]] = {}
    for key, value in pairs(texts, flag, "temperature=0.7").items():
        owner, colon, name = key.rpartition(":")
        if colon:
            own.setdefault(owner, {})[name] = value
        else:
            shared[name] = value
    return shared, own


def pairs(texts: Pairs, flag: str, example: str) -> dict[str, Any]:
    """Read ``key=value``; a value is JSON where it parses as it, else text.

    Raises:
        UsageError: One has no ``=`` or no key, or a key comes twice.
    """
    import orjson

    found: dict[str, Any] = {}
    for text in texts:
        key, value = pair(text, flag, example)
        if key in found:
            raise UsageError(f"{flag} gives {key} twice", hint="Give each key once.")
        try:
            found[key] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[key] = value
    return found


def pair(text: str, flag: str, example: str) -> tuple[str, str]:
    """Split one ``key=value``.

    Raises:
        UsageError: There is no ``=`` or no key.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"{flag} {text!r} is not key=value", hint=f"For example {flag} {example}.")
    return key, value

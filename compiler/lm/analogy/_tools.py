"""The next step of DSPy's ReAct: which tool to call, with which arguments, and when to finish."""

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ._fill import Filler
from ._prompt import Demo, Prompt
from ._schema import Schema
from ._slots import Slot, field_cases

FINISH = "finish"
NAME, ARGUMENTS, PAST = "next_tool_name", "next_tool_args", "trajectory"
_TOOL = re.compile(
    r"^\s*\(\d+\) (\w+)(?:, whose description is <desc>(.*?)</desc>)?\.* It takes arguments (.*)\.$",
    re.MULTILINE,
)


def is_step(prompt: Prompt) -> bool:
    """Whether the prompt asks for the next step of a tool-using loop."""
    return {NAME, ARGUMENTS} <= {field.name for field in prompt.signature.outputs}


def next_step(prompt: Prompt, filler: Filler) -> dict[str, Any]:
    """Tool name and arguments of the next step.

    The demos at the same step of their trajectories decide. Past their last step, or without demos past the
    first, the answer is `finish`: so every loop ends.
    """
    schema = next(field.schema for field in prompt.signature.outputs if field.name == NAME)
    names = [str(member) for member in schema.get("enum", ())] or [FINISH]
    taken = _steps(prompt.current)
    demos = tuple(demo for demo in prompt.demos if _steps(demo.inputs) == taken)
    if (prompt.demos and not demos) or (not prompt.demos and taken) or names == [FINISH]:
        filler.note(f"Enough steps are taken, by the examples if there are any: {taken}.")
        return {NAME: FINISH if FINISH in names else names[-1], ARGUMENTS: {}}
    if not prompt.demos:
        names = [name for name in names if name != FINISH]
    tools = _tools(prompt.signature.instructions)
    about = "\n".join(f"{name}: {tools[name][0]}" for name in names if name in tools)
    chosen = filler.fill(Slot(NAME, about, {"enum": names}, {}, field_cases(NAME, demos)))
    return {NAME: chosen, ARGUMENTS: _arguments(chosen, tools, demos, filler)}


def _arguments(name: str, tools: Mapping[str, tuple[str, Any]], demos: tuple[Demo, ...], filler: Filler) -> Any:
    own = tuple(demo for demo in demos if demo.outputs.get(NAME) == name)
    properties = tools.get(name, ("", {}))[1]
    slot = Slot(ARGUMENTS, "", {"type": "object"}, {}, field_cases(ARGUMENTS, own))
    if not isinstance(properties, dict):
        return filler.fill(slot)
    if own:
        typed = {"type": "object", "properties": properties}
        return filler.fill(replace(slot, schema=typed) if properties else slot)
    schemas = {key: schema for key, schema in properties.items() if isinstance(schema, dict)}
    return {key: _argument(key, schema, filler) for key, schema in schemas.items() if "default" not in schema}


def _argument(name: str, schema: Schema, filler: Filler) -> Any:
    if schema.get("type") == "string" and "enum" not in schema:
        # With nothing to learn from, a text argument is the question itself, the usual thing to search for.
        return next((text for key, text in filler.inputs if key != PAST), "")
    return filler.fill(Slot(name, "", schema, schema, ()))


def _steps(inputs: Mapping[str, str]) -> int:
    return len(set(re.findall(r"\bobservation_(\d+)\b(?= ##|>)", inputs.get(PAST, ""))))


@lru_cache(maxsize=256)
def _tools(instructions: str) -> Mapping[str, tuple[str, Any]]:
    """Description and argument schemas of each tool that the instructions list."""
    return {name: (about, _literal(arguments)) for name, about, arguments in _TOOL.findall(instructions)}


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None

"""Writes values in the format of the adapter that asked."""

import json
import re
from collections.abc import Mapping
from typing import Any

from ._prompt import Style

# What XML 1.0 cannot hold.
_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(values: Mapping[str, Any], style: Style) -> str:
    """The completion text for these output values.

    In chat and XML format a None is left out: DSPy then fills it in, while it would read `None` as a string.
    """
    if style == "json":
        return json.dumps(dict(values), indent=2, ensure_ascii=False)
    given = {name: value for name, value in values.items() if value is not None}
    if style == "xml":
        return "\n\n".join(_xml_field(name, value) for name, value in given.items()) or "<none />"
    parts = [f"[[ ## {name} ## ]]\n{plain(value).replace('[[ ##', '[[##')}" for name, value in given.items()]
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])


def plain(value: Any) -> str:
    """A value as the text that DSPy's own demos show for it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)


def _xml_field(name: str, value: Any) -> str:
    if isinstance(value, (dict, list)):
        return _element(name, value)
    return f"<{name}>\n{_escaped(value)}\n</{name}>"


def _element(tag: str, value: Any, key: str | None = None) -> str:
    quoted = "" if key is None else _escaped(key).replace('"', "&quot;")
    opening = tag if key is None else f'{tag} key="{quoted}"'
    if isinstance(value, list):
        inner = "".join(_element("item", item) for item in value)
    elif isinstance(value, dict):
        inner = "".join(_entry(str(name), child) for name, child in value.items())
    else:
        inner = "" if value is None else _escaped(value)
    return f"<{opening}>{inner}</{tag}>" if inner else f"<{opening} />"


def _entry(name: str, child: Any) -> str:
    valid = re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.ASCII)
    return _element(name, child) if valid else _element("entry", child, name)


def _escaped(value: Any) -> str:
    return _UNWRITABLE.sub("", str(value)).replace("&", "&amp;").replace("<", "&lt;")

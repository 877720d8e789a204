"""Numbers as people read them."""

from __future__ import annotations


def thousands(value: float) -> str:
    """``12,345`` up to five digits, then ``123k``, ``2M`` and ``2.5M``."""
    if value >= 999_500:
        return f"{value / 1e6:,.1f}M".replace(".0M", "M")
    return f"{value / 1e3:,.0f}k" if value >= 99_999.5 else f"{value:,.0f}"


def plural(count: float, word: str) -> str:
    """The word as it goes with the number."""
    return word if count == 1 else f"{word}s"


def share(part: float, whole: float) -> str:
    """``71%``."""
    return f"{100 * part / whole:.0f}%" if whole else "0%"


def money(usd: float) -> str:
    """``$12.34``, with more digits where it is little."""
    if usd == 0 or usd >= 1:
        return f"${usd:,.2f}"
    return f"${usd:.4f}" if usd >= 0.0001 else f"${usd:.2g}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"

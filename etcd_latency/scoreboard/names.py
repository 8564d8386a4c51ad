"""Long names, short enough for a table or a line."""

from __future__ import annotations

import re
from collections.abc import Sequence

GAP = ".."
"""Stands for the middle of a name."""

LONGEST_IN_A_SENTENCE = 16
"""Letters. A fact names two or three members, and has two lines."""


def shortened(names: Sequence[str], room: int) -> Sequence[str]:
    """Names of at most so many letters that still tell members apart; as they are where that cannot be."""
    for way in (_whole, _without_port, _without_domain, _without_middle):
        tried = [way(name, room) for name in names]
        if len(set(tried)) == len(set(names)) and max(map(len, tried)) <= room:
            return tried
    return names


def with_short_names(text: str, names: Sequence[str]) -> str:
    """A text that names members without port or domain, where that makes long names short and tells them apart."""
    pairs = zip(names, shortened(names, LONGEST_IN_A_SENTENCE), strict=True) if names else ()
    short = {name: shorter for name, shorter in pairs if shorter != name and GAP not in shorter}
    if not short:
        return text
    any_of_them = "|".join(re.escape(name) for name in sorted(short, key=len, reverse=True))
    return re.sub(rf"(?<![\w.:-])(?:{any_of_them})(?![-\w]|[.:]\w)", lambda found: short[found[0]], text)


def _whole(name: str, _: int) -> str:
    return name


def _without_port(name: str, _: int) -> str:
    return name.rpartition(":")[0] or name


def _without_domain(name: str, _: int) -> str:
    """`ip-10-0-0-1` of `ip-10-0-0-1.eu-west-1.compute.internal`; an address has none."""
    host = name.partition(".")[0]
    return name if host.isdigit() else host


def _without_middle(name: str, room: int) -> str:
    """The ends: numbers stand there."""
    half = max(room - len(GAP), 2) // 2
    return name if len(name) <= room else f"{name[:half]}{GAP}{name[-half:]}"

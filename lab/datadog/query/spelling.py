"""How single words are written, so that they are read as what they are."""

from __future__ import annotations

import re

from lab.datadog.query.scope import KEYWORDS

BARE = re.compile(r"""[^\s,(){}!"'][^\s,(){}"']*""")
"""What needs no quotes within braces."""


def quoted(value: str, quote: str = '"') -> str:
    """Any text, with what would end it escaped."""
    return quote + re.sub(rf"[\\{quote}]", r"\\\g<0>", value) + quote


def bare(value: str) -> str:
    """A key to group by, or one value of a list: what looks like a variable is one."""
    return value if BARE.fullmatch(value) and value.upper() not in KEYWORDS else quoted(value)


def separated(values: tuple[str, ...]) -> str:
    """Several keys or values."""
    return ",".join(map(bare, values))

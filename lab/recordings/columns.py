"""Texts that differ in their numbers only, as one template and a column of numbers for each place.

Pages of one member, taken one after the other, are such texts, and so are the answers to one question. What
does not change is kept once, what grows as its growth, which compresses to a byte or two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise
from typing import Any

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
"""Not what is part of a name, of an id in hexadecimal, or written with an exponent."""

PLACE = "\0"
SCALE = 6
MILLION: int = 10**SCALE
"""Numbers are told apart to so many digits behind the point, and are whole when they are taken so many times."""

Run = dict[str, Any]
"""Texts in a row with the same template: `template`, `length`, and `columns`, one for each place."""


def packed(texts: Iterable[str]) -> list[Run]:
    """The texts as runs, in their order; what `unpacked` takes back."""
    split = [(NUMBER.sub(PLACE, text), NUMBER.findall(text)) for text in texts]
    return [_run(template, [numbers for _, numbers in group]) for template, group in groupby(split, lambda one: one[0])]


def unpacked(runs: Iterable[Run]) -> Iterator[str]:
    """The texts again."""
    for run in runs:
        parts = run["template"].split(PLACE)
        columns = [_values(column, run["length"]) for column in run["columns"]]
        for row in zip(*columns, strict=True) if columns else [()] * run["length"]:
            yield "".join(part for pair in zip(parts, (*row, ""), strict=True) for part in pair)


def _run(template: str, rows: Sequence[Sequence[str]]) -> Run:
    return {"template": template, "length": len(rows), "columns": [_column(row) for row in zip(*rows, strict=True)]}


def _column(texts: Sequence[str]) -> Any:
    """One text where it is always the same; the first number and the steps; or all texts, where numbers lose."""
    if len(set(texts)) == 1:
        return texts[0]
    numbers = [_number(text) for text in texts]
    if [_text(number) for number in numbers] != list(texts):
        return {"texts": list(texts)}
    return [numbers[0], *(after - before for before, after in pairwise(numbers))]


def _values(column: Any, length: int) -> Sequence[str]:
    if isinstance(column, str):
        return [column] * length
    if isinstance(column, dict):
        texts: list[str] = column["texts"]
        return texts
    return [_text(number) for number in accumulate(column)]


def _number(text: str) -> int:
    """Millionths."""
    whole, _, rest = text.partition(".")
    digits = int(rest[:SCALE].ljust(SCALE, "0")) if rest else 0
    return int(whole) * MILLION + (-digits if text.startswith("-") else digits)


def _text(number: int) -> str:
    whole, rest = divmod(abs(number), MILLION)
    fraction = f".{rest:0{SCALE}d}".rstrip("0") if rest else ""
    return f"{'-' if number < 0 else ''}{whole}{fraction}"

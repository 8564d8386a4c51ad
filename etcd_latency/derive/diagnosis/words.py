"""Figures in words: the same ones in the evidence of a diagnosis and in an operator's table."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10

from etcd_latency.derive.histograms import Quantile

LEAST_MILLISECONDS = 0.01
"""What takes less is not worth its digits."""

MOST_TIMES = 1000
"""A share beyond that comes of a page that is wrong; it may be endless."""

SIZES = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def seconds(value: float) -> str:
    """As people say it, with as many digits as they heed: `0.74 ms`, `101 ms`, `1.5 s`."""
    milliseconds = 1000 * value
    if 0 < milliseconds < LEAST_MILLISECONDS:
        return f"<{LEAST_MILLISECONDS} ms"
    if milliseconds >= 999.5:  # noqa: PLR2004  # what would be rounded to 1000 ms
        return f"{_two_digits(value)} s"
    return f"{_two_digits(milliseconds)} ms"


def _two_digits(value: float) -> str:
    """And all of those that stand before the point."""
    return f"{value:.0f}" if value >= 99.5 else f"{value:.2g}"  # noqa: PLR2004  # what would be rounded to 100


def percentile(found: Quantile) -> str:
    """With what its bucket leaves open."""
    if found.resolution == "floor":
        return f"<={seconds(first_bound(found.value))}"
    return f"{'above ' if found.resolution == 'ceiling' else ''}{seconds(found.value)}"


def first_bound(value: float) -> float:
    """The bound of the first bucket, in seconds, from a percentile within it (p10 or higher).

    Such a percentile is a tenth of the bound at least, and the first bounds of etcd's disk and apply buckets are
    powers of ten: 1 ms, 0.1 ms. Of another bound it is the next one, which is true as well.
    """
    return 10.0 ** ceil(round(log10(value), 6)) if value > 0 else 0.0


def share(value: float) -> str:
    """As a percentage; what is not all is not said to be 100 %, and what is something not 0 %."""
    if value > MOST_TIMES:
        return f"more than {MOST_TIMES} times"
    if 0 < value < 0.01:  # noqa: PLR2004  # one percent
        return "<1 %"
    percents = round(100 * value)
    return f"{percents if value >= 1 else min(percents, 99)} %"


def many(number: float, thing: str) -> str:
    """`1 sync`, `412 syncs`."""
    return f"{number:.0f} {thing}{'' if number == 1 else 's'}"


def size(value: float, digits: int = 3) -> str:
    """Bytes, as etcd's documents count them, with at least so many digits."""
    for unit, factor in SIZES:
        if value >= factor:
            number = value / factor
            return f"{number:.0f} {unit}" if number >= 99.5 else f"{number:.{digits}g} {unit}"  # noqa: PLR2004  # as above
    return f"{value:.0f} bytes"


def all_of(names: Sequence[str]) -> str:
    """`m1`, `m1 and m3`, `m1, m2 and m3`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))

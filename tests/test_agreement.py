"""How the answers of two programs are compared."""

from __future__ import annotations

import math

import pytest

from lab.oracle.agreement import NOTHING_COMPARED, Comparison, compared, counts, difference, minutes
from tests.stores import BEGAN, gauge, store_of

ONE, OTHER = frozenset({("k", "a")}), frozenset({("k", "b"), ("j", "c")})


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1.0, 1.0, 0.0),
        (100.0, 99.0, 0.01),
        (-1.0, 1.0, 2.0),
        (0.0, 1e-15, 1e-9),
        (0.0, 1e-3, 1.0),
        (math.inf, math.inf, 0.0),
        (math.nan, 1.0, math.inf),
    ],
)
def test_differences_are_parts_of_the_larger_value(one: float, other: float, expected: float) -> None:
    """What is left of equals that were subtracted is none; what is not a number agrees with nothing."""
    assert difference(one, other) == pytest.approx(expected)
    assert difference(other, one) == pytest.approx(expected)


def test_values_are_compared_by_group_and_time() -> None:
    """A value that only one side has is told apart from one that differs."""
    found = compared(
        {(ONE, 60): 1.0, (ONE, 120): 2.0, (OTHER, 60): 3.0}, {(ONE, 60): 1.0, (ONE, 120): 4.0, (ONE, 180): 5}
    )
    assert found == Comparison(
        values=2,
        worst=0.5,
        lone=("only VictoriaMetrics: {k:a} at 180: 5", "only ours: {j:c, k:b} at 60: 3"),
    )
    assert not found.agrees()


def test_comparisons_add_up() -> None:
    """The worst stays the worst."""
    total = sum([Comparison(2, 1e-9, ()), Comparison(3, 1e-8, ())], NOTHING_COMPARED)
    assert total == Comparison(5, 1e-8, ())
    assert total.agrees()
    assert not total.agrees(tolerance=1e-9)


def test_what_a_store_holds() -> None:
    """Its minutes are whole ones, and a metric is a count when its points are."""
    store = store_of(gauge([1.0, 2.0]), ("n", "count", "", [1.0]))
    assert minutes(store) == (BEGAN, BEGAN + 120)
    assert counts(store) == {"n"}

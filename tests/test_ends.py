"""What lists have in common at both ends, against a model that looks at every split there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_latency.scrape.ends import Middle, middle

LISTS = st.lists(st.sampled_from("abc"), max_size=7)


def naive(old: list[str], new: list[str]) -> Middle:
    """The longest common beginning, then the longest common end of what is left, item by item."""
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    return Middle(slice(first, len(old) - last), slice(first, len(new) - last))


@given(LISTS, LISTS)
def test_the_middle_is_what_both_ends_leave(old: list[str], new: list[str]) -> None:
    """Any two lists, equal, empty or with repeated items, are cut where the model cuts them."""
    assert middle(old, new) == naive(old, new)


@given(LISTS, LISTS)
def test_the_old_list_with_the_new_middle_is_the_new_list(old: list[str], new: list[str]) -> None:
    """What `put` gives is the other list, and the list it began with is as it was."""
    before = old.copy()
    part = middle(old, new)
    assert part.put(old, new[part.new]) == new
    assert old == before


@given(LISTS, LISTS)
def test_the_ends_differ_by_what_is_told(old: list[str], new: list[str]) -> None:
    """A comparison of one's own gets the old item first, and decides."""
    written = [f"{item} 1" for item in new]
    assert middle(old, written, lambda head, line: not line.startswith(head)) == naive(old, new)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", Middle(slice(0, 0), slice(0, 0))),
        ("", "ab", Middle(slice(0, 0), slice(0, 2))),
        ("ab", "", Middle(slice(0, 2), slice(0, 0))),
        ("ab", "ab", Middle(slice(2, 2), slice(2, 2))),
        ("aa", "aaa", Middle(slice(2, 2), slice(2, 3))),
        ("abc", "axc", Middle(slice(1, 2), slice(1, 2))),
        ("abcd", "ad", Middle(slice(1, 3), slice(1, 1))),
        ("abcd", "xyz", Middle(slice(0, 4), slice(0, 3))),
    ],
)
def test_known_middles(old: str, new: str, found: Middle) -> None:
    """Cases worked out by hand, so that model and code cannot be wrong together."""
    assert middle(list(old), list(new)) == found


def test_a_list_is_not_compared_with_itself() -> None:
    """The same object has no middle, whatever would be said of its items, and nobody is asked."""
    items = ["a", "b"]

    def never(_: object, __: object) -> bool:
        raise AssertionError

    assert middle(items, items, never) == Middle(slice(2, 2), slice(2, 2))


def test_put_replaces_the_middle_only() -> None:
    """Other items may be more, fewer or none."""
    part = Middle(slice(1, 3), slice(1, 4))
    assert part.put([1, 2, 3, 4], [7, 8, 9]) == [1, 7, 8, 9, 4]
    assert part.put([1, 2, 3, 4], []) == [1, 4]

"""Texts come back as they were, and what grows steadily costs next to nothing."""

from __future__ import annotations

import json
import lzma
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.recordings.columns import PLACE, packed, unpacked
from lab.recordings.excerpt import excerpt
from tests.conftest import recorded

TEXTS = st.lists(
    st.lists(
        st.one_of(
            st.text(st.characters(exclude_characters=PLACE, codec="utf-8"), max_size=8),
            st.integers().map(str),
            st.floats(allow_nan=True).map(str),
            st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
            st.sampled_from(["-0", "007", "1.50", "0.0000001", "٣", "1e5", "3.5.16", " ", "\n", '"']),
        ),
        max_size=6,
    ).map(" ".join),
    max_size=8,
)


@given(TEXTS)
def test_round_trip(texts: list[str]) -> None:
    """Whatever the texts are, they are the same after they were written as JSON and read."""
    assert list(unpacked(json.loads(json.dumps(packed(texts))))) == texts


@given(st.lists(st.lists(st.integers(-(10**18), 10**18), min_size=3, max_size=3), min_size=1, max_size=8))
def test_one_template(rows: list[list[int]]) -> None:
    """Texts that differ in numbers only are one run, whatever the numbers."""
    texts = ["a {} b{{c}} {}\n{}".format(*row) for row in rows]
    (run,) = packed(texts)
    assert run["length"] == len(rows)
    assert run["template"].count(PLACE) == 3
    assert list(unpacked([run])) == texts


@pytest.mark.parametrize(
    ("texts", "column"),
    [
        (["7", "7", "7"], "7"),
        (["5", "7", "8.5"], [5_000_000, 2_000_000, 1_500_000]),
        (["-1", "1"], [-1_000_000, 2_000_000]),
        (["1.50", "2"], {"texts": ["1.50", "2"]}),
        (["0.0000001", "2"], {"texts": ["0.0000001", "2"]}),
        (["007", "8"], {"texts": ["007", "8"]}),
    ],
)
def test_column(texts: list[str], column: object) -> None:
    """A constant is told once, a number as its growth in millionths, and what would be rounded as it is."""
    assert packed(texts) == [{"template": PLACE, "length": len(texts), "columns": [column]}]


@pytest.mark.parametrize("text", ["8211f1d0f64f3269", "v3", "3.5.16", "x0.5"])
def test_no_number(text: str) -> None:
    """Ids, names and versions are no numbers but for what stands alone in them."""
    assert packed([text]) == [{"template": text, "length": 1, "columns": []}]


def test_another_template() -> None:
    """A text of another kind begins a new run, and so does the first kind when it comes again."""
    assert [run["length"] for run in packed(["a 1", "a 2", "b 3", "a 4"])] == [2, 1, 1]


def test_cost() -> None:
    """A page that is taken fifty times, with all its counters growing, takes less than twice what it takes once."""
    page = excerpt(recorded("etcd-3.5.16/m1-leader-load").decode())
    pages = [
        re.sub(r" (\d+)$", lambda found, time=time: f" {int(found[1]) + 3 * time}", page, flags=re.MULTILINE)
        for time in range(50)
    ]
    once, all_of_them = (len(lzma.compress(json.dumps(packed(texts)).encode())) for texts in (pages[:1], pages))
    assert list(unpacked(packed(pages))) == pages
    assert all_of_them < 2 * once

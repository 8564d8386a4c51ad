"""What a member does not give: by its page, by its version, by what it answered."""

from __future__ import annotations

import pytest

from etcd_latency import catalog
from etcd_latency.derive.capability import SIGNALS, missing, numbers, told, version_on
from etcd_latency.probes import MEMBER_LANES
from tests.test_derive_pages import gauge, page, reading_of


@pytest.mark.parametrize(
    ("recording", "lacking"),
    [
        ("etcd-3.5.16/m1-leader-idle", {"grpc_latency", "range_latency", "request_latency"}),
        ("etcd-3.5.16/m2-leader-load-extensive", {"range_latency", "request_latency"}),
        (
            "etcd-3.4.23/m1-follower-idle",
            {"grpc_latency", "wal_write", "compaction_time", "apply_latency", "range_latency", "request_latency"},
        ),
    ],
)
def test_recorded_pages(recording: str, lacking: set[str]) -> None:
    """What each version has, with and without --metrics=extensive; of questions nothing is known."""
    found = missing(reading_of(recording), {})
    assert {signal for signal, is_missing in found.items() if is_missing} == lacking
    assert set(found) == {name for name, signal in SIGNALS.items() if signal.source != "probe"}


def test_nothing_is_missing_of_who_did_not_answer() -> None:
    """A member without a page lacks nothing that we know of."""
    assert missing(None, {}) == {}


def test_what_was_not_offered() -> None:
    """Questions that a version or a configuration does not know; others failed for reasons of their own."""
    assert missing(None, {"livez": False, "readyz": False, "status": True}) == {
        "gateway": False,
        "livez": True,
        "readyz": True,
    }


def test_the_version_is_told_by_somebody_else() -> None:
    """A page may lack it, as when the user leaves the family out."""
    bare = page(gauge(etcd_server_has_leader=1))
    assert version_on(bare) == ""
    assert "apply_latency" not in missing(bare, {})
    assert missing(bare, {}, "3.6.1")["apply_latency"] is False
    assert missing(bare, {}, "3.4.30")["apply_latency"] is True


@pytest.mark.parametrize(
    ("text", "version"),
    [("3.5.16", (3, 5, 16)), ("3.7.0-alpha.0", (3, 7, 0)), ("3.10", (3, 10)), ("", ()), ("unknown", ())],
)
def test_versions_as_numbers(text: str, version: tuple[int, ...]) -> None:
    """So that 3.10 comes after 3.9."""
    assert numbers(text) == version


def test_what_can_be_changed_is_told_in_a_sentence_each() -> None:
    """Whom it is about stands before it, unless it is about all."""
    signals = {"etcd-1": {"health": True, "grpc_latency": True}, "etcd-2": {"health": True, "grpc_latency": False}}
    assert told(signals) == (f"etcd-1: {SIGNALS['grpc_latency'].text}", SIGNALS["health"].text)
    assert told({"etcd-1": {"health": False}}) == told({}) == ()


def test_what_only_newer_versions_have_is_told_in_one_sentence() -> None:
    """With the versions that have it, for each group of members that lacks the same."""
    old = {"livez": True, "range_latency": True}
    reads, page = "the latency of reads inside the store (3.6)", "the page /livez (3.4.29, 3.5.11 and 3.6)"
    assert told({"etcd-1": old, "etcd-2": old}) == (f"only newer versions of etcd tell {reads}; {page}",)
    assert told({"etcd-1": old, "etcd-2": {"livez": False, "range_latency": True}}) == (
        f"only newer versions of etcd tell {reads}",
        f"etcd-1: only newer versions of etcd tell {page}",
    )


def test_the_table_names_what_there_is() -> None:
    """Families that are collected, and questions that are asked."""
    families = {family.exposed for family in catalog.load("etcd").families}
    probes = {probe.name for lane in MEMBER_LANES for probe in lane}
    for signal in SIGNALS.values():
        known = {"family": families, "probe": probes, "since": {"3.5", "3.6", "3.7"}}[signal.source]
        assert signal.key in known

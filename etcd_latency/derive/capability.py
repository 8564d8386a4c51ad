"""Which signals a member does not give, because of its version or its configuration, and what goes without them.

A panel that stays empty and a monitor that never fires look as if all were well; so what cannot be seen is said.
Whatever cannot be told is left out: a member that does not answer lacks nothing that we know of.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from etcd_latency.derive.pages import Reading


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that a member may give or not."""

    source: Literal["family", "since", "probe"]
    """How it is known: by a family on the page; by the version, where the family comes with its first observation;
    by who answered a question."""
    key: str
    """The family, the first version, or the name of the probe."""
    text: str
    """What is not there, what cannot be seen because of it, and what to do."""
    versions: str = ""
    """Which have it, where a newer one is all that can be done."""


SIGNALS: Mapping[str, Signal] = {
    "grpc_latency": Signal(
        "family",
        "grpc_server_handling_seconds",
        "no latency of gRPC calls by method: start etcd with --metrics=extensive to have it",
    ),
    "process": Signal(
        "family",
        "process_open_fds",
        "no file descriptors, memory and CPU of the process: etcd tells them on Linux, where it may read /proc",
    ),
    "revisions": Signal(
        "family",
        "etcd_debugging_mvcc_current_revision",
        "revisions, so nobody sees compaction stop",
        "3.4.1",
    ),
    "wal_write": Signal(
        "family",
        "etcd_disk_wal_write_duration_seconds",
        "the duration of writes to the WAL before its fsync",
        "3.5.15",
    ),
    "compaction_time": Signal(
        "family", "etcd_debugging_mvcc_db_compaction_last", "the time of the last compaction", "3.5"
    ),
    "apply_latency": Signal(
        "since", "3.5", "the latency of applying entries, so a slow apply shows only as its lag", "3.5"
    ),
    "range_latency": Signal("since", "3.6", "the latency of reads inside the store", "3.6"),
    "request_latency": Signal("since", "3.7", "the latency of requests by type", "3.7"),
    "gateway": Signal(
        "probe",
        "status",
        "no questions to the member (status, reads, alarms, member list), only its page: the gRPC gateway is turned "
        "off, or is at another URL",
    ),
    "health": Signal("probe", "health", "no page /health at this URL"),
    "livez": Signal("probe", "livez", "the page /livez", "3.4.29, 3.5.11 and 3.6"),
    "readyz": Signal("probe", "readyz", "the page /readyz", "3.4.29, 3.5.11 and 3.6"),
}
"""By the value of the tag `signal`."""


def missing(page: Reading | None, probes: Mapping[str, bool], version: str = "") -> dict[str, bool]:
    """For each signal whether it is missing; those of which that is not known are left out.

    `probes` says by the name of a probe whether the member offers it; who failed to answer has not said. `version`
    is what the member is known to run where its page does not say.
    """
    runs = numbers(version or (version_on(page) if page else ""))
    found = {name: _is_there(signal, page, probes, runs) for name, signal in SIGNALS.items()}
    return {name: not there for name, there in found.items() if there is not None}


def told(members: Mapping[str, Mapping[str, bool]]) -> tuple[str, ...]:
    """What members lack, for people: what can be changed in a sentence each, what only a newer etcd has in one."""
    lacking = {name: tuple(who for who, signals in members.items() if signals.get(name)) for name in SIGNALS}
    found = {name: _who(who, members) for name, who in lacking.items() if who}
    by_hand = [f"{who}{SIGNALS[name].text}" for name, who in found.items() if not SIGNALS[name].versions]
    newer: defaultdict[str, list[str]] = defaultdict(list)
    for name, who in found.items():
        if SIGNALS[name].versions:
            newer[who].append(f"{SIGNALS[name].text} ({SIGNALS[name].versions})")
    return (*by_hand, *(f"{who}only newer versions of etcd tell {'; '.join(what)}" for who, what in newer.items()))


def _who(lacking: Collection[str], members: Collection[str]) -> str:
    """Who it is about; nothing where it is about all."""
    return "" if len(lacking) == len(members) else f"{', '.join(lacking)}: "


def version_on(page: Reading) -> str:
    """The version of etcd, as a member's page has it; empty where it does not."""
    labels: Iterable[tuple[str, str]] = next(iter(page.numbers("etcd_server_version").series), ())
    return dict(labels).get("server_version", "")


@lru_cache(maxsize=64)
def numbers(version: str) -> tuple[int, ...]:
    """`3.5.16` as (3, 5, 16), to be compared; empty where there is none."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _is_there(signal: Signal, page: Reading | None, probes: Mapping[str, bool], runs: tuple[int, ...]) -> bool | None:
    if signal.source == "probe":
        return probes.get(signal.key)
    if signal.source == "since":
        return runs >= numbers(signal.key) if runs else None
    return None if page is None else page.has(signal.key)

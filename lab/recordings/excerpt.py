"""What is kept of a page: the families that somebody looks at, in few bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator

WANTED = re.compile(
    r"(etcd_(server_(has_leader|is_leader|is_learner|id|version|leader_changes|heartbeat_send|slow|proposals|quota"
    r"|apply_duration|read_indexes|health_|client_requests)|cluster_version|disk_(wal_fsync|backend_commit|defrag_inflight)"
    r"|network_(peer_(round_trip|sent_failures)|active_peers|known_peers|disconnected)"
    r"|mvcc_(db_|put|range|txn|delete)|debugging_mvcc_(watcher|slow_watcher|pending_events|current_rev|compact_rev|db_compaction_last)"
    r"|request)|grpc_server_(started|handled)_|process_(open|max)_fds|process_(resident|start|cpu)|apiserver_storage_(size|list))"
)
"""The families that are kept of a page: what monitors and the diagnosis look at. All stay out that are 0 for gRPC's
methods which nobody calls."""

UNCALLED = re.compile(r"grpc_server_(?:started|handled)_total\{.*\} 0\n?")
SAMPLE = re.compile(r"^([^#\s{]+(?:\{.*\})?) (\S+)$", re.MULTILINE)
OF_A_TYPE = re.compile(r',type="[^"]*"')
EXACT = 1e15
"""What floating point holds exactly, and more than any count on these pages."""


def excerpt(page: str) -> str:
    """The families that are wanted, with their numbers written in one way, to the millionth."""
    lines = (line for line in page.splitlines() if WANTED.match(line) and not UNCALLED.fullmatch(line))
    text = "".join(f"{line}\n" for line in _typed(page, _summed(lines)))
    return SAMPLE.sub(lambda found: f"{found[1]} {_plain(found[2])}", text)


def _summed(lines: Iterator[str]) -> Iterator[str]:
    """The same, but what an API server tells of each type of object is summed over them, as the check does, too."""
    sums: dict[str, float] = {}
    for line in lines:
        if line.startswith("etcd_request"):
            series, _, value = OF_A_TYPE.sub("", line).rpartition(" ")
            sums[series] = sums.get(series, 0.0) + float(value)
        else:
            yield line
    yield from (f"{series} {value}" for series, value in sums.items())


def _typed(page: str, lines: Iterator[str]) -> Iterator[str]:
    """The samples, each family behind its type."""
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))
    told = ""
    for line in lines:
        name = re.split(r"[{ ]", line, maxsplit=1)[0]
        family = name if name in types else re.sub(r"_(bucket|sum|count)$", "", name)
        if family != told:
            told = family
            yield f"# TYPE {family} {types[family]}"
        yield line


def _plain(text: str) -> str:
    number = float(text)
    if not abs(number) < EXACT:
        return text
    return f"{number:.6f}".rstrip("0").rstrip(".")

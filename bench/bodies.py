"""Pages to measure with: recorded ones, a synthetic one of any size, and each of them a moment later."""

from __future__ import annotations

import gzip
import itertools
import math
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lab import cluster, load

BIG_APISERVER = Path("tests/fixtures/kube-1.20.2/apiserver-big.prom.gz")
"""22 MB, recorded from an API server with 400 custom resources."""

RECORDING_PAUSE_SECONDS = 0.4

SETTLING_SECONDS = 32.0
"""etcd measures the round trips to its peers for the first time when it is 30 seconds old."""

BUCKETS = 40
PARTS = BUCKETS + 2
"""The lines of one histogram: its buckets, its sum and its count."""

OPERATIONS = ("create", "delete", "get", "list", "listWithCount", "update", "watch")
ETCD_RESOURCES = 80
FAILED_CALLS = 344
"""So many series of calls have seen an error; it makes the samples about etcd 24,504."""

VERBS = ("APPLY", "DELETE", "GET", "LIST", "PATCH", "POST", "PUT", "WATCH")

CHANGING_TENTHS = 3
"""Three series of ten have counted something since the page before."""

COUNTED = (b"_bucket", b"_sum", b"_count", b"_total")
"""The endings of what grows."""


def recorded_from_etcd(count: int) -> list[bytes]:
    """Successive pages of one member of a real cluster under load, with extensive metrics.

    All of them have the same lines, as the pages of a member that is not quite new.
    """
    with cluster.running(flags=["--metrics=extensive"]) as lab, load.running(lab), lab.session() as session:
        time.sleep(SETTLING_SECONDS)
        pages: list[bytes] = []
        while len(pages) < count:
            time.sleep(RECORDING_PAUSE_SECONDS)
            page = session.get(f"{lab.members[0].client_url}/metrics", timeout=10).content
            pages = [*(one for one in pages if series_in(one) == series_in(page)), page]
        return pages


def series_in(page: bytes) -> list[bytes]:
    """What stands before the values."""
    return [line.rpartition(b" ")[0] for line in page.split(b"\n") if not line.startswith(b"#")]


def recorded_from_apiserver(count: int) -> list[bytes]:
    """The big page of a real API server, and what it could have been a moment later."""
    return series_of_pages(gzip.decompress(BIG_APISERVER.read_bytes()), count)


def synthetic_apiserver(size: int, count: int) -> list[bytes]:
    """Pages of so many bytes, shaped like those of an API server with many resources."""
    calls = joined(calls_to_etcd())
    block = len(joined(requests_served(100))) / 100
    resources = math.ceil(1.002 * (size - len(calls)) / block)  # the numbers of others are not as long as theirs
    return series_of_pages(joined(requests_served(resources)) + calls, count)


def growing_histogram(steps: int, added: int) -> list[bytes]:
    """Pages of calls to etcd alone; from the third on, every second page has so many more series than before."""
    return _growing(joined(calls_to_etcd(new=number)) for number in _additions(steps, added))


def growing_counter(lines: int, steps: int, added: int) -> list[bytes]:
    """Pages of a member with one large family, which grows in the same way."""
    return _growing(joined(handled(lines, new=number)) for number in _additions(steps, added))


def growing_calls(lines: int, steps: int, added: int) -> list[bytes]:
    """The same of an API server."""
    return _growing(joined(calls_counted(lines, new=number)) for number in _additions(steps, added))


def _additions(steps: int, added: int) -> Iterator[int]:
    """How many series are new so far, on each page: 0, 0, then one number for two pages."""
    yield from (added * (page // 2) for page in range(2 * steps + 2))


def _growing(pages: Iterable[bytes]) -> list[bytes]:
    return [later(page, moment) for moment, page in enumerate(pages)]


def series_of_pages(page: bytes, count: int) -> list[bytes]:
    """A page, and the same page at later moments."""
    return [later(page, moment) for moment in range(count)]


def later(page: bytes, moment: int) -> bytes:
    """The page when time has gone on: some series have counted more, the parts of a histogram alike."""
    if not moment:
        return page
    return b"\n".join(_grown(line, moment) for line in page.split(b"\n"))


def _grown(line: bytes, moment: int) -> bytes:
    name, _, rest = line.partition(b"{")
    if line.startswith(b"#") or not name.endswith(COUNTED):
        return line
    labels, _, value = rest.rpartition(b"} ")
    if name.endswith(b"_bucket"):
        labels = labels[: labels.rfind(b'le="')].rstrip(b",")
    chance = zlib.crc32(labels)
    if chance % 10 >= CHANGING_TENTHS:
        return line
    return line[: -len(value)] + _number(float(value) + moment * (1 + chance % 7))


def _number(value: float) -> bytes:
    return b"%d" % value if value.is_integer() else repr(value).encode()


def joined(lines: Iterable[str]) -> bytes:
    """Lines as they stand on a page."""
    return "".join(f"{line}\n" for line in lines).encode()


def calls_to_etcd(new: int = 0) -> Iterator[str]:
    """All families of an API server about etcd: 24,504 samples; `new` of its list calls are of other resources."""
    resources = [f"widgets{number:03}.apps.example.com" for number in range(ETCD_RESOURCES)]
    calls = [f'operation="{operation}",type="{resource}"' for operation in OPERATIONS for resource in resources]
    # In the middle of the page, as a resource that was not used before.
    fresh = [f'operation="list",type="gadgets{number:04}.apps.example.com"' for number in range(new)]
    middle = calls.index(f'operation="list",type="{resources[0]}"')
    timed = [*calls[:middle], *fresh, *calls[middle:]]
    yield from header("apiserver_storage_objects", "gauge")
    yield from (
        f'apiserver_storage_objects{{resource="{resource}"}} {index}' for index, resource in enumerate(resources)
    )
    yield from header("apiserver_storage_size_bytes", "gauge")
    yield 'apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} 20480'
    yield from header("etcd_bookmark_total", "counter")
    yield from (f'etcd_bookmark_total{{resource="{resource}"}} {index}' for index, resource in enumerate(resources))
    yield from histogram("etcd_request_duration_seconds", timed)
    yield from header("etcd_request_errors_total", "counter")
    yield from (
        f"etcd_request_errors_total{{{labels}}} {index % 7}" for index, labels in enumerate(calls[:FAILED_CALLS])
    )
    yield from header("etcd_requests_total", "counter")
    yield from (f"etcd_requests_total{{{labels}}} {observations(labels)}" for labels in calls)


def requests_served(resources: int) -> Iterator[str]:
    """What an API server tells of its own requests, which is nearly all of its page."""
    names = [f"widgets{number:05}" for number in range(resources)]
    served = [
        f'component="apiserver",dry_run="",group="apps.example.com",resource="{name}",scope="namespace",'
        f'subresource="",verb="{verb}",version="v1"'
        for name, verb in itertools.product(names, VERBS)
    ]
    yield from histogram("apiserver_request_duration_seconds", served)
    yield from header("apiserver_request_total", "counter")
    yield from (f'apiserver_request_total{{code="200",{labels}}} {observations(labels)}' for labels in served)


def handled(lines: int, new: int = 0) -> Iterator[str]:
    """A member's page with one large family of counters."""
    yield from header("etcd_server_has_leader", "gauge")
    yield "etcd_server_has_leader 1"
    yield from header("grpc_server_handled_total", "counter")
    for name in names(lines, "Method", new, "Fresh"):
        labels = f'grpc_code="OK",grpc_method="{name}",grpc_service="etcdserverpb.KV",grpc_type="unary"'
        yield f"grpc_server_handled_total{{{labels}}} {observations(labels)}"


def calls_counted(lines: int, new: int = 0) -> Iterator[str]:
    """An API server's page with one large family of counters."""
    yield from histogram("etcd_request_duration_seconds", ['operation="get",type="pods"'])
    yield from header("etcd_requests_total", "counter")
    for name in names(lines, "widgets", new, "gadgets"):
        labels = f'operation="get",type="{name}.apps.example.com"'
        yield f"etcd_requests_total{{{labels}}} {observations(labels)}"


def names(count: int, known: str, new: int, fresh: str) -> Iterator[str]:
    """So many names of what was there before, and in their middle so many of what is new."""
    middle = count // 2
    yield from (f"{known}{number:05}" for number in range(middle))
    yield from (f"{fresh}{number:05}" for number in range(new))
    yield from (f"{known}{number:05}" for number in range(middle, count))


def header(family: str, kind: str) -> Iterator[str]:
    """The lines in front of a family."""
    yield f"# HELP {family} [ALPHA] What a server counts of itself, told in a sentence of usual length."
    yield f"# TYPE {family} {kind}"


def histogram(family: str, series: Sequence[str]) -> Iterator[str]:
    """A family with 40 buckets for each series, the last of them without a bound."""
    yield from header(family, "histogram")
    bounds = [f"{0.005 * 1.27**number:.3g}" for number in range(BUCKETS - 1)]
    for labels in series:
        count = observations(labels)
        for number, bound in enumerate(bounds, 1):
            yield f'{family}_bucket{{{labels},le="{bound}"}} {count * number // BUCKETS}'
        yield f'{family}_bucket{{{labels},le="+Inf"}} {count}'
        yield f"{family}_sum{{{labels}}} {count * 0.0123456789}"
        yield f"{family}_count{{{labels}}} {count}"


def observations(labels: str) -> int:
    """Some number for a series, the same on every page: few of most, many of some."""
    chance = zlib.crc32(labels.encode())
    return 1 + chance % (100, 10_000, 1_000_000)[chance % 3]

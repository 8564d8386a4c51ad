"""What is measured together: each heat gives the figures of its contestants."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from bench import measure, peers, prometheus
from bench.measure import Contestant, Figures
from bench.server import Credentials
from bench.stage import MANY, NEW_SERIES, NEW_SERIES_ROUNDS, Stage

Results = dict[str, Figures]
Heat = Callable[[Stage, int], Results]

OURS = "default"
OURS_BUCKETS = "buckets"
OURS_DERIVED = "default, with derived metrics"
OURS_TAG = "resource_tag, buckets"
OURS_IDENTITY = "default, identity"
OURS_TAG_IDENTITY = "resource_tag, buckets, identity"
FULL_CPU = "default, with probes"
FULL_CLOCK = "default, with probes, on the clock"
OFFICIAL = "official etcd check (V1)"
V2 = "OpenMetrics V2"
V2_NO_BUCKETS = "OpenMetrics V2, no buckets"
V2_IN_TURN = "OpenMetrics V2, one after the other"
V2_TUNED = "OpenMetrics V2, raw_line_filters"
PARSER = "prometheus_client's parser alone"
GET_IDENTITY = "bare GET, identity"
GET_GZIP = "bare GET, gzip"
PROMETHEUS = "Prometheus"
SEES_NEW = "a run that sees new series"
SEES_NONE = "a run that sees none"

SCRAPES = 40
SCRAPE_PAUSE_SECONDS = 0.05
SIZES = (1, 10, 50, MANY)


def members(count: int) -> str:
    """What the check on so many members is called."""
    return f"default, {count} member{'s' if count > 1 else ''}"


def etcd_page(stage: Stage, rounds: int) -> Results:
    """CPU on a page of one member."""
    url, client = stage.urls("etcd")[0], stage.client
    found = measure.race(
        {
            OURS_BUCKETS: Contestant(partial(peers.ours, client, [url], collect_histogram_buckets=True), 900),
            OURS: Contestant(partial(peers.ours, client, [url]), 400),
            OURS_DERIVED: Contestant(partial(peers.ours, client, [url], derived_metrics=True), 400),
            OFFICIAL: Contestant(partial(peers.official, client, url), 900),
            V2: Contestant(partial(peers.modern, client, url), 900),
            V2_TUNED: Contestant(partial(peers.tuned, client, url), 900),
            PARSER: Contestant(partial(peers.parser, stage.etcd_pages)),
            GET_IDENTITY: Contestant(partial(peers.request, client, url, "identity")),
            GET_GZIP: Contestant(partial(peers.request, client, url, "gzip")),
        },
        rounds,
    )
    if prometheus.program():
        found[PROMETHEUS] = prometheus.cpu_per_scrape(stage, url)
    return found


def big_page(stage: Stage, rounds: int) -> Results:
    """CPU on an API server's page of 40 MB, in both modes and both encodings."""
    urls, client = stage.urls("apiserver 40 MB"), stage.client
    page = partial(peers.ours_on_apiserver, client, urls)
    detailed = partial(page, resource_tag=True, collect_histogram_buckets=True)
    return measure.race(
        {
            OURS_TAG: Contestant(detailed, 23_900),
            OURS: Contestant(page, 10),
            OURS_BUCKETS: Contestant(partial(page, collect_histogram_buckets=True), 200),
            OURS_TAG_IDENTITY: Contestant(partial(detailed, encoding="identity"), 23_900),
            OURS_IDENTITY: Contestant(partial(page, encoding="identity"), 10),
            V2: Contestant(partial(peers.modern, client, urls[1], "apiserver"), 23_900),
            V2_NO_BUCKETS: Contestant(
                partial(peers.modern, client, urls[1], "apiserver", collect_histogram_buckets=False), 1_500
            ),
            V2_TUNED: Contestant(partial(peers.tuned, client, urls[1], "apiserver"), 23_900),
            GET_GZIP: Contestant(partial(peers.request, client, urls[1], "gzip")),
            GET_IDENTITY: Contestant(partial(peers.request, client, urls[1], "identity")),
        },
        rounds,
    )


def recorded_page(stage: Stage, rounds: int) -> Results:
    """CPU on a page of 22 MB as a real API server gave it."""
    urls, client = stage.urls("apiserver 20 MB"), stage.client
    page = partial(peers.ours_on_apiserver, client, urls)
    v2 = partial(peers.modern, client, urls[1], "apiserver")
    return measure.race(
        {
            OURS_TAG: Contestant(partial(page, resource_tag=True, collect_histogram_buckets=True), 22_400),
            OURS: Contestant(page, 10),
            V2: Contestant(v2, 22_400),
            V2_NO_BUCKETS: Contestant(partial(v2, collect_histogram_buckets=False), 1_400),
            GET_GZIP: Contestant(partial(peers.request, client, urls[1], "gzip")),
        },
        rounds,
    )


def peak_memory(stage: Stage, rounds: int) -> Results:
    """MB over the start, on the page of 40 MB."""
    urls, client = stage.urls("apiserver 40 MB"), stage.client
    page = partial(peers.ours_on_apiserver, client, urls)
    makers = {
        OURS_TAG: partial(page, resource_tag=True, collect_histogram_buckets=True),
        OURS: page,
        V2: partial(peers.modern, client, urls[1], "apiserver"),
    }
    return {
        name: Figures(tuple(measure.alone(measure.peak_growth, make) for _ in range(rounds)))
        for name, make in makers.items()
    }


def memory_per_endpoint(stage: Stage, rounds: int) -> Results:
    """MB for each of 200 members."""
    urls, client = stage.urls("etcd"), stage.client
    makers: dict[str, Callable[[list[str]], Callable[[], peers.Run]]] = {
        OURS_BUCKETS: lambda some: partial(peers.ours, client, some, collect_histogram_buckets=True),
        OURS: lambda some: partial(peers.ours, client, some),
        V2: lambda some: partial(peers.one_after_the_other, client, some),
    }
    return {
        name: Figures(tuple(_per_endpoint(make(urls), make(urls[:1])) for _ in range(rounds)))
        for name, make in makers.items()
    }


def _per_endpoint(many: Callable[[], peers.Run], one: Callable[[], peers.Run]) -> float:
    return (measure.alone(measure.resident, many) - measure.alone(measure.resident, one)) / (MANY - 1)


def etcd_itself(stage: Stage, rounds: int) -> Results:
    """A real member's own CPU for a scrape, in ms, without what it takes when nobody asks."""
    member, pid = stage.cluster.members[0], stage.cluster.members[0].process.pid
    client = Credentials.of(stage.cluster.pki, stage.cluster.client)
    with peers.submitting_to(peers.Discarding()):
        runs = {
            OURS: peers.ours(client, [member.client_url]),
            OFFICIAL: peers.official(client, member.client_url),
            GET_IDENTITY: peers.request(client, member.client_url, "identity"),
        }
        values: dict[str, list[float]] = {name: [] for name in runs}
        for run in runs.values():
            run()
        for _ in range(rounds):
            idle = _cpu_of_scrapes(pid, lambda: None)
            for name, run in runs.items():
                values[name].append(_cpu_of_scrapes(pid, run) - idle)
    return {name: Figures(tuple(found)).scaled(1000 / SCRAPES) for name, found in values.items()}


def _cpu_of_scrapes(pid: int, run: peers.Run) -> float:
    return measure.cpu_while(pid, partial(measure.paced, run, SCRAPES, SCRAPE_PAUSE_SECONDS))


def growth(stage: Stage, rounds: int) -> Results:
    """CPU for each member, in clusters of several sizes."""
    urls, client = stage.urls("etcd"), stage.client
    contestants = {
        members(size): Contestant(partial(peers.ours, client, urls[:size]), 400 * size, runs=MANY // size)
        for size in SIZES
    }
    found = measure.race(contestants, rounds)
    return {members(size): found[members(size)].scaled(1 / size) for size in SIZES}


def wall(stage: Stage, rounds: int) -> Results:
    """Time on the clock for 7 members that take 20 ms each, in ms."""
    urls, client = stage.urls("slow etcd"), stage.client
    return measure.race(
        {
            OURS: Contestant(partial(peers.ours, client, urls), 2_800),
            V2_IN_TURN: Contestant(partial(peers.one_after_the_other, client, urls), 2_800),
        },
        rounds,
        clock=time.perf_counter,
    )


def new_histograms(stage: Stage, _: int) -> Results:
    """CPU of runs that see 24 new histograms in a family of 23,520 lines, and of runs that see none."""
    urls = stage.urls("growing histogram")
    make = partial(peers.ours_on_apiserver, stage.client, urls, resource_tag=True, collect_histogram_buckets=True)
    return _new_and_none(make, NEW_SERIES * 40)


def new_calls(stage: Stage, _: int) -> Results:
    """The same for 24 new lines in a family of 23,000 lines, each of which is submitted."""
    make = partial(peers.ours_on_apiserver, stage.client, stage.urls("growing calls"), resource_tag=True)
    return _new_and_none(make, NEW_SERIES)


def new_counters(stage: Stage, _: int) -> Results:
    """The same for 24 new lines in a family of 23,000 of a member."""
    return _new_and_none(partial(peers.ours, stage.client, stage.urls("growing counter")), NEW_SERIES)


def _new_and_none(make: Callable[[], peers.Run], least: int) -> Results:
    """Run along pages of which every second one has new series, in the order of `bodies`."""
    runs = 2 * NEW_SERIES_ROUNDS + 2
    counts = measure.submissions(make, runs)
    grown = [new - before for before, new in zip(counts[1:-1:2], counts[2::2], strict=True)]
    if min(grown) < least:
        raise peers.BenchError(f"new series were not submitted: {counts} metrics in successive runs")
    with peers.submitting_to(peers.Discarding()):
        run = make()
        spent = [1000 * measure.timed(run, time.process_time) for _ in range(runs)]
    # Each run with new series is compared with the one before it, which has as many but for those.
    return {SEES_NEW: Figures(tuple(spent[2::2]), counts[2]), SEES_NONE: Figures(tuple(spent[1:-1:2]), counts[1])}


def full_runs(stage: Stage, rounds: int) -> Results:
    """Everything that the check does by default with a real cluster of three: ms of CPU, and on the clock."""
    cluster = stage.cluster
    client = Credentials.of(cluster.pki, cluster.client)
    urls = [member.client_url for member in cluster.members]
    everything = Contestant(partial(peers.ours, client, urls, probes=True, derived_metrics=True), 1_200)
    return measure.race({FULL_CPU: everything}, rounds) | measure.race(
        {FULL_CLOCK: everything}, rounds, time.perf_counter
    )

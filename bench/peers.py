"""Who is measured. Each is made from addresses, and then run again and again.

All of them submit to the same aggregator, which takes everything and keeps nothing.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from datadog_checks.base import AgentCheck
from datadog_checks.base.checks import base
from datadog_checks.base.checks.openmetrics import OpenMetricsBaseCheck, parser_optimizations
from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2
from datadog_checks.base.stubs.aggregator import AggregatorStub
from datadog_checks.base.utils.http import RequestsWrapper
from prometheus_client.parser import text_string_to_metric_families

from bench.server import PAGE, TINY, Credentials
from etcd_latency import EtcdLatencyCheck, catalog

Run = Callable[[], None]
"""Does the work once."""

PIECE_BYTES = 256 * 1024
TIMEOUT_SECONDS = 60

LATE_SECONDS = 5.0
"""After so long the check ends a run without the page of an API server, and submits it in the next one."""


class BenchError(Exception):
    """Something did not do what it is measured for; the message says who and why."""


def options_of(client: Credentials) -> dict[str, Any]:
    """What lets a client in, as base's options."""
    return {
        "tls_ca_cert": client.ca,
        "tls_cert": client.cert,
        "tls_private_key": client.key,
        "skip_proxy": True,
        "timeout": TIMEOUT_SECONDS,
    }


class Discarding(AggregatorStub):
    """Stands in for the Agent's aggregator: takes everything, keeps nothing."""

    def submit_metric(self, *_: Any) -> None:
        """Do nothing."""

    submit_histogram_bucket = submit_service_check = submit_event = submit_metric


class Counting(Discarding):
    """Counts what is submitted."""

    def __init__(self) -> None:
        super().__init__()
        self.submitted = 0

    def submit_metric(self, *_: Any) -> None:
        """Count one."""
        self.submitted += 1

    submit_histogram_bucket = submit_metric


@contextmanager
def submitting_to(aggregator: AggregatorStub) -> Iterator[None]:
    """Let all checks submit to this until the block ends."""
    with patch.object(base, "aggregator", aggregator):
        yield


def ours(client: Credentials, members: Iterable[str | dict[str, str]], **options: Any) -> Run:
    """The check itself, pages only unless an option says otherwise: so it does what its peers do."""
    pages_only = {"probes": False, "derived_metrics": False}
    instance = {"cluster": "bench", "members": list(members), **pages_only, **options_of(client), **options}
    return _run_of(EtcdLatencyCheck(catalog.NAMESPACE, {}, [instance]))


def ours_on_apiserver(client: Credentials, urls: Sequence[str], *, encoding: str | None = None, **options: Any) -> Run:
    """The check on an API server's page, with a member whose page has one line.

    `encoding` is what it accepts; without it, what it does by itself.
    """
    member, endpoint = urls
    block = {name: options.pop(name) for name in ("resource_tag",) if name in options}
    if encoding:
        block["extra_headers"] = {"Accept-Encoding": encoding}
    block |= {"endpoints": [endpoint], "metrics_timeout": TIMEOUT_SECONDS}
    run = ours(client, [{"url": member, "metrics_url": f"{member}{TINY}"}], apiserver=block, **options)
    return partial(_promptly, run)


def _promptly(run: Run) -> None:
    """Run, and make sure that the big page counted in this run: the check waits for it, but not for ever."""
    started = time.monotonic()
    run()
    if time.monotonic() > started + LATE_SECONDS:
        raise BenchError("the API server's page came too late for its run: the machine is too busy to measure")


class Official(OpenMetricsBaseCheck):
    """What Datadog's etcd check is: OpenMetrics V1 without a limit, with buckets."""

    DEFAULT_METRIC_LIMIT = 0


class Modern(OpenMetricsBaseCheckV2):
    """OpenMetrics V2 without a limit."""

    __NAMESPACE__ = "peer"
    DEFAULT_METRIC_LIMIT = 0


def official(client: Credentials, url: str, source: str = "etcd") -> Run:
    """V1 with our map. The real one also asks which member leads, which is left out here."""
    instance = {
        "prometheus_url": f"{url}{PAGE}",
        "namespace": "peer",
        "metrics": [{family.exposed: family.name for family in catalog.load(source).families}],
        "send_histograms_buckets": True,
        **options_of(client),
    }
    return _run_of(Official("peer", {}, [instance]))


def modern(client: Credentials, url: str, source: str = "etcd", **options: Any) -> Run:
    """V2 with our map."""
    instance = {
        "openmetrics_endpoint": f"{url}{PAGE}",
        "metrics": catalog.metrics_option(catalog.load(source).families),
        "collect_histogram_buckets": True,
        **options_of(client),
        **options,
    }
    return _run_of(Modern("peer", {}, [instance]))


def tuned(client: Credentials, url: str, source: str = "etcd") -> Run:
    """V2 that drops the lines of families that are not in the map before it parses them."""
    names = "|".join(family.exposed for family in catalog.load(source).families)
    return modern(client, url, source, raw_line_filters=[rf"^(?!(?:# (?:HELP|TYPE) )?(?:{names}))"])


def one_after_the_other(client: Credentials, urls: Iterable[str]) -> Run:
    """V2 with an instance for each member, as the Agent runs them when it has one worker for them."""
    runs = [modern(client, url) for url in urls]

    def run() -> None:
        for one in runs:
            one()

    return run


def request(client: Credentials, url: str, encoding: str) -> Run:
    """A bare GET with base's wrapper, read to its end and thrown away."""
    options = {**options_of(client), "persist_connections": True, "extra_headers": {"Accept-Encoding": encoding}}
    http = RequestsWrapper(options, {})

    def run() -> None:
        with http.get(f"{url}{PAGE}", stream=True) as response:
            response.raise_for_status()
            for _ in response.iter_content(PIECE_BYTES):
                pass

    return run


def parser(pages: Sequence[bytes]) -> Run:
    """The parser of prometheus_client alone, as base patches it, on pages that are here already."""
    parser_optimizations.init_from_agent_config()
    texts = itertools.cycle([page.decode() for page in pages])

    def run() -> None:
        for _ in text_string_to_metric_families(next(texts)):
            pass

    return run


def _run_of(check: AgentCheck) -> Run:
    def run() -> None:
        report = check.run()
        if report:
            raise BenchError(f"{type(check).__name__}: {json.loads(report)[0]['message']}")

    return run

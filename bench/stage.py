"""What is set up for measurements, when it is needed first, and taken down at the end."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import bodies
from bench.server import Credentials, Site, serving
from lab import cluster
from lab.cluster import Cluster
from lab.pki import Pki

MANY = 200
"""The members of the largest cluster that is measured."""

BIG_PAGE_BYTES = 40_000_000
NEW_SERIES = 24
NEW_SERIES_ROUNDS = 8
LARGE_FAMILY = 23_000
SLOW_SECONDS = 0.02


class Stage:
    """Certificates, servers and clusters; a context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._urls: dict[str, list[str]] = {}
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def say(self, text: str) -> None:
        """Tell whoever waits how far it is."""
        sys.stderr.write(f"bench {time.monotonic() - self._begun:4.0f} s  {text}\n")
        sys.stderr.flush()

    def urls(self, site: str) -> list[str]:
        """Where one of the `SITES` is served."""
        if site not in self._urls:
            self.say(f"making the pages of {site}")
            made = SITES[site](self)
            self._urls[site] = self._stack.enter_context(serving(made, self._server))
        return self._urls[site]

    @cached_property
    def etcd_pages(self) -> list[bytes]:
        """Successive pages of a real member."""
        self.say("recording pages of a real etcd under load")
        return bodies.recorded_from_etcd(12)

    @cached_property
    def client(self) -> Credentials:
        """What every server of ours lets in."""
        return Credentials.of(self._pki, self._pki.issue("client"))

    @cached_property
    def cluster(self) -> Cluster:
        """Three real members with nothing to do."""
        self.say("starting a real etcd cluster")
        return self._stack.enter_context(cluster.running(flags=["--metrics=extensive"]))

    @cached_property
    def folder(self) -> Path:
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="etcd-latency-bench-")))

    @cached_property
    def _pki(self) -> Pki:
        return Pki(self.folder / "pki")

    @cached_property
    def _server(self) -> Credentials:
        return Credentials.of(self._pki, self._pki.issue("server"))


SITES: dict[str, Callable[[Stage], Site]] = {
    "etcd": lambda stage: Site(partial(list, stage.etcd_pages), ports=MANY),
    "slow etcd": lambda stage: Site(partial(list, stage.etcd_pages), ports=7, delay=SLOW_SECONDS),
    "apiserver 40 MB": lambda _: Site(partial(bodies.synthetic_apiserver, BIG_PAGE_BYTES, 4), ports=2),
    "apiserver 20 MB": lambda _: Site(partial(bodies.recorded_from_apiserver, 4), ports=2),
    "growing histogram": lambda _: Site(partial(bodies.growing_histogram, NEW_SERIES_ROUNDS, NEW_SERIES), ports=2),
    "growing calls": lambda _: Site(
        partial(bodies.growing_calls, LARGE_FAMILY, NEW_SERIES_ROUNDS, NEW_SERIES), ports=2
    ),
    "growing counter": lambda _: Site(
        partial(bodies.growing_counter, LARGE_FAMILY, NEW_SERIES_ROUNDS, NEW_SERIES), ports=1
    ),
}

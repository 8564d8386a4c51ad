"""VictoriaMetrics, a time series database by others: the independent oracle of what a query gives.

It takes what a store holds in the way in which it takes it from Datadog's Agents, and answers in its own language.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from lab.datadog.query.tree import Every
from lab.datadog.store import Series, Store
from lab.process import LabError, Process, free_ports
from lab.recipes import VICTORIA

START_SECONDS = 60.0
ANSWER_SECONDS = 300.0
AT_ONCE = 500
"""Series in one request; with a day's points each, it stays below the 64 MiB that are taken."""
LATER_MS = 1
"""By how much a point is fed later than it is.

Datadog's bucket of a minute begins with it, [0 s, 60 s); a look back over a minute ends with it, (0 s, 60 s].
Times are whole milliseconds: one more, and the same points are in both.
"""
FLAGS = (
    "-search.latencyOffset=0s",
    "-search.disableCache",
    f"-search.maxQueryDuration={ANSWER_SECONDS:.0f}s",
    # A recording keeps its own time, which may be long past.
    "-retentionPeriod=100y",
    # Lines of its own would be among the answers.
    "-selfScrapeInterval=0s",
)

Group = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of what was asked: its labels, and its values by the second, from 1970."""

    labels: Group
    points: Mapping[int, float]


class Victoria:
    """A running VictoriaMetrics."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def feed(self, store: Store) -> None:
        """Give it every series of a store, and return when it can be asked for them."""
        series = [one for metric in store.metrics() for one in store.series(metric, Every())]
        for first in range(0, len(series), AT_ONCE):
            body = {"series": [_posted(one) for one in series[first : first + AT_ONCE]]}
            self._checked(self._session.post(f"{self.url}/datadog/api/v1/series", json=body, timeout=ANSWER_SECONDS))
        self._checked(self._session.get(f"{self.url}/internal/force_flush", timeout=ANSWER_SECONDS))

    def ask(self, promql: str, start: int, end: int, step: int = 60) -> list[Answer]:
        """Evaluate a query at `start`, and every `step` seconds until `end`, both included."""
        form = {"query": promql, "start": start, "end": end, "step": f"{step}s", "nocache": "1"}
        url = f"{self.url}/api/v1/query_range"
        answer = self._checked(self._session.post(url, data=form, timeout=ANSWER_SECONDS))
        return [_answer(line) for line in answer.json()["data"]["result"]]

    def close(self) -> None:
        """Let go of its connections."""
        self._session.close()

    def healthy(self) -> bool:
        """Whether it answers yet."""
        try:
            return self._session.get(f"{self.url}/health", timeout=1).ok
        except requests.RequestException:
            return False

    def _checked(self, answer: requests.Response) -> requests.Response:
        if not answer.ok:
            asked = answer.request.path_url
            raise LabError(f"VictoriaMetrics answers {answer.status_code} to {asked}: {answer.text.strip()[:2000]}")
        return answer


@contextmanager
def running() -> Iterator[Victoria]:
    """An empty VictoriaMetrics on a free port of 127.0.0.1, gone with its data at the end of the block."""
    binary = VICTORIA.program("victoria-metrics")
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="victoria-") as folder:
        address = f"127.0.0.1:{port}"
        flags = (*FLAGS, f"-httpListenAddr={address}", f"-storageDataPath={folder}/data")
        process = Process([binary, *flags], Path(folder, "log"))
        victoria = Victoria(f"http://{address}")
        try:
            _wait_until_healthy(victoria, process)
            yield victoria
        finally:
            victoria.close()
            process.kill()


def _wait_until_healthy(victoria: Victoria, process: Process) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not victoria.healthy():
        if not process.running or time.monotonic() > deadline:
            raise LabError(f"VictoriaMetrics did not start; its log:\n{process.log_extract()}")
        time.sleep(0.05)


def _posted(series: Series) -> dict[str, Any]:
    keys = [tag.partition(":")[0] for tag in series.tags]
    if len(keys) != len(set(keys)):
        raise LabError(
            f"a series of {series.name} has several values of one tag, where VictoriaMetrics knows one: "
            f"{', '.join(sorted(series.tags))}"
        )
    return {
        "metric": series.name,
        "tags": sorted(series.tags),
        "points": [_fed(at, value) for at, value in zip(series.times, series.values, strict=True)],
    }


def _fed(at: float, value: float) -> Sequence[float]:
    return (math.floor(at * 1000) + LATER_MS) / 1000, value


def _answer(line: Mapping[str, Any]) -> Answer:
    labels = frozenset((name, value) for name, value in line["metric"].items() if name != "__name__")
    return Answer(labels, {int(at): float(value) for at, value in line["values"]})

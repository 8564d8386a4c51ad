"""Who is asked what in this run: the lanes of every target, and of their questions those that are due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from etcd_latency.answers import Answers
from etcd_latency.client import Client, Sink
from etcd_latency.config import Config, Site, credentials_for, options_for
from etcd_latency.errors import NotOffered, NotPermitted
from etcd_latency.fetch import Lane
from etcd_latency.gateway import Gateway, Login
from etcd_latency.model import Failure, Target
from etcd_latency.probes import (
    ALARM_LIST,
    APISERVER_LANES,
    CONTROLLER_MANAGER_LANES,
    LINEARIZABLE_READ,
    MEMBER_LANES,
    PAGE,
    SERIALIZABLE_READ,
    Probe,
    Server,
)

LANES = {"member": MEMBER_LANES, "apiserver": APISERVER_LANES, "controller_manager": CONTROLLER_MANAGER_LANES}

TIMED = frozenset((ALARM_LIST, LINEARIZABLE_READ, SERIALIZABLE_READ))
"""The questions whose answers are worth less than the time that they take."""

LASTING = (NotOffered, NotPermitted)
"""Failures that will be the same in the next run."""

Wanted = dict[Lane, list[Probe[Any]]]


class Schedule:
    """Keeps the lanes of all targets, with their connections, from run to run."""

    def __init__(
        self,
        config: Config,
        sinks: Mapping[tuple[str, str], Callable[[], Sink]],
        log: logging.LoggerAdapter[Any],
    ) -> None:
        """`sinks` says for which targets a page is cut while it arrives, and by what."""
        self._config = config
        self._sinks = sinks
        self._log = log
        self._lanes: dict[tuple[str, str], tuple[Lane, ...]] = {}
        self._due: dict[tuple[tuple[str, str], Probe[Any]], float] = {}

    def wanted(self, targets: Iterable[Target], now: float) -> Wanted:
        """The questions of this run, at this moment of `time.monotonic()`; who is no target is forgotten."""
        keys = {target.key: target for target in targets}
        self._lanes = {key: self._lanes.get(key) or self._made(target) for key, target in keys.items()}
        self._due = {key: when for key, when in self._due.items() if key[0] in keys}
        asked = {
            lane: [probe for probe in lane.probes if self._is_due(lane.server.target, probe, now)]
            for lanes in self._lanes.values()
            for lane in lanes
        }
        return {lane: probes for lane, probes in asked.items() if probes}

    def hasten(self, probe: Probe[Any]) -> None:
        """Let everybody be asked this in the next run."""
        self._due = {key: when for key, when in self._due.items() if key[1] is not probe}

    def settle(self, wanted: Mapping[Lane, Iterable[Probe[Any]]], answers: Answers, now: float) -> None:
        """Put off what was answered by its interval. What failed is asked again in the next run, unless it costs."""
        for lane, probes in wanted.items():
            target = lane.server.target
            before: object = None
            for probe in probes:
                answer = answers.of(target, probe)
                if answer is not None and answer is not before and self._is_settled(probe, answer):
                    self._due[target.key, probe] = now + self._config.intervals.get(probe.name, 0.0)
                before = answer

    def _is_settled(self, probe: Probe[Any], answer: object) -> bool:
        """A failure settles only what will not change soon, or what is a burden to a cluster that is in trouble."""
        return probe is ALARM_LIST or not isinstance(answer, Failure) or isinstance(answer.error, LASTING)

    def _is_due(self, target: Target, probe: Probe[Any], now: float) -> bool:
        interval = self._config.intervals.get(probe.name)
        return interval is None or (interval > 0 and self._due.get((target.key, probe), now) <= now)

    def _made(self, target: Target) -> tuple[Lane, ...]:
        """The lanes of a target that is new; clients of one member share its token."""
        site = self._config.site(target)
        login = Login(credentials_for(target.url, site))
        wanted = (tuple(probe for probe in probes if self._is_wanted(target, probe)) for probes in LANES[target.kind])
        return tuple(
            Lane(
                self._server(target, site, login, probes),
                probes,
                keeps=PAGE in probes and target.kind != "member",
                timed=not TIMED.isdisjoint(probes),
            )
            for probes in wanted
            if probes
        )

    def _is_wanted(self, target: Target, probe: Probe[Any]) -> bool:
        """Whether the options leave this question in."""
        if target.kind == "member":
            return probe is PAGE or self._config.probes
        return probe is not PAGE or self._config.blocks[target.kind].metrics

    def _server(self, target: Target, site: Site, login: Login, probes: tuple[Probe[Any], ...]) -> Server:
        options = options_for(target.page_url if PAGE in probes else target.url, site)
        block = self._config.blocks.get(target.kind)
        if block and PAGE in probes:
            options = {**options, "timeout": block.metrics_timeout}
            options.pop("read_timeout", None)
        client = Client(
            target,
            options,
            accept=self._config.accept,
            agent=self._config.agent,
            log=self._log,
            sink=self._sinks.get(target.key),
        )
        return Server(target, client, Gateway(client, login))

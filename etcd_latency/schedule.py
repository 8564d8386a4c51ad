"""Who is asked what in this run: the lanes of every target, and of their questions those that are due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from etcd_latency.answers import Answers
from etcd_latency.client import Client, Sink, Turns
from etcd_latency.config import Config
from etcd_latency.errors import NotOffered, NotPermitted
from etcd_latency.fetch import Lane
from etcd_latency.gateway import Gateway, Login
from etcd_latency.model import Failure, Key, Page, Target
from etcd_latency.probes import APISERVER_LANES, CONTROLLER_MANAGER_LANES, MEMBER_LANES, PAGE, Probe, Server
from etcd_latency.sites import Site, credentials_for, held_back, options_for

LANES = {"member": MEMBER_LANES, "apiserver": APISERVER_LANES, "controller_manager": CONTROLLER_MANAGER_LANES}

UNCHANGING = (NotOffered, NotPermitted)
"""Failures that will be the same in the next run."""

Wanted = dict[Lane, list[Probe[Any]]]
"""What each lane is asked in a run."""


class Schedule:
    """Keeps the lanes of all targets, with their connections, from run to run."""

    def __init__(
        self,
        config: Config,
        sinks: Mapping[Key, Callable[[], Sink]],
        log: logging.LoggerAdapter[Any],
        keep_secret: Callable[[str], None] = lambda _: None,
        digest: Callable[[Key, Page], Page] = lambda _, page: page,
    ) -> None:
        """`sinks` says for which targets a page is cut while it arrives, and by what; `digest`, what is kept of it.

        `keep_secret` is told of every token that a target gives, or that a file holds for it.
        """
        self._config = config
        self._sinks = sinks
        self._digest = digest
        self._turns = Turns()
        self._log = log
        self._keep_secret = keep_secret
        self._lanes: dict[Key, tuple[Lane, ...]] = {}
        self._due: dict[tuple[Key, Probe[Any]], float] = {}

    def keep(self, targets: Iterable[Target]) -> None:
        """Have lanes for these targets, and forget everybody else."""
        keys = {target.key: target for target in targets}
        self._lanes = {key: self._lanes.get(key) or self._made(target) for key, target in keys.items()}
        self._due = {(key, probe): when for (key, probe), when in self._due.items() if key in keys}

    def due(self, now: float, learners: Collection[Key] = ()) -> Wanted:
        """What is to be asked at this moment of `time.monotonic()`; learners are not asked what only voters answer."""
        wanted = {
            lane: [
                probe
                for probe in lane.probes
                if self._is_due(lane.server.target, probe, now) and not (probe.of_voters and key in learners)
            ]
            for key, lanes in self._lanes.items()
            for lane in lanes
        }
        return {lane: probes for lane, probes in wanted.items() if probes}

    def ask_again(self, probe: Probe[Any]) -> None:
        """Let this be due at once, everywhere."""
        self._due = {key: when for key, when in self._due.items() if key[1] is not probe}

    def settle(self, asked: Mapping[Lane, Iterable[Probe[Any]]], answers: Answers, now: float) -> None:
        """Put off what was answered by its interval; what failed is due again, unless that is a burden."""
        for lane, probes in asked.items():
            target = lane.server.target
            before: object = None
            for probe in probes:
                interval, answer = self._config.intervals.get(probe.name), answers.of(target, probe)
                # The rest of a lane that is down was not asked: it has the failure of the question before it.
                if interval and answer is not None and answer is not before and _is_settled(probe, answer):
                    self._due[target.key, probe] = now + interval
                before = answer

    def _is_due(self, target: Target, probe: Probe[Any], now: float) -> bool:
        interval = self._config.intervals.get(probe.name)
        return interval is None or (interval > 0 and self._due.get((target.key, probe), now) <= now)

    def _made(self, target: Target) -> tuple[Lane, ...]:
        """The lanes of a target that is new; clients of one member share its token."""
        site = self._config.site(target)
        if target.key not in self._config.sites:
            for warning in held_back(target, site):
                self._log.warning("%s", warning)
        login = Login(credentials_for(target.url, site), self._keep_secret)
        wanted = (tuple(probe for probe in probes if self._is_wanted(target, probe)) for probes in LANES[target.kind])
        return tuple(
            Lane(
                self._server(target, site, login, probes),
                probes,
                keeps=PAGE in probes and target.kind != "member",
                timed=any(probe.timed for probe in probes),
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
            page=self._config.pages[target.kind],
            agent=self._config.agent,
            log=self._log,
            sink=self._sinks.get(target.key),
            digest=partial(self._digest, target.key),
            turns=self._turns if target.kind == "member" else None,  # a page of 40 MB is no turn to wait for
            keep_secret=self._keep_secret,
        )
        return Server(target, client, Gateway(client, login))


def _is_settled(probe: Probe[Any], answer: object) -> bool:
    return probe.costly or not isinstance(answer, Failure) or isinstance(answer.error, UNCHANGING)

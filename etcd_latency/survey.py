"""The questions of a run and what is known from earlier ones; who is asked follows from what is answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from etcd_latency import explain
from etcd_latency.answers import Answers
from etcd_latency.client import Sink
from etcd_latency.config import Config
from etcd_latency.fetch import GRACE_SECONDS, Fetcher
from etcd_latency.model import Target
from etcd_latency.probes import ALARM_LIST, CERTIFICATE, MEMBER_LIST, STATUS, Probe
from etcd_latency.schedule import Schedule, Wanted
from etcd_latency.targets import Directory

T = TypeVar("T")

LASTING: Mapping[Probe[Any], bool] = {ALARM_LIST: True, MEMBER_LIST: True, CERTIFICATE: False, STATUS: False}
"""The questions whose last answer is kept, and whether a failure ends it. Nobody knows of alarms that cannot be
asked for, or stands by a list from before it was cut off; but a certificate ends when it ends, and a member does
not change its version by being down."""


class Survey:
    """Asks all targets, run after run; `answers` are those of this run, `latest` what still holds of earlier ones."""

    def __init__(
        self,
        config: Config,
        sinks: Mapping[tuple[str, str], Callable[[], Sink]],
        log: logging.LoggerAdapter[Any],
    ) -> None:
        """`sinks` says for which targets a page is cut while it arrives, and by what."""
        self._config = config
        self._fetch = Fetcher()
        self._schedule = Schedule(config, sinks, log)
        self._patience = max(explain.patience(site.http) for site in (*config.sites.values(), config.found_site))
        self._asked: Wanted = {}
        self._doubtful = False
        self.directory = Directory(config)
        self.answers = Answers()
        self.latest = Answers()
        # Clients are made now, so that a wrong option is refused before the first run.
        self._wanted()

    def ask(self) -> None:
        """Ask everybody, and whoever is found in the member lists meanwhile; return when members have answered.

        The others are not waited for: what they take costs the members nothing.
        """
        self._deadline = time.monotonic() + self._patience + GRACE_SECONDS
        self.answers = self._fetch.begin()
        self._asked = {}
        while new := self._not_asked_yet():
            self._fetch.start(new)
            self._asked |= new
            self._fetch.wait({lane: new[lane] for lane in new if lane.server.target.kind == "member"}, self._deadline)
            self._learn()

    def wait_for_the_rest(self) -> None:
        """Wait for who is no member, until the time of the run is over."""
        self._fetch.wait(self._asked, self._deadline)
        self.latest.keep(self.answers, LASTING)
        self.latest.forget_all_but(self._targets())
        self._schedule.settle(self._asked, self.answers, time.monotonic())
        if self._doubtful:
            self._schedule.hasten(MEMBER_LIST)

    def doubt_the_lists(self, *, doubtful: bool) -> None:
        """Whether the member lists are to be asked for again in the next run, interval or not."""
        self._doubtful = doubtful

    def members(self) -> list[Target]:
        """The members that were asked in this run, by what is known of them now."""
        asked = {lane.server.target.key for lane in self._asked}
        return [target for target in self.directory.members() if target.key in asked]

    def questions(self, target: Target) -> list[Probe[Any]]:
        """What this target was asked in this run."""
        mine = (probes for lane, probes in self._asked.items() if lane.server.target.key == target.key)
        return [probe for probes in mine for probe in probes]

    def known(self, probe: Probe[T]) -> dict[Target, T]:
        """What the members answered last to a question that is lasting."""
        answers = ((target, self.latest.value(target, probe)) for target in self.directory.members())
        return {target: answer for target, answer in answers if answer is not None}

    def _targets(self) -> tuple[Target, ...]:
        return (*self.directory.members(), *self._config.endpoints)

    def _wanted(self) -> Wanted:
        return self._schedule.wanted(self._targets(), time.monotonic())

    def _not_asked_yet(self) -> Wanted:
        asked = {lane.server.target.key for lane in self._asked}
        return {lane: probes for lane, probes in self._wanted().items() if lane.server.target.key not in asked}

    def _learn(self) -> None:
        """Find out who the members are, and which of them is which."""
        self.latest.keep(self.answers, LASTING)
        lists = self.known(MEMBER_LIST)
        ids = {target.url: one.asked_id for target, one in lists.items()}
        ids |= {target.url: one.member_id for target, one in self.known(STATUS).items()}
        self.directory.learn(ids, lists.values())

"""The questions of a run and what is known from earlier ones; who is asked follows from what is answered."""

from __future__ import annotations

import time
from typing import Any, TypeVar

from etcd_latency import explain
from etcd_latency.answers import Answers
from etcd_latency.config import Config
from etcd_latency.fetch import GRACE_SECONDS, Fetcher
from etcd_latency.model import Key, Target
from etcd_latency.probes import MEMBER_LIST, STATUS, Probe
from etcd_latency.schedule import Schedule, Wanted
from etcd_latency.targets import Directory

T = TypeVar("T")

LINGER_SECONDS = 5.0
"""How long a run waits for who is no member once the members are done: a page of 40 MB takes 2 s when all is
well, and what takes longer counts in the next run as well."""


class Survey:
    """Asks all targets, run after run; `answers` are those of this run, `latest` what still holds of earlier ones."""

    def __init__(self, config: Config, schedule: Schedule) -> None:
        self._config = config
        self._schedule = schedule
        self._fetch = Fetcher()
        self._asked: Wanted = {}
        self.directory = Directory(config)
        self.answers = Answers()
        self.latest = Answers()
        members = [config.site(target) for target in config.members]
        self._patience = max(explain.patience(site.http) for site in (*members, config.found_site))

    def ask(self) -> None:
        """Ask everybody, and whoever is found in the member lists meanwhile; return when members have answered.

        The others are not waited for: what they take costs the members nothing.
        """
        self._started = time.monotonic()
        deadline = self._started + self._patience + GRACE_SECONDS
        self.answers = self._fetch.begin()
        self._asked = {}
        self._ask_more()
        if self._config.discover and self.directory.roster is None:
            self._fetch.listen(self._members_asked(), deadline, enough=self._has_a_list)
            self._learn()
            self._ask_more()
        while True:
            self._fetch.wait(self._members_asked(), deadline)
            self._learn()
            if not self._ask_more():
                break
        self._schedule.settle(self._members_asked(), self.answers, time.monotonic())

    def wait_for_the_rest(self) -> None:
        """Wait for who is no member; not long for what counts in the next run as well."""
        others = {lane: probes for lane, probes in self._asked.items() if lane.server.target.kind != "member"}
        kept = {lane: probes for lane, probes in others.items() if lane.keeps}
        prompt = {lane: probes for lane, probes in others.items() if not lane.keeps}
        patience = max((lane.server.http.patience for lane in prompt), default=0.0)
        enough = time.monotonic() + LINGER_SECONDS
        self._fetch.wait(prompt, self._started + patience + GRACE_SECONDS)
        self._fetch.wait(kept, enough)
        self.latest.keep(self.answers)
        self.latest.forget_all_but((*self.directory.members(), *self._config.endpoints))
        self._schedule.settle(others, self.answers, time.monotonic())

    def ask_again(self, probe: Probe[Any]) -> None:
        """Let this be asked in the next run, whatever its interval."""
        self._schedule.ask_again(probe)

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

    def _ask_more(self) -> bool:
        """Ask whoever was not asked in this run yet; returns whether there was anybody."""
        self._schedule.keep((*self.directory.members(), *self._config.endpoints))
        asked = {lane.server.target.key for lane in self._asked}
        due = self._schedule.due(time.monotonic(), self._learners())
        new = {lane: probes for lane, probes in due.items() if lane.server.target.key not in asked}
        self._fetch.start(new)
        self._asked |= new
        return bool(new)

    def _learners(self) -> set[Key]:
        """Who said last of itself that it learns."""
        return {target.key for target, status in self.known(STATUS).items() if status.is_learner}

    def _members_asked(self) -> Wanted:
        return {lane: probes for lane, probes in self._asked.items() if lane.server.target.kind == "member"}

    def _has_a_list(self) -> bool:
        return any(self.answers.value(lane.server.target, MEMBER_LIST) is not None for lane in self._asked)

    def _learn(self) -> None:
        """Find out who the members are, and which of them is which."""
        self.latest.keep(self.answers)
        self.latest.forget_votes(self._learners())
        lists = {target.url: one for target, one in self.known(MEMBER_LIST).items()}
        ids = {url: one.asked_id for url, one in lists.items()}
        ids |= {target.url: one.member_id for target, one in self.known(STATUS).items()}
        self.directory.learn(ids, lists)

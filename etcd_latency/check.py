"""The Agent's shell around a run; what happens in one reads as `check()`."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from datadog_checks.base import AgentCheck
from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2

from etcd_latency import catalog, explain, findings
from etcd_latency.answers import Answers
from etcd_latency.config import Config, base_reads_options, configure
from etcd_latency.config_models import InstanceConfig, SharedConfig, without_empty
from etcd_latency.derive import agreement, failures
from etcd_latency.errors import NothingReached, TargetError
from etcd_latency.fetch import GRACE_SECONDS, Fetcher
from etcd_latency.model import Failure, Target
from etcd_latency.probes import (
    ALARM_LIST,
    APISERVER_LIVEZ,
    APISERVER_READYZ,
    CERTIFICATE,
    MEMBER_LIST,
    PAGE,
    STATUS,
    Probe,
)
from etcd_latency.schedule import Schedule, Wanted
from etcd_latency.scrape import MemberScraper, PageScraper, SummingScraper
from etcd_latency.submit import submit
from etcd_latency.targets import Directory

T = TypeVar("T")

LASTING: dict[Probe[Any], bool] = {ALARM_LIST: True, CERTIFICATE: False, MEMBER_LIST: False, STATUS: False}
"""The questions whose last answer is kept, and whether a failure ends it: an alarm must not be told as active
when nobody can know, but a certificate's end, a version or a member list stay what they are."""


class EtcdLatencyCheck(OpenMetricsBaseCheckV2):
    """Measures one etcd cluster: one instance of the configuration, all of its members."""

    __NAMESPACE__ = catalog.NAMESPACE

    # Base limits a run to 2000 series, which two members exceed. Here a user sets a limit, or none.
    DEFAULT_METRIC_LIMIT = 0

    def __init__(
        self, name: str, init_config: Mapping[str, Any] | None, instances: Sequence[Mapping[str, Any]]
    ) -> None:
        """As the Agent calls it; raises base's `ConfigurationError`."""
        # Base reads some options before the models do, and trips over an empty one.
        with base_reads_options():
            super().__init__(
                name, without_empty(init_config or {}), [without_empty(instance) for instance in instances]
            )
        self._fetch = Fetcher()
        self._latest = Answers()
        self._failing: dict[tuple[str, str], dict[str, TargetError | None]] = {}
        self._page_taken: dict[Target, float] = {}
        self._standing: agreement.Standing = {}

    def configure_scrapers(self) -> None:
        """Decide, before the first run, all that does not change from run to run."""
        shared, instance = self._models()
        with base_reads_options():
            self._decide(configure(shared, instance))

    def check(self, _: Any) -> None:
        """One run: ask everything at once, submit the members first, then what takes longer, then the whole."""
        deadline = time.monotonic() + self._patience + GRACE_SECONDS
        answers = self._fetch.begin()
        asked = self._ask(answers, deadline)
        members = [target for target in self._directory.members() if target.key in _keys(asked)]
        self._members(members, asked, answers)
        self._cluster(members, answers)
        self._fetch.wait(asked, deadline)
        self._latest.keep(answers, LASTING)
        self._endpoints(asked, answers)
        self._schedule.settle(asked, answers, time.monotonic())
        targets = (*members, *self._config.endpoints)
        self._tell_failures(targets, asked, answers)
        self._raise_if_blind(targets, answers)

    def load_configuration_models(self, package_path: str | None = None) -> None:
        """Base's models and typo warnings for the instance, and the same warnings for what is nested in it."""
        super().load_configuration_models(package_path)
        _, instance = self._models()
        for block in ("apiserver", "controller_manager"):
            self.log_typos_in_options(self.instance.get(block), getattr(instance, block), block)
        for raw, member in zip(self.instance["members"], instance.members, strict=True):
            self.log_typos_in_options(raw if isinstance(raw, dict) else {}, member, "members")

    def _models(self) -> tuple[SharedConfig, InstanceConfig]:
        return self._config_model_shared, self._config_model_instance

    def _decide(self, config: Config) -> None:
        self._config = config
        for secret in config.secrets:
            self.register_secret(secret)
        families = catalog.load("etcd").families
        if config.go_metrics:
            families += catalog.load("go").families
        self._member_options = {**config.scrape, "metrics": catalog.metrics_option(families)}
        self._submit = partial(submit, self, ignored=config.ignored)
        # A user's `extra_metrics` are families of etcd; a pattern such as ^etcd_ would find others in Kubernetes.
        options = {**config.scrape, "extra_metrics": []}
        endpoints = {
            target: SummingScraper(
                self, target, options, catalog.load(target.kind), detail=config.blocks[target.kind].detail
            )
            for target in config.endpoints
        }
        # Made now, like the clients below, so that a wrong option is refused before the first run.
        self.scrapers = {target: self._member_scraper(target) for target in config.members} | endpoints
        cutters = {target.key: scraper.cutter for target, scraper in endpoints.items()}
        self._directory = Directory(config)
        self._schedule = Schedule(config, cutters, self.log)
        self._patience = max(explain.patience(site.http) for site in (*config.sites.values(), config.found_site))
        self._schedule.wanted((*config.members, *config.endpoints), time.monotonic())
        for warning in config.warnings:
            self.warning("%s", warning)

    def _member_scraper(self, target: Target) -> MemberScraper:
        return MemberScraper(self, target, self._member_options)

    def _ask(self, answers: Answers, deadline: float) -> Wanted:
        """Ask everybody, and whoever is found in the member lists meanwhile; return what was asked.

        Members are waited for, others are not: what they take costs the members nothing.
        """
        asked: Wanted = {}
        while True:
            targets = (*self._directory.members(), *self._config.endpoints)
            wanted = self._schedule.wanted(targets, time.monotonic())
            news = {lane: probes for lane, probes in wanted.items() if lane.server.target.key not in _keys(asked)}
            if not news:
                return asked
            self._fetch.start(news)
            asked |= news
            members = {lane: probes for lane, probes in news.items() if lane.server.target.kind == "member"}
            self._fetch.wait(members, deadline)
            self._learn(answers)

    def _learn(self, answers: Answers) -> None:
        """Keep what is known of members until it is asked again, and who they are."""
        self._latest.keep(answers, LASTING)
        lists = self._known(self._directory.members(), MEMBER_LIST)
        ids = {target.url: one.asked_id for target, one in lists.items()}
        ids |= {target.url: one.member_id for target, one in self._known(self._directory.members(), STATUS).items()}
        self._directory.learn(ids, lists.values())

    def _known(self, targets: Iterable[Target], probe: Probe[T]) -> dict[Target, T]:
        """The last answers to a question."""
        known = ((target, self._latest.value(target, probe)) for target in targets)
        return {target: value for target, value in known if value is not None}

    def _members(self, targets: Sequence[Target], asked: Wanted, answers: Answers) -> None:
        peers = self._directory.peers()
        for target in targets:
            if target not in self.scrapers:  # found, or called otherwise since, and then its tags are others
                self.scrapers[target] = self._member_scraper(target)
            scraper = self.scrapers[target]
            scraper.peers = peers
            self._page(target, scraper, answers)
            if peers is not None:
                self._submit(findings.ghosts(target, scraper.ghosts))
            if self._config.probes:
                self._submit(findings.member(target, answers, self._latest, self._directory.name_of))
                self._beside(target, asked, answers)

    def _endpoints(self, asked: Wanted, answers: Answers) -> None:
        for target in self._config.endpoints:
            self._page(target, self.scrapers[target], answers)
            self._submit(findings.endpoint(target, answers))
            newest = answers.value(target, PAGE)
            if newest:
                self._page_taken[target] = newest.taken
            if target in self._page_taken:
                self._submit(findings.page_age(target, time.monotonic() - self._page_taken[target]))
            self._beside(target, asked, answers)

    def _beside(self, target: Target, asked: Wanted, answers: Answers) -> None:
        """What holds for servers of every kind."""
        self._submit(findings.probes(target, _questions(target, asked), answers))
        self._submit(findings.certificates(target, self._latest, time.time(), self._config.certificate_days))

    def _page(self, target: Target, scraper: PageScraper, answers: Answers) -> None:
        """Submit the page's metrics, and whether there was a page that could be read."""
        page = answers.of(target, PAGE)
        if page is None:
            return  # it may take until the next run, or is not wanted
        try:
            scraper.submit(page)
        except TargetError as error:
            self.log.debug("%s", target, exc_info=error)
            page = Failure(error)
            answers.put(target, PAGE, page)
        self._submit(findings.page(target, page))

    def _cluster(self, members: Sequence[Target], answers: Answers) -> None:
        """Compare what members say; tell an operator when they begin or cease to differ."""
        if not self._config.probes:
            return
        now = {target.name: status for target in members if (status := answers.value(target, STATUS))}
        known = {target.name: status for target, status in self._known(members, STATUS).items()}
        lists = {target.name: one for target, one in self._known(members, MEMBER_LIST).items()}
        found = agreement.compared(now, known, lists, self._directory.name_of)
        self._standing, told = agreement.news(self._standing, found.disagreements)
        self._submit(findings.cluster(self._config.tagging.tags, found, self._directory.roster))
        self._submit(findings.news(self._config.cluster, self._config.tagging.tags, one) for one in told)
        self._tell_version(status.version for status in known.values())

    @AgentCheck.metadata_entrypoint
    def _tell_version(self, versions: Iterable[str]) -> None:
        """The oldest that runs: mixed members keep to what that can do."""
        oldest = min(versions, key=lambda text: [int(part) for part in re.findall(r"\d+", text)], default=None)
        if oldest:
            self.set_metadata("version", oldest)

    def _tell_failures(self, targets: Iterable[Target], asked: Wanted, answers: Answers) -> None:
        """Log each failure when it begins or changes, and the end of all; the service checks repeat it in every run."""
        before, self._failing = self._failing, {}
        for target in targets:
            known = before.get(target.key, {})
            errors = known | {probe.name: answers.error(target, probe) for probe in _questions(target, asked)}
            self._failing[target.key] = errors
            self._tell_news(str(target), known, errors)

    def _tell_news(
        self, target: str, known: Mapping[str, TargetError | None], errors: Mapping[str, TargetError | None]
    ) -> None:
        for missing, level in ((False, logging.WARNING), (True, logging.INFO)):
            told = failures.lines(target, known, missing=missing)
            now = failures.lines(target, errors, missing=missing)
            for reason in now.keys() - told.keys():
                self.log.log(level, "%s", now[reason])
            if told and not now and not missing:
                self.log.info("%s: all is answered again", target)

    def _raise_if_blind(self, targets: Iterable[Target], answers: Answers) -> None:
        """A run in which nothing could be seen has failed."""
        probes: tuple[Probe[Any], ...] = (PAGE, APISERVER_LIVEZ, APISERVER_READYZ)
        seen = (answers.value(target, probe) for target in targets for probe in probes)
        if not any(seen):
            errors = ((target, answers.error(target, PAGE)) for target in targets)
            raise NothingReached("\n".join(f"{target}: {error}" for target, error in errors if error))


def _keys(asked: Wanted) -> set[tuple[str, str]]:
    return {lane.server.target.key for lane in asked}


def _questions(target: Target, asked: Wanted) -> list[Probe[Any]]:
    """What this target was asked in a run."""
    return [probe for lane, probes in asked.items() if lane.server.target.key == target.key for probe in probes]

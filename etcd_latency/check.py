"""The Agent's shell around a run; what happens in one reads as `check()`."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from datadog_checks.base import AgentCheck
from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2

from etcd_latency import catalog, findings
from etcd_latency.analysis import Analysis
from etcd_latency.config import Config, base_reads_options, configure
from etcd_latency.config_models import InstanceConfig, SharedConfig, without_empty
from etcd_latency.derive import agreement
from etcd_latency.derive.pages import Reading
from etcd_latency.errors import NothingReached, TargetError
from etcd_latency.journal import Journal
from etcd_latency.model import Failure, Finding, Key, Page, Target
from etcd_latency.probes import MEMBER_LIST, PAGE, STATUS
from etcd_latency.schedule import Schedule
from etcd_latency.scoreboard import Board
from etcd_latency.scrape import MemberScraper, SummingScraper
from etcd_latency.submit import Desk
from etcd_latency.survey import Survey


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
        self._journal = Journal()
        self._secrets: set[str] = set()
        self._page_taken: dict[Target, float] = {}
        self._standing: agreement.Standing = {}
        self._desk = Desk(self)

    def configure_scrapers(self) -> None:
        """Decide, before the first run, all that does not change from run to run."""
        shared, instance = self._models()
        with base_reads_options():
            self._decide(configure(shared, instance))

    def check(self, _: Any) -> None:
        """One run: ask everything at once, submit the members first, then what takes longer, then the whole."""
        self._survey.ask()
        members = self._survey.members()
        self._submit_members(members)
        self._submit_cluster(members)
        self._submit_derived("the cluster", self._analysis.cluster(members))
        self._survey.wait_for_the_rest()
        self._submit_endpoints()
        self._analysis.end()
        self._tell_failures((*members, *self._config.endpoints))

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
            self._keep_secret(secret)
        families = catalog.load("etcd").families
        if config.go_metrics:
            families += catalog.load("go").families
        self._first: MemberScraper | None = None
        self._member_options = {**config.scrape, "metrics": catalog.metrics_option(families)}
        endpoints = {target: self._endpoint_scraper(target) for target in config.endpoints}
        # Made now, with their clients, so that a wrong option is refused before the first run.
        self._scrape_with({target: self._member_scraper(target) for target in config.members} | endpoints)
        cutters = {target.key: scraper.cutter for target, scraper in endpoints.items()}
        schedule = Schedule(config, cutters, self.log, self._keep_secret, self._digest)
        schedule.keep((*config.members, *config.endpoints))
        self._survey = Survey(config, schedule)
        self._analysis = Analysis(config, self._survey)
        for warning in config.warnings:
            self.warning("%s", warning)

    def _scrape_with(self, scrapers: dict[Target, MemberScraper | SummingScraper]) -> None:
        self.scrapers = scrapers
        self._by_key = {target.key: scraper for target, scraper in scrapers.items()}

    def _digest(self, key: Key, page: Page) -> Page:
        """In the thread that fetched it: take the numbers out of a page, so that the pages of all need no room."""
        scraper = self._by_key.get(key)
        digested = scraper.digested(page) if scraper else page
        return digested.packed() if key[0] == "member" else digested  # two hundred of them are 50 MB

    def _keep_secret(self, secret: str) -> None:
        """Have base's scrubber leave it out of whatever is told."""
        if secret and secret not in self._secrets:
            self._secrets.add(secret)
            self.register_secret(secret)

    def _member_scraper(self, target: Target) -> MemberScraper:
        scraper = MemberScraper(self, target, self._member_options, self._first)
        self._first = self._first or scraper
        return scraper

    def _endpoint_scraper(self, target: Target) -> SummingScraper:
        # A user's `extra_metrics` are families of etcd; a pattern such as ^etcd_ would find others in Kubernetes.
        options = {**self._config.scrape, "extra_metrics": []}
        detail = self._config.blocks[target.kind].detail
        return SummingScraper(self, target, options, catalog.load(target.kind), detail=detail)

    def _submit_members(self, members: Sequence[Target]) -> None:
        peers = self._survey.directory.peers()
        # Who was found, or is called otherwise since, has other tags and so another scraper.
        scrapers = {target: self.scrapers.get(target) or self._member_scraper(target) for target in members}
        self._scrape_with(scrapers | {target: self.scrapers[target] for target in self._config.endpoints})
        self._analysis.begin()
        for target, scraper in scrapers.items():
            scraper.peers = peers
            reading = self._submit_page(target)
            self._submit_derived(target, self._analysis.member(target, reading, scraper.tags_of))
            if scraper.ghosts is not None:
                self._desk.submit(findings.ghosts(target, scraper.ghosts))
            if self._config.probes:
                survey = self._survey
                self._desk.submit(findings.member(target, survey.answers, survey.latest, survey.directory.name_of))
                self._submit_what_holds_for_all(target)

    def _submit_derived(self, about: object, found: Iterable[Finding]) -> None:
        """What follows, if that is wanted. What was read is submitted whatever a strange page makes of this."""
        if not self._config.derived:
            return
        try:
            self._desk.submit(found)
        except Exception as error:  # noqa: BLE001 - a mistake of ours
            text = self.sanitize("".join(traceback.format_exception(error)))
            self.log.error("%s: what follows from its pages is left out, please report it: %s", about, text)  # noqa: TRY400

    def _submit_endpoints(self) -> None:
        for target in self._config.endpoints:
            reading = self._submit_page(target)
            if reading:
                self._submit_derived(target, self._analysis.endpoint(target, reading, self.scrapers[target].tags_of))
            self._desk.submit(findings.endpoint(target, self._survey.answers))
            newest = self._survey.answers.value(target, PAGE)
            if newest:
                self._page_taken[target] = newest.taken
            if target in self._page_taken:
                self._desk.submit(findings.page_age(target, time.monotonic() - self._page_taken[target]))
            self._submit_what_holds_for_all(target)

    def _submit_what_holds_for_all(self, target: Target) -> None:
        self._desk.submit(findings.probes(target, self._survey.questions(target), self._survey.answers))
        self._desk.submit(
            findings.certificates(target, self._survey.latest, time.time(), self._config.certificate_days)
        )

    def _submit_page(self, target: Target) -> Reading | None:
        """Submit the page's metrics, and whether there was a page that could be read; give its numbers."""
        page = self._survey.answers.of(target, PAGE)
        if page is None:
            return None  # it may take until the next run, or is not wanted
        # Who has another name since the page came has another scraper, too, from the next page on.
        scraper = self.scrapers[target] if isinstance(page, Failure) else page.reader or self.scrapers[target]
        reading = None
        try:
            scraper.submit(page if isinstance(page, Failure) else page.unpacked())
        except TargetError as error:
            self.log.debug("%s", self.sanitize("".join(traceback.format_exception(error))))
            page = Failure(error)
        if not isinstance(page, Failure):
            reading = Reading(scraper.observed(), page.taken)
            page = replace(page, body=b"", numbers=None, reader=None)
        self._survey.answers.put(target, PAGE, page)
        self._desk.submit(findings.page(target, page))
        return reading

    def board(self) -> Board | None:
        """What an operator is shown of the last run; None while no member gave two pages that can be compared."""
        return self._analysis.board()

    def _submit_cluster(self, members: Sequence[Target]) -> None:
        """Compare what members say; tell an operator when they begin or cease to differ."""
        if not self._config.probes:
            return
        now = {target.name: status for target in members if (status := self._survey.answers.value(target, STATUS))}
        known = {target.name: status for target, status in self._survey.known(STATUS).items()}
        lists = {target.name: one for target, one in self._survey.known(MEMBER_LIST).items()}
        directory, tags = self._survey.directory, self._config.tagging.tags
        found = agreement.compared(now, known, lists, directory.name_of)
        self._standing, told = agreement.news(self._standing, found)
        if agreement.is_in_doubt(self._standing, "member_list"):
            self._survey.ask_again(MEMBER_LIST)  # before lists are said to differ, newer ones must, too
        self._desk.submit(findings.cluster(tags, found, directory.roster))
        self._desk.submit(findings.news(self._config.cluster, tags, one) for one in told)
        self._tell_version(status.version for status in known.values())

    @AgentCheck.metadata_entrypoint
    def _tell_version(self, versions: Iterable[str]) -> None:
        """The oldest that runs: mixed members keep to what that can do."""
        oldest = min(versions, key=lambda text: [int(part) for part in re.findall(r"\d+", text)], default=None)
        if oldest:
            self.set_metadata("version", oldest)

    def _tell_failures(self, targets: Sequence[Target]) -> None:
        """Log what is new; raise when nothing was answered, for then the run has failed."""
        answers = self._survey.answers
        asked = {target: self._survey.questions(target) for target in targets}
        errors = {
            target: {probe.name: answers.error(target, probe) for probe in probes if answers.of(target, probe)}
            for target, probes in asked.items()
        }
        for level, line in self._journal.news(errors):
            self.log.log(level, "%s", self.sanitize(line))
        if not any(answers.value(target, probe) for target, probes in asked.items() for probe in probes):
            failed = ((target, answers.error(target, PAGE)) for target in targets)
            lines = "\n".join(f"{target}: {error}" for target, error in failed if error)
            raise NothingReached(self.sanitize(lines))

"""The Agent's shell around a run; what happens in one reads as `check()`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2

from etcd_latency import catalog, submit
from etcd_latency.client import Client
from etcd_latency.config import Config, base_reads_options, configure
from etcd_latency.config_models import InstanceConfig, SharedConfig, without_empty
from etcd_latency.errors import NothingReached, TargetError
from etcd_latency.fetch import Fetcher
from etcd_latency.model import Target
from etcd_latency.scrape import PageScraper


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
        self._failing: dict[Target, str] = {}

    def configure_scrapers(self) -> None:
        """Decide, before the first run, all that does not change from run to run."""
        shared, instance = self._models()
        with base_reads_options():
            self._decide(configure(shared, instance))

    def check(self, _: Any) -> None:
        """One run: ask all members at once, submit each page, say who could not be measured."""
        failures: dict[Target, str] = {}
        for target, answer in self._fetch(self._clients).items():
            try:
                self.scrapers[target.page_url].submit(answer)
            except TargetError as error:
                failures[target] = f"{target}: {error}"
                self.log.debug("%s", target, exc_info=error)
                submit.not_connected(self, target, failures[target])
            else:
                submit.connected(self, target)
        self._tell_news(failures)
        if len(failures) == len(self._clients):
            raise NothingReached("\n".join(failures.values()))

    def load_configuration_models(self, package_path: str | None = None) -> None:
        """Base's models and typo warnings for the instance, and the same warnings for what is nested in it."""
        super().load_configuration_models(package_path)
        _, instance = self._models()
        for block in ("apiserver", "controller_manager"):
            self.log_typos_in_options(self.instance.get(block), getattr(instance, block), block)
        for raw, member in zip(self.instance["members"], instance.members, strict=True):
            self.log_typos_in_options(raw if isinstance(raw, dict) else {}, member, "members")

    def _tell_news(self, failures: dict[Target, str]) -> None:
        """Log each failure when it begins or changes, and its end; the service check repeats it in every run."""
        for target, message in failures.items():
            if self._failing.get(target) != message:
                self.log.warning("%s", message)
        for target in self._failing.keys() - failures.keys():
            self.log.info("%s: measured again", target)
        self._failing = failures

    def _models(self) -> tuple[SharedConfig, InstanceConfig]:
        return self._config_model_shared, self._config_model_instance

    def _decide(self, config: Config) -> None:
        for secret in config.secrets:
            self.register_secret(secret)
        families = catalog.load("etcd").families
        if config.go_metrics:
            families += catalog.load("go").families
        options = {**config.scrape, "metrics": catalog.metrics_option(families)}
        self.scrapers = {target.page_url: PageScraper(self, target, options) for target in config.members}
        self._clients = [
            Client(target, config.http[target], accept=config.accept, agent=config.agent, log=self.log)
            for target in config.members
        ]
        for block in config.not_used_yet:
            self.warning("`%s` is read, but this version does not measure it yet", block)

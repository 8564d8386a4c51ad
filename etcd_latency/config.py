"""From the options as written to the values that a run works with: inheritance, defaults, tags.

The option names, types and error texts are in `config_models`; what an option does to the scrape is
base's OpenMetrics V2. Here it is decided, once, which value holds where.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from datadog_checks.base import ConfigurationError

from etcd_latency import catalog
from etcd_latency.config_models import (
    ApiServers,
    ControllerManagers,
    InstanceConfig,
    Options,
    ScrapeOptions,
    SharedConfig,
)
from etcd_latency.model import Key, Kind, PageRequest, Target
from etcd_latency.option_types import names_of
from etcd_latency.sites import HTTP_OPTIONS, Site, block_site, found_site, held_back, inherit, member_site, secrets_in

SCRAPE_OPTIONS = frozenset(ScrapeOptions.model_fields)

ACCEPT_TEXT = "text/plain"

ACCEPT_OPENMETRICS = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1"
"""What base's OpenMetrics V2 asks for, without and with `use_latest_spec`."""

BLOCKS: tuple[Kind, ...] = ("apiserver", "controller_manager")
"""The blocks of an instance that name servers which are not members."""

NAME_TAG: Mapping[Kind, str] = {
    "member": "etcd_member",
    "apiserver": "apiserver",
    "controller_manager": "controller_manager",
}
"""The tag that says which server something was measured at."""

CERTIFICATE_INTERVAL = 300.0
"""Seconds between two looks at a server's certificate: each is a handshake, and its end is far away."""

RENAMED_LABELS = {
    "From": "peer",
    "Remote": "peer",
    "To": "peer",
    "version": "apply_version",
    "API": "stream_api",
    "Type": "stream_type",
}
"""etcd's labels under names that fit Datadog: one key for every pair of members, and none of the keys
(`version`) that Datadog reserves for unified service tagging."""

EXCLUDED_LABELS = ("Local",)
"""`Local` repeats the member's own id on each of its pairs; `etcd_member` says it already."""


@dataclass(frozen=True, slots=True)
class Tagging:
    """What goes onto everything about a target."""

    tags: tuple[str, ...]
    """The tags of all that is sent about this cluster."""
    by_endpoint: bool
    """Whether the URL is a tag, too."""

    def target(self, kind: Kind, name: str, url: str, page_url: str) -> Target:
        """A server as something to ask."""
        endpoint = (f"endpoint:{url}",) if self.by_endpoint else ()
        return Target(name, url, page_url, (*self.tags, f"{NAME_TAG[kind]}:{name}", *endpoint), kind)


@dataclass(frozen=True, slots=True)
class Block:
    """How the servers of one kind are measured, beside how they are reached."""

    metrics: bool
    """Whether their pages are wanted."""
    metrics_timeout: float
    """Seconds for a whole page."""
    detail: bool
    """Whether series are told apart further: by resource, or by queue."""


@dataclass(frozen=True, slots=True)
class Config:
    """One instance, decided: which targets, how to reach each, and how to scrape."""

    cluster: str
    tagging: Tagging
    members: tuple[Target, ...]
    """Those that are written down."""
    named: frozenset[str]
    """The URLs of the members to which the user gave a name."""
    endpoints: tuple[Target, ...]
    """API servers and controller managers."""
    sites: Mapping[Key, Site]
    """By the key of a target."""
    found_site: Site
    """The site of a member that is found through the member list."""
    blocks: Mapping[Kind, Block]
    scrape: Mapping[str, Any]
    """The OpenMetrics V2 options that hold for every page."""
    secrets: frozenset[str]
    """What must never be told; the Agent's scrubber learns of it."""
    agent: Mapping[str, Any]
    """What a `RequestsWrapper` reads of `init_config` alone."""
    pages: Mapping[Kind, PageRequest]
    """How pages are asked for."""
    go_metrics: bool
    """Whether the families of the Go runtime are wanted, too."""
    probes: bool
    """Whether members are asked for more than their pages."""
    discover: bool
    """Whether members are found through the member list."""
    intervals: Mapping[str, float]
    """Seconds between two questions, by the name of the probe; 0 is never, what is missing is asked in every run."""
    certificate_days: tuple[float, float]
    """How many days before its end a certificate is worth a warning, and is critical."""
    derived: bool
    """Whether facts are derived from what is read."""
    heartbeat_seconds: float
    """How often the leader sends heartbeats."""
    election_seconds: float
    """After how long without a heartbeat a follower calls an election."""
    warnings: tuple[str, ...]
    """What an operator should know about these options."""

    def member(self, url: str, page_url: str, name: str) -> Target:
        """An etcd member as something to ask."""
        return self.tagging.target("member", name, url, page_url)

    def site(self, target: Target) -> Site:
        """How this target is reached."""
        return self.sites.get(target.key, self.found_site)


def configure(shared: SharedConfig, instance: InstanceConfig) -> Config:
    """Decide everything that does not change from run to run."""
    outer = inherit(written(shared, HTTP_OPTIONS), written(instance, HTTP_OPTIONS))
    tagging = Tagging((*instance.tags, f"etcd_cluster:{instance.cluster}"), instance.tag_by_endpoint)
    members = {
        tagging.target("member", member.label, member.url, member.page_url): member_site(
            outer, written(member, HTTP_OPTIONS)
        )
        for member in instance.members
    }
    endpoints = dict(_endpoints(instance, outer, tagging))
    sites = {target.key: site for target, site in (members | endpoints).items()}
    others = found_site(outer)
    return Config(
        cluster=instance.cluster,
        tagging=tagging,
        members=tuple(members),
        named=frozenset(member.url for member in instance.members if member.name),
        endpoints=tuple(endpoints),
        sites=sites,
        found_site=others,
        blocks=dict(_blocks(instance)),
        secrets=frozenset(secret for site in (*sites.values(), others) for secret in secrets_in(site)),
        scrape={
            **written(instance, SCRAPE_OPTIONS),
            "collect_histogram_buckets": instance.collect_histogram_buckets,
            "exclude_labels": [*EXCLUDED_LABELS, *instance.exclude_labels],
            "rename_labels": {**RENAMED_LABELS, **instance.rename_labels},
        },
        agent={"use_agent_proxy": shared.use_agent_proxy},
        pages=dict(_pages(instance)),
        go_metrics=instance.go_metrics,
        probes=instance.probes,
        discover=instance.discover_members,
        intervals={
            "alarm_list": instance.alarm_list_interval,
            "member_list": instance.member_list_interval,
            "certificate": CERTIFICATE_INTERVAL,
        },
        certificate_days=(instance.certificate_warning_days, instance.certificate_critical_days),
        derived=instance.derived_metrics,
        heartbeat_seconds=instance.heartbeat_interval / 1000,
        election_seconds=instance.election_timeout / 1000,
        warnings=tuple(
            warning for target, site in (members | endpoints).items() for warning in held_back(target, site)
        ),
    )


def _endpoints(instance: InstanceConfig, outer: Mapping[str, Any], tagging: Tagging) -> Iterator[tuple[Target, Site]]:
    for kind in BLOCKS:
        block: ApiServers | ControllerManagers | None = getattr(instance, kind)
        if block:
            site = block_site(outer, written(block, HTTP_OPTIONS))
            for url in block.endpoints:
                yield tagging.target(kind, urlsplit(url).netloc, url, f"{url}/metrics"), site


def _pages(instance: InstanceConfig) -> Iterator[tuple[Kind, PageRequest]]:
    accept = ACCEPT_OPENMETRICS if instance.use_latest_spec else ACCEPT_TEXT
    sources = ("etcd", "go") if instance.go_metrics else ("etcd",)
    families = _families(instance, sources, names_of(instance.extra_metrics)) if instance.filter_families else ()
    yield "member", PageRequest(accept, instance.accept_encoding, families)
    if instance.apiserver:
        families = _families(instance, ("apiserver",), ()) if instance.apiserver.filter_families else ()
        yield "apiserver", PageRequest(accept, instance.apiserver.accept_encoding, families)
    if instance.controller_manager:
        yield "controller_manager", PageRequest(accept, instance.controller_manager.accept_encoding)


def _families(instance: InstanceConfig, sources: Iterable[str], extra: Iterable[str]) -> tuple[str, ...]:
    """All families that somebody wants, by the names on the page; options know counters without `_total`, too."""
    listed = [family.exposed for source in sources for family in catalog.load(source).families]
    named = [*extra, *instance.share_labels, *catalog.ASKED_BY_BASE]
    counters = [f"{name}_total" for name in named if not name.endswith("_total")]
    return tuple(sorted({instance.raw_metric_prefix + name for name in (*listed, *named, *counters)}))


def _blocks(instance: InstanceConfig) -> Iterator[tuple[Kind, Block]]:
    if instance.apiserver:
        block = instance.apiserver
        yield "apiserver", Block(block.metrics, block.metrics_timeout, block.resource_tag)
    if instance.controller_manager:
        other = instance.controller_manager
        yield "controller_manager", Block(other.metrics, other.metrics_timeout, other.queue_tag)


def written(level: Options, options: frozenset[str]) -> dict[str, Any]:
    """Those of the options that were written down at one level, under the names that base knows."""
    return level.model_dump(include=set(options), exclude_unset=True, exclude_none=True)


@contextmanager
def base_reads_options() -> Iterator[None]:
    """Make one kind of error of what base's own readers of metric, tag and authentication options raise."""
    try:
        yield
    except ConfigurationError:
        raise
    except re.error as error:
        # The models saw each pattern alone; base joins those of an option, and compiles `metric_patterns` first.
        raise ConfigurationError(
            f"a regular expression is wrong, or does not go with its neighbours ({error}); write (?i:x), not (?i)x"
        ) from None
    except ImportError as error:
        missing = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"`auth_type`, `kerberos_auth` or `ntlm_domain` asks for what is not installed ({missing}); "
            "the Agent has it, elsewhere it comes with datadog-checks-base[http]"
        ) from None
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigurationError(str(error)) from error

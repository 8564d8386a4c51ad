"""From the options as written to the values that a run works with: inheritance, defaults, tags.

The option names, types and error texts are in `config_models`; what an option does to the scrape is
base's OpenMetrics V2. Here it is decided, once, which value holds where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from datadog_checks.base import ConfigurationError

from etcd_latency.config_models import HttpOptions, InstanceConfig, Member, Options, ScrapeOptions, SharedConfig
from etcd_latency.model import Target

HTTP_OPTIONS = frozenset(HttpOptions.model_fields)
SCRAPE_OPTIONS = frozenset(ScrapeOptions.model_fields)

HTTP_DEFAULTS = {
    option: HttpOptions.model_fields[option].default
    for option in ("timeout", "persist_connections", "allow_redirects", "request_size")
}
"""The defaults that the check relies on, or that are not base's: connections are kept, because a TLS
handshake costs etcd more than a page; redirects are not followed, because neither etcd nor Kubernetes
sends one and a credential must not follow it elsewhere; a page is read in few large pieces."""

ACCEPT_TEXT = "text/plain"
ACCEPT_OPENMETRICS = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1"
"""What base's OpenMetrics V2 asks for, without and with `use_latest_spec`."""

AUTHENTICATION = {"username", "password", "use_legacy_auth_encoding"} | {
    option for option in HTTP_OPTIONS if option.startswith(("auth_", "kerberos_", "aws_", "ntlm_"))
}

BUNDLES = (
    {"timeout", "connect_timeout", "read_timeout"},
    {"tls_verify", "tls_ca_cert", "tls_intermediate_ca_certs"},
    {"tls_cert", "tls_private_key", "tls_private_key_password"},
    {"proxy", "skip_proxy"},
    AUTHENTICATION,
)
"""Options that only make sense together. A block that sets one of a bundle takes none of it from outside:
its `timeout: 30` must not be cut short by an inherited `read_timeout: 5`, nor its certificate be paired
with an inherited key."""

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
class Config:
    """One instance, decided: which targets, how to reach each, and how to scrape."""

    members: tuple[Target, ...]
    http: Mapping[Target, Mapping[str, Any]]
    """For every target the options of its `RequestsWrapper`: those that somebody set, over `HTTP_DEFAULTS`."""
    scrape: Mapping[str, Any]
    """The OpenMetrics V2 options that hold for every member."""
    secrets: frozenset[str]
    """What must never be told; the Agent's scrubber learns of it."""
    agent: Mapping[str, Any]
    """What a `RequestsWrapper` reads of `init_config` alone."""
    accept: str
    """The format in which pages are asked for, as a value of the Accept header."""
    go_metrics: bool
    not_used_yet: tuple[str, ...]
    """Blocks that are accepted and checked, but that this version does not measure."""


def configure(shared: SharedConfig, instance: InstanceConfig) -> Config:
    """Decide everything that does not change from run to run."""
    outer = inherit(written(shared, HTTP_OPTIONS), written(instance, HTTP_OPTIONS))
    tags = (*instance.tags, f"etcd_cluster:{instance.cluster}")
    members = {target(member, tags, by_endpoint=instance.tag_by_endpoint): member for member in instance.members}
    http = {found: http_options(outer, written(member, HTTP_OPTIONS)) for found, member in members.items()}
    return Config(
        members=tuple(members),
        http=http,
        secrets=frozenset(secret for options in http.values() for secret in secrets_in(options)),
        scrape={
            **written(instance, SCRAPE_OPTIONS),
            "collect_histogram_buckets": instance.collect_histogram_buckets,
            "exclude_labels": [*EXCLUDED_LABELS, *instance.exclude_labels],
            "rename_labels": {**RENAMED_LABELS, **instance.rename_labels},
        },
        agent={"use_agent_proxy": shared.use_agent_proxy},
        accept=ACCEPT_OPENMETRICS if instance.use_latest_spec else ACCEPT_TEXT,
        go_metrics=instance.go_metrics,
        not_used_yet=tuple(block for block in ("apiserver", "controller_manager") if getattr(instance, block)),
    )


def target(member: Member, tags: tuple[str, ...], *, by_endpoint: bool) -> Target:
    """A configured member as something to scrape."""
    endpoint = (f"endpoint:{member.url}",) if by_endpoint else ()
    return Target(
        name=member.label,
        url=member.url,
        page_url=member.page_url,
        tags=(*tags, f"etcd_member:{member.label}", *endpoint),
    )


def written(level: Options, options: frozenset[str]) -> dict[str, Any]:
    """Those of the options that were written down at one level, under the names that base knows."""
    return level.model_dump(include=set(options), exclude_unset=True, exclude_none=True)


def http_options(*levels: Mapping[str, Any]) -> dict[str, Any]:
    """What one target's `RequestsWrapper` is made with."""
    options = HTTP_DEFAULTS | inherit(*levels)
    if options.get("tls_verify") is False:
        # Base verifies whenever it has a CA, whatever `tls_verify` says. The user's word counts.
        options.pop("tls_ca_cert", None)
    return options


def secrets_in(options: Mapping[str, Any]) -> Iterator[str]:
    """The passwords, and what goes into a header for authorization, among a target's options."""
    reader = options.get("auth_token", {}).get("reader")
    headers = {**options.get("headers", {}), **options.get("extra_headers", {})}
    yield from filter(None, map(options.get, ("password", "tls_private_key_password")))
    yield from (value for name, value in headers.items() if name.lower().endswith("authorization"))
    if isinstance(reader, Mapping) and isinstance(reader.get("client_secret"), str):
        yield reader["client_secret"]


def inherit(*levels: Mapping[str, Any]) -> dict[str, Any]:
    """Merge option levels, the outermost first; see `BUNDLES` for what is not inherited piecemeal."""
    merged: dict[str, Any] = {}
    for level in levels:
        replaced = {option for bundle in BUNDLES if bundle & level.keys() for option in bundle}
        merged = {option: value for option, value in merged.items() if option not in replaced} | dict(level)
    return merged


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

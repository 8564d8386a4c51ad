"""The options a user may write, with their types, defaults and errors; base loads this module by its name.

`InstanceConfig` is one entry of `instances`, `SharedConfig` is `init_config`. Both, and every block
inside an instance, take base's HTTP options. `conf.yaml.example` documents each option, and a test
keeps that file and these models the same.

A wrong value becomes base's `ConfigurationError`, whose text names the option, the value and the fix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from datadog_checks.base.checks.base import GLOBAL_SECURE_FIELDS
from datadog_checks.base.utils.models import validation
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    model_validator,
)

from etcd_latency.mistakes import Mistake, or_configuration_error
from etcd_latency.option_types import (
    ApiServerUrls,
    AuthToken,
    AuthType,
    Ciphers,
    ClientUrl,
    ControllerManagerUrls,
    Count,
    Days,
    Encoding,
    File,
    Flag,
    Headers,
    HostnameFormat,
    Interval,
    KerberosAuth,
    Kibibytes,
    LabelFilters,
    MetricPatterns,
    Metrics,
    Milliseconds,
    Name,
    PageUrl,
    Patterns,
    Proxies,
    Renames,
    Seconds,
    SecondsOrNever,
    Secret,
    Text,
    Texts,
    TlsVersions,
    Word,
    expect,
    names_of,
)

LEAST_HEARTBEATS = 5
"""How many heartbeat intervals an election time-out has at least: with less etcd does not start (embed/config.go)."""


def without_empty(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that have a value."""
    return {option: value for option, value in options.items() if value is not None}


class Options(BaseModel):
    """A mapping of options; an option without a value (`timeout:`) is one that is not set."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            raise Mistake("is not a mapping; write `option: value` lines")
        if not all(isinstance(option, str) for option in values):
            raise Mistake("has an option whose name is not text; put it in quotes, or remove it", show=False)
        return without_empty(values)


def _refuse_twice(mistake: str, values: Sequence[str]) -> None:
    """Raise for the first value that comes twice."""
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise Mistake(mistake.format(twice), show=False)


class HttpOptions(Options):
    """Base's HTTP, TLS, proxy and authentication options, as `RequestsWrapper` reads them."""

    timeout: Seconds = 10
    connect_timeout: Seconds | None = None
    read_timeout: Seconds | None = None
    persist_connections: Flag = True
    allow_redirects: Flag = False
    request_size: Kibibytes = 256
    log_requests: Flag = False

    tls_verify: Flag = True
    tls_ca_cert: File | None = None
    tls_intermediate_ca_certs: Texts | None = None
    tls_cert: File | None = None
    tls_private_key: File | None = None
    tls_private_key_password: Secret | None = None
    tls_validate_hostname: Flag = True
    tls_use_host_header: Flag = False
    tls_ignore_warning: Flag = False
    tls_protocols_allowed: TlsVersions = ["SSLv3", "TLSv1.2", "TLSv1.3"]
    tls_ciphers: Ciphers = "ALL"

    headers: Headers | None = None
    extra_headers: Headers | None = None
    auth_type: AuthType = "basic"
    username: Text | None = None
    password: Secret | None = None
    use_legacy_auth_encoding: Flag = True
    auth_token: AuthToken | None = None
    ntlm_domain: Text | None = None
    kerberos_auth: KerberosAuth | None = None
    kerberos_cache: File | None = None
    kerberos_delegate: Flag = False
    kerberos_force_initiate: Flag = False
    kerberos_hostname: Text | None = None
    kerberos_keytab: File | None = None
    kerberos_principal: Text | None = None
    aws_host: Text | None = None
    aws_region: Text | None = None
    aws_service: Text | None = None

    proxy: Proxies | None = None
    skip_proxy: Flag = False

    @model_validator(mode="after")
    def _a_key_has_its_certificate(self) -> Self:
        if self.tls_private_key and not self.tls_cert:
            raise Mistake("sets `tls_private_key` without `tls_cert`; set both, or neither", show=False)
        return self

    @model_validator(mode="after")
    def _a_user_has_a_password(self) -> Self:
        if "auth_type" not in self.model_fields_set and (self.username is None) != (self.password is None):
            raise Mistake("sets one of `username` and `password` without the other; set both, or neither", show=False)
        return self


class NestedOptions(HttpOptions):
    """HTTP options below the top level of an instance, where base's gate for file paths does not look."""

    @model_validator(mode="after")
    def _files_come_from_trusted_providers(self, info: ValidationInfo) -> Self:
        security: Any = (info.context or {}).get("security_config")
        for option in sorted(GLOBAL_SECURE_FIELDS & self.model_fields_set):
            if not validation.security.validate_require_trusted_provider(option, getattr(self, option), security):
                raise Mistake(
                    f"sets `{option}`, which names a file, but comes from {security.provider}, which is not trusted; "
                    "write it into a configuration file on the host",
                    show=False,
                )
        return self


class Member(NestedOptions):
    """One etcd member: its client URL, and what is special about it."""

    url: ClientUrl
    metrics_url: PageUrl | None = None
    name: Word | None = None

    @property
    def label(self) -> str:
        """What people call it: the value of the tag `etcd_member`."""
        return self.name or urlsplit(self.url).netloc

    @property
    def page_url(self) -> str:
        """Where its metrics page is."""
        return self.metrics_url or f"{self.url}/metrics"


class Endpoints(NestedOptions):
    """A block for the API servers, or for the controller managers, of the cluster."""

    endpoints: list[str]
    metrics: Flag = True
    metrics_timeout: Seconds = 30
    accept_encoding: Encoding = "gzip"

    @model_validator(mode="after")
    def _endpoints_differ(self) -> Self:
        _refuse_twice("lists {} twice; remove one of them", self.endpoints)
        return self


class ApiServers(Endpoints):
    """The block `apiserver`."""

    endpoints: ApiServerUrls
    resource_tag: Flag = False
    filter_families: Flag = False


class ControllerManagers(Endpoints):
    """The block `controller_manager`."""

    endpoints: ControllerManagerUrls
    queue_tag: Flag = False


class ShareLabels(Options):
    """What one metric shares with the others, by OpenMetrics V2."""

    labels: list[str] | None = None
    match: list[str] | None = None
    values: list[int] | None = None


class SharedConfig(HttpOptions):
    """`init_config`: HTTP options for every instance of the file."""

    use_agent_proxy: Flag = True
    service: Text | None = None

    # Stands in both sections: what it inherited would not see the mistakes that a class itself finds last.
    @model_validator(mode="wrap")
    @classmethod
    def _tell_mistakes(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return or_configuration_error(values, handler, "init_config")


class ScrapeOptions(Options):
    """Base's OpenMetrics V2 options: which metrics of a page are submitted, and how."""

    extra_metrics: Metrics = []
    exclude_metrics: Patterns = []
    exclude_metrics_by_labels: LabelFilters = {}
    exclude_labels: Texts = []
    include_labels: Texts = []
    rename_labels: Renames = {}
    share_labels: Annotated[
        dict[str, Literal[True] | ShareLabels],
        expect("a mapping of metric names to true, or to a mapping with `labels`, `match` and `values`"),
    ] = {}
    cache_shared_labels: Flag = True
    tag_by_endpoint: Flag = True
    ignore_tags: Patterns = []
    hostname_label: Text | None = None
    hostname_format: HostnameFormat | None = None
    collect_histogram_buckets: Flag = False
    non_cumulative_histogram_buckets: Flag = False
    histogram_buckets_as_distributions: Flag = False
    collect_histograms_as_distributions: Flag = False
    collect_counters_with_distributions: Flag = False
    use_process_start_time: Flag = False
    raw_line_filters: Patterns = []
    raw_metric_prefix: Text = ""
    cache_metric_wildcards: Flag = True
    use_latest_spec: Flag = False
    target_info: Flag = False
    telemetry: Flag = False


class InstanceConfig(HttpOptions, ScrapeOptions):
    """One entry of `instances`: one etcd cluster."""

    cluster: Name
    members: Annotated[
        list[Annotated[Member, BeforeValidator(lambda value: {"url": value} if isinstance(value, str) else value)]],
        Field(min_length=1),
        expect("a list of client URLs with at least one entry; begin each with `- `"),
    ]
    discover_members: Flag = False
    member_list_interval: Seconds = 60
    probes: Flag = True
    alarm_list_interval: SecondsOrNever = 60
    certificate_warning_days: Days = 30
    certificate_critical_days: Days = 7
    derived_metrics: Flag = True
    heartbeat_interval: Milliseconds = 100
    election_timeout: Milliseconds = 1000
    apiserver: ApiServers | None = None
    controller_manager: ControllerManagers | None = None

    tags: Texts = []
    service: Text | None = None
    min_collection_interval: Interval = 15
    empty_default_hostname: Flag = False
    disable_generic_tags: Flag = False
    metric_patterns: MetricPatterns | None = None
    max_returned_metrics: Count = 0
    go_metrics: Flag = False
    accept_encoding: Encoding = "identity"
    filter_families: Flag = False

    @model_validator(mode="after")
    def _members_differ(self) -> Self:
        members = self.members
        _refuse_twice("has two members at {}; remove one of them", [member.url for member in members])
        _refuse_twice(
            "has two members with the page {}; give each its own `metrics_url`", [member.page_url for member in members]
        )
        _refuse_twice("has two members called {}; give each a `name` of its own", [member.label for member in members])
        return self

    @model_validator(mode="after")
    def _warning_comes_before_critical(self) -> Self:
        if self.certificate_warning_days < self.certificate_critical_days:
            raise Mistake(
                f"has `certificate_warning_days` at {self.certificate_warning_days:g}, which is less than "
                f"`certificate_critical_days` at {self.certificate_critical_days:g}; raise the one or lower the other",
                show=False,
            )
        return self

    @model_validator(mode="after")
    def _an_election_waits_for_heartbeats(self) -> Self:
        if self.election_timeout < LEAST_HEARTBEATS * self.heartbeat_interval:
            raise Mistake(
                f"has `election_timeout` at {self.election_timeout:g}, which is less than {LEAST_HEARTBEATS} times "
                f"`heartbeat_interval` at {self.heartbeat_interval:g}, so no etcd would start; write both as its "
                "flags --election-timeout and --heartbeat-interval have them",
                show=False,
            )
        return self

    @model_validator(mode="after")
    def _only_names_can_be_asked_for(self) -> Self:
        patterns = [name for name in names_of(self.extra_metrics) if name != re.escape(name)]
        if self.filter_families and patterns:
            raise Mistake(
                f"sets `filter_families: true`, but `extra_metrics` has the pattern {patterns[0]!r}; "
                "a server can be asked for names only, so write those, or drop one of the two options",
                show=False,
            )
        return self

    @model_validator(mode="after")
    def _discovery_takes_probes(self) -> Self:
        if self.discover_members and not self.probes:
            raise Mistake(
                "sets `discover_members: true` beside `probes: false`; it is a probe that finds them, so drop one",
                show=False,
            )
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _tell_mistakes(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return or_configuration_error(values, handler, "instances")

"""What a wrong configuration is told, and that our options, base's options and base's gates are the same.

Each file in `config_cases` is one mistake and the exact text that answers it.
"""

from __future__ import annotations

import datetime as dt
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from datadog_checks.base import ConfigurationError
from datadog_checks.base.stubs import datadog_agent
from datadog_checks.base.utils.http import AUTH_TYPES, STANDARD_FIELDS, SUPPORTED_PROTOCOL_VERSIONS
from pydantic import BaseModel, TypeAdapter

from etcd_latency import EtcdLatencyCheck, mistakes
from etcd_latency.config_models import Endpoints, HttpOptions, InstanceConfig, Member, SharedConfig, ShareLabels
from etcd_latency.option_types import AuthType, TlsVersions

CASES = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "config_cases").iterdir())
}

SECRETS = ("hunter2", "31337")
"""Every secret in the cases holds one of these, and nothing else in them does."""

SECRET_OPTIONS = {"password", "tls_private_key_password", "headers", "extra_headers", "auth_token", "proxy"}

NONSENSE = dt.date(1999, 12, 31)
"""What YAML makes of an unquoted date; no option takes one."""

MEMBER = "https://10.0.0.1:2379"
INSTANCE = {"cluster": "prod", "members": [MEMBER]}
ENDPOINTS = {"endpoints": ["https://10.0.0.1:6443"]}
PLACES = ("instances", "apiserver", "controller_manager", "members")

FILE_OPTIONS: dict[str, dict[str, Any]] = {
    "tls_ca_cert": {"tls_ca_cert": "/etc/etcd/ca.crt"},
    "tls_cert": {"tls_cert": "/etc/etcd/client.crt"},
    "kerberos_cache": {"kerberos_cache": "/etc/etcd/cache"},
    "kerberos_keytab": {"kerberos_keytab": "/etc/etcd/keytab"},
    "auth_token": {
        "auth_token": {
            "reader": {"type": "file", "path": "/etc/etcd/token"},
            "writer": {"type": "header", "name": "Authorization", "value": "Bearer <TOKEN>"},
        }
    },
}
"""The options that make the Agent read a file that whoever writes the configuration chooses."""

each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
each_place = pytest.mark.parametrize("place", PLACES)
each_file_option = pytest.mark.parametrize("option", FILE_OPTIONS)


def initialised(instance: Any, init_config: Any = None, *, provider: str = "file") -> EtcdLatencyCheck:
    """A check as the Agent makes it, up to its first run."""
    check = EtcdLatencyCheck("etcd_latency", init_config or {}, [instance])
    check.provider = provider
    check.run_check_initializations()
    return check


def refusal(instance: Any, init_config: Any = None, *, provider: str = "file") -> ConfigurationError:
    """The error with which a configuration is refused."""
    with pytest.raises(ConfigurationError) as raised:
        initialised(instance, init_config, provider=provider)
    return raised.value


def with_options(place: str, **options: Any) -> dict[str, Any]:
    """An instance that sets options at its top level, in one of its blocks, or in its second member."""
    if place == "instances":
        return INSTANCE | options
    if place == "members":
        return INSTANCE | {"members": [MEMBER, {"url": "https://10.0.0.2:2379", **options}]}
    return INSTANCE | {place: ENDPOINTS | options}


def written(block: Any) -> Iterator[tuple[str, Any]]:
    """Every option of a block and of the blocks in it, with its value."""
    if isinstance(block, Mapping):
        yield from block.items()
    values = block.values() if isinstance(block, Mapping) else block if isinstance(block, list) else ()
    for value in values:
        yield from written(value)


@pytest.fixture
def _gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Agent that takes file paths from its own files only, as it is configured to by the option of that name."""
    monkeypatch.setattr(
        datadog_agent,
        "_config",
        {
            "integration_ignore_untrusted_file_params": True,
            "integration_trusted_providers": ["file", "remote-config"],
            "integration_file_paths_allowlist": ["/var/lib/allowed"],
        },
    )


@each_case
def test_a_mistake_is_told_with_its_option_its_value_and_its_remedy(case: dict[str, Any]) -> None:
    """Each mistake is refused with base's own error, and with exactly the text that stands beside it."""
    error = refusal(case["instance"], case.get("init_config"))
    assert type(error) is ConfigurationError
    assert str(error) == case["error"]


@each_case
def test_a_case_is_used_in_full(case: dict[str, Any]) -> None:
    """A case has an instance, an error and perhaps an init_config, so that nothing in it goes unread."""
    assert case.keys() - {"init_config"} == {"instance", "error"}


@each_case
def test_no_secret_is_told(case: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A secret reaches neither the text of an error, nor its traceback, nor the log."""
    caplog.set_level("DEBUG")
    error = refusal(case["instance"], case.get("init_config"))
    told = "".join(traceback.format_exception(error)) + caplog.text
    assert [secret for secret in SECRETS if secret in told] == []


def test_every_option_that_may_hold_a_secret_has_a_case() -> None:
    """The secret options, and the URLs, each stand in a case with a value that the test above would find."""
    found = {
        option
        for case in CASES.values()
        for option, value in written(case)
        if any(secret in str(value) for secret in SECRETS)
    }
    assert found >= SECRET_OPTIONS | {"members", "metrics_url"}


def test_only_the_secret_options_keep_their_value_to_themselves() -> None:
    """A wrong value is shown, so that it can be found, unless its option is one of the secret ones."""
    hidden = {
        option
        for option in HttpOptions.model_fields
        if str(NONSENSE.year) not in str(refusal(INSTANCE, {option: NONSENSE}))
    }
    assert hidden == SECRET_OPTIONS == mistakes.SECRET_OPTIONS


def test_a_mistake_that_only_base_can_see_is_a_configuration_error_too() -> None:
    """What base's own reader of `extra_metrics` refuses is told in its words, not raised as its ValueError."""
    metric = {"etcd_version": {"name": "version", "type": "metadata"}}
    error = refusal(INSTANCE | {"extra_metrics": [metric]})
    assert "metric `etcd_version`: the `label` parameter is required" in str(error)


@pytest.mark.parametrize(
    ("options", "block"),
    [
        ({"extra_metrics": ["^etcd_grpc_proxy_"]}, {}),
        ({"extra_metrics": ["^etcd_grpc_proxy_"]}, {"filter_families": True}),
        ({"extra_metrics": ["etcd_x", {"rest:etcd_y_total": "y"}], "filter_families": True}, {}),
    ],
    ids=["all is sent", "filtered elsewhere", "names"],
)
def test_patterns_and_filters_that_go_together(options: dict[str, Any], block: dict[str, Any]) -> None:
    """A pattern is no mistake where whole pages are sent, or where only API servers filter; names never are."""
    assert initialised(INSTANCE | options | {"apiserver": ENDPOINTS | block}).scrapers


@pytest.mark.parametrize("name", ["etcd_x", "a:b_total", "a-b", "a.b", "^a", "a b", "é"])
def test_patterns_are_what_base_takes_for_patterns(name: str) -> None:
    """A name that base would search as a pattern cannot be asked for, and every other can."""
    instance = INSTANCE | {"extra_metrics": [name]}
    (scraper,) = initialised(instance).scrapers.values()
    if scraper.metric_transformer.metric_patterns:
        assert f"has the pattern {name!r}" in str(refusal(instance | {"filter_families": True}))
    else:
        assert initialised(instance | {"filter_families": True}).scrapers


@pytest.mark.parametrize(
    ("model", "option"),
    [(model, option) for model in (InstanceConfig, SharedConfig) for option in model.model_fields],
)
def test_every_option_refuses_what_none_takes(model: type[BaseModel], option: str) -> None:
    """Every option has a type of its own, and a value of another is refused in one line that begins with its name."""
    with pytest.raises(ConfigurationError) as raised:
        model.model_validate(INSTANCE | {option: NONSENSE})
    assert str(raised.value).startswith((f"`{option}`", f"`init_config -> {option}`"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("model", "required"),
    [
        (InstanceConfig, INSTANCE),
        (SharedConfig, {}),
        (Member, {"url": MEMBER}),
        (Endpoints, ENDPOINTS),
        (ShareLabels, {}),
    ],
)
def test_an_option_without_a_value_is_not_set(model: type[BaseModel], required: dict[str, Any]) -> None:
    """`timeout:` with nothing behind it is the same as no `timeout` at all, for every option that may be left out."""
    optional = [option for option, field in model.model_fields.items() if not field.is_required()]
    without = model.model_validate(required)
    empty = model.model_validate(dict.fromkeys(optional) | required)
    assert empty == without
    assert empty.model_fields_set == without.model_fields_set == required.keys()


@each_place
def test_an_option_without_a_value_does_not_stop_the_check(place: str) -> None:
    """What the models take as not set does not reach base as None, wherever it stands."""
    assert initialised(with_options(place, timeout=None, headers=None, auth_token=None, proxy=None)).scrapers


@pytest.mark.parametrize("option", ["cluster", "members"])
def test_a_required_option_without_a_value_is_missing(option: str) -> None:
    """`cluster:` with nothing behind it is asked for like a `cluster` that is not there."""
    assert str(refusal(INSTANCE | {option: None})).startswith(f"`{option}` is missing; write, for example, `{option}: ")


def test_the_http_options_are_those_of_base() -> None:
    """Base and we know the same HTTP options, by name and default; the table is what we changed on purpose."""
    ours = {option: field.default for option, field in HttpOptions.model_fields.items()}
    base = {option: list(value) if isinstance(value, tuple) else value for option, value in STANDARD_FIELDS.items()}
    assert ours.keys() == base.keys()
    assert {option: (base[option], ours[option]) for option in ours if base[option] != ours[option]} == {
        "persist_connections": (False, True),
        "allow_redirects": (True, False),
        "request_size": (16, 256),
    }


def test_the_kinds_of_authentication_are_those_of_base() -> None:
    """`auth_type` takes every kind that base has, and none that base would answer with basic."""
    assert set(TypeAdapter(AuthType).json_schema()["enum"]) == AUTH_TYPES.keys()


def test_the_tls_versions_are_those_of_base() -> None:
    """`tls_protocols_allowed` takes every version that base has, and none that base would ignore."""
    assert set(TypeAdapter(TlsVersions).json_schema()["items"]["enum"]) == set(SUPPORTED_PROTOCOL_VERSIONS)


@each_place
@pytest.mark.parametrize(("typo", "meant"), [("tls_ca_certs", "tls_ca_cert"), ("timeou", "timeout")])
def test_a_misspelt_option_is_warned_of(place: str, typo: str, meant: str, caplog: pytest.LogCaptureFixture) -> None:
    """Base's warning of a likely typo comes for every place where options stand, and names the place."""
    initialised(with_options(place, **{typo: "5"}))
    assert (
        f"typo in configuration option in etcd_latency/{place} section: `{typo}`. Did you mean {meant}?" in caplog.text
    )


@each_place
def test_a_well_spelt_option_is_not_warned_of(place: str, caplog: pytest.LogCaptureFixture) -> None:
    """An option that exists draws no warning of a typo, wherever it stands."""
    initialised(with_options(place, tls_ca_cert="/etc/etcd/ca.crt", timeout=5))
    assert "typo" not in caplog.text


@pytest.mark.usefixtures("_gate")
@each_place
@each_file_option
def test_a_file_path_from_an_untrusted_provider_is_refused(place: str, option: str) -> None:
    """Base's gate for file paths, which looks at the top level only, holds in blocks and members, too."""
    refusal(with_options(place, **FILE_OPTIONS[option]), provider="kubernetes")


@pytest.mark.usefixtures("_gate")
@each_place
@each_file_option
def test_the_gate_says_which_option_and_which_provider(place: str, option: str) -> None:
    """What the gate refuses is told with its option and where it came from, at the top level in base's words."""
    told = str(refusal(with_options(place, **FILE_OPTIONS[option]), provider="kubernetes"))
    if place == "instances":
        assert f"Field '{option}' is not allowed from untrusted provider 'kubernetes'" in told
    else:
        assert f"sets `{option}`, which names a file, but comes from kubernetes, which is not trusted" in told
        assert told.startswith(f"`{place}")


@pytest.mark.usefixtures("_gate")
@each_place
@each_file_option
def test_a_file_path_from_a_trusted_provider_is_accepted(place: str, option: str) -> None:
    """A configuration file on the Agent's host may name files."""
    assert initialised(with_options(place, **FILE_OPTIONS[option]), provider="file").scrapers


@pytest.mark.usefixtures("_gate")
@each_place
def test_an_allowed_file_path_from_an_untrusted_provider_is_accepted(place: str) -> None:
    """The Agent's list of allowed folders opens the gate everywhere, not at the top level only."""
    assert initialised(with_options(place, tls_cert="/var/lib/allowed/client.crt"), provider="kubernetes").scrapers

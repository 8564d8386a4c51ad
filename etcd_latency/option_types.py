"""The kinds of values that options take, each with the words that say what it is when a value is not.

A `Mistake` is raised inside pydantic's validation and told by `mistakes`, once the option is known.
"""

from __future__ import annotations

import re
import ssl
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from datadog_checks.base.checks.openmetrics.v2.transform import TRANSFORMERS
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from etcd_latency.mistakes import Mistake, mistake_in


def expect(what: str, *, show: bool = True) -> WrapValidator:
    """Say `is not <what>` instead of pydantic's words, unless what is wrong inside is told in ours."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            details = error.errors()
            if all(detail["type"] == "missing" or mistake_in(detail) for detail in details):
                raise
            # Where types are alternatives, pydantic reports each: ours among them says the most.
            told = next(filter(None, map(mistake_in, details)), None)
            raise Mistake(f"holds one that {told}" if told else f"is not {what}", show=show) from None

    return WrapValidator(validate)


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise Mistake(f"is not a regular expression ({error}); escape special characters with a backslash") from None
    return value


def _client_url(value: str) -> str:
    return _address(value, "https://10.0.0.1:2379", "; another page than /metrics goes to `metrics_url`")


def _page_url(value: str) -> str:
    url = _url(value, "http://10.0.0.1:2381/metrics")
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/metrics"


def _address(value: str, example: str, hint: str = "") -> str:
    """A URL that is nothing but scheme, host and port."""
    parts = urlsplit(_url(value, example))
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise Mistake(f"has more than scheme, host and port; write, for example, {example}{hint}")
    return f"{parts.scheme}://{parts.netloc}"


def _url(value: str, example: str) -> str:
    """An http or https URL, its scheme and host in small letters."""
    if "@" in value:
        raise Mistake("holds a user name or password; use the options `username` and `password`", show=False)
    if re.search(r"\s", value):
        raise Mistake(f"has a blank in it; write, for example, {example}")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise Mistake(f"has a host or a port that cannot be; write, for example, {example}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Mistake(f"is not an http:// or https:// URL; write, for example, {example}")
    if port == 0 or parts.netloc.endswith(":"):
        raise Mistake(f"has no port after its colon; write, for example, {example}")
    return parts._replace(netloc=parts.netloc.lower()).geturl()


def _hostname_format(value: str) -> str:
    if "<HOSTNAME>" not in value:
        raise Mistake("has no <HOSTNAME>; put it where the value of the label `hostname_label` goes")
    return value


def _headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if text != text.strip() or not text.isprintable():
            raise Mistake(f"gives {name} a value with a line break or with blanks around it; remove them", show=False)
    return value


def _ciphers(value: str | list[str]) -> str | list[str]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(value if isinstance(value, str) else ":".join(value))
    except ssl.SSLError:
        raise Mistake("holds no cipher that OpenSSL knows; write, for example, ECDHE+AESGCM") from None
    return value


def _tls_versions(value: list[str]) -> list[str]:
    if not any(version.startswith("TLS") for version in value):
        raise Mistake("allows no version of TLS; write, for example, [TLSv1.2, TLSv1.3]")
    return value


def _metrics(value: list[Any]) -> list[Any]:
    """Check the names and types in `extra_metrics`, which base would meet when it scrapes."""
    for item in value:
        for name, entry in ({item: {}} if isinstance(item, str) else item).items():
            _pattern(name)
            _metric(name, {"name": entry} if isinstance(entry, str) else entry)
    return value


def _metric(name: str, entry: dict[str, Any]) -> None:
    if not isinstance(entry.get("name", name), str):
        raise Mistake(f"gives {name} a name that is not text; put it in quotes")
    kind = entry.get("type", "native")
    if not isinstance(kind, str) or kind not in TRANSFORMERS:
        raise Mistake(f"gives {name} an unknown type; use one of {', '.join(sorted(TRANSFORMERS))}")


def names_of(metrics: list[Any]) -> list[str]:
    """The names, or patterns of them, in a value of `Metrics`."""
    return [name for entry in metrics for name in (entry if isinstance(entry, dict) else [entry])]


def _number(value: Any) -> Any:
    """YAML's true and false are no numbers, though Python takes them for 1 and 0."""
    return None if isinstance(value, bool) else value


Flag = Annotated[bool, expect("true or false")]
Text = Annotated[str, expect("text; put it in quotes")]
Word = Annotated[Text, Field(pattern=r"\S"), expect("a word; write one, or leave the option out")]
Secret = Annotated[str, expect("text; put it in quotes", show=False)]
File = Annotated[str, Field(pattern=r"\S"), expect("the path of a file")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_number)]
Seconds = Annotated[Positive, expect("a number of seconds above 0; write, for example, 10")]
SecondsOrNever = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False),
    BeforeValidator(_number),
    expect("a number of seconds above 0, or 0 for never; write, for example, 60"),
]
Days = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False),
    BeforeValidator(_number),
    expect("a number of days, 0 or more; write, for example, 7"),
]
Interval = Annotated[Positive, expect("a number of seconds above 0; write, for example, 15")]
Milliseconds = Annotated[
    Positive,
    expect("a number of milliseconds above 0; write what etcd's flag of this name is set to, without a unit"),
]
Kibibytes = Annotated[Positive, expect("a number of KiB above 0; write, for example, 256")]
Count = Annotated[int, Field(ge=0), BeforeValidator(_number), expect("a whole number, 0 or more")]
Pattern = Annotated[Text, AfterValidator(_pattern)]
Texts = Annotated[list[Text], expect("a list of texts; begin each with `- `")]
Patterns = Annotated[list[Pattern], expect("a list of regular expressions; begin each with `- `")]
Renames = Annotated[dict[Text, Text], expect("a mapping of label names to new names")]
Headers = Annotated[dict[str, str], AfterValidator(_headers), expect("a mapping of header names to texts", show=False)]
ClientUrl = Annotated[Text, AfterValidator(_client_url)]
PageUrl = Annotated[Text, AfterValidator(_page_url)]
Name = Annotated[Text, Field(pattern=r"\S"), expect("a name; write, for example, cluster: prod-eu")]
ApiServerUrls = Annotated[
    list[Annotated[Text, AfterValidator(lambda value: _address(value, "https://10.0.0.1:6443"))]],
    Field(min_length=1),
    expect("a list of URLs with at least one entry; begin each with `- `"),
]
ControllerManagerUrls = Annotated[
    list[Annotated[Text, AfterValidator(lambda value: _address(value, "https://127.0.0.1:10257"))]],
    Field(min_length=1),
    expect("a list of URLs with at least one entry; begin each with `- `"),
]
AuthType = Annotated[
    Literal["aws", "basic", "digest", "kerberos", "ntlm"], expect("one of aws, basic, digest, kerberos and ntlm")
]
AuthToken = Annotated[dict[str, Any], expect("a mapping with `reader` and `writer`", show=False)]
KerberosAuth = Annotated[
    Literal["required", "optional", "disabled"] | bool, expect("one of required, optional and disabled")
]
Proxies = Annotated[dict[str, Any], expect("a mapping with `http`, `https` and `no_proxy`", show=False)]
TlsVersions = Annotated[
    list[Literal["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]],
    AfterValidator(_tls_versions),
    expect("a list of TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3"),
]
Ciphers = Annotated[
    str | list[str], AfterValidator(_ciphers), expect("an OpenSSL cipher list, as text or as a list of names")
]
Encoding = Annotated[Literal["identity", "gzip"], expect("identity or gzip")]

Metrics = Annotated[
    list[str | dict[str, str | dict[str, Any]]],
    AfterValidator(_metrics),
    expect("a list of metric names or of `exposed_name: {name: ours, type: gauge}` mappings"),
]
MetricPatterns = Annotated[dict[str, Patterns], expect("a mapping with `include` and `exclude`")]
LabelFilters = Annotated[
    dict[str, Literal[True] | Patterns],
    expect("a mapping of label names to true or to a list of regular expressions"),
]
HostnameFormat = Annotated[Text, AfterValidator(_hostname_format)]

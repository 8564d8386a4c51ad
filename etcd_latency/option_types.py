"""The kinds of values that options take, each with the words that say what it is when a value is not.

A `Mistake` is raised inside pydantic's validation and told by `config_models`, which knows the option.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from datadog_checks.base.checks.openmetrics.v2.transform import TRANSFORMERS
from pydantic import AfterValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator


class Mistake(ValueError):
    """What is wrong with a value and how to put it right; `show` says whether the value may be told, too."""

    def __init__(self, text: str, *, show: bool = True) -> None:
        super().__init__(text)
        self.show = show


def expect(what: str, *, show: bool = True) -> WrapValidator:
    """Say `is not <what>` instead of pydantic's words, unless all that is wrong inside is told in ours."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if all(detail["type"] == "missing" or mistake_in(detail) for detail in error.errors()):
                raise
            raise Mistake(f"is not {what}", show=show) from None

    return WrapValidator(validate)


def mistake_in(detail: Any) -> Mistake | None:
    """Our own error behind one of pydantic's, where there is one."""
    error = detail.get("ctx", {}).get("error")
    return error if isinstance(error, Mistake) else None


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise Mistake(f"is not a regular expression ({error}); escape special characters with a backslash") from None
    return value


def _client_url(value: str) -> str:
    return _url(value, paths=("", "/"), example="https://10.0.0.1:2379").rstrip("/")


def _page_url(value: str) -> str:
    url = _url(value, paths=None, example="http://10.0.0.1:2381/metrics")
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/metrics"


def _url(value: str, *, paths: tuple[str, ...] | None, example: str) -> str:
    """Check a URL; `paths` are the paths that make sense, None for any."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Mistake(f"is not a URL ({error}); write, for example, {example}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise Mistake(f"is not an http:// or https:// URL; write, for example, {example}")
    if "@" in parts.netloc:
        raise Mistake("holds a user name or password; use the options `username` and `password`", show=False)
    if paths is not None and (parts.path not in paths or parts.query or parts.fragment):
        raise Mistake(
            f"has more than scheme, host and port; write, for example, {example}; a page goes to `metrics_url`"
        )
    return value


def _hostname_format(value: str) -> str:
    if "<HOSTNAME>" not in value:
        raise Mistake("has no <HOSTNAME>; put it where the value of the label `hostname_label` goes")
    return value


def _metrics(value: list[Any]) -> list[Any]:
    """Check the types in `extra_metrics`, which base knows by name only."""
    entries = (entry for item in value if isinstance(item, dict) for entry in item.values() if isinstance(entry, dict))
    for kind in (entry.get("type", "native") for entry in entries):
        if kind not in TRANSFORMERS:
            raise Mistake(f"has the unknown type {kind!r}; use one of {', '.join(sorted(TRANSFORMERS))}")
    return value


Flag = Annotated[bool, expect("true or false")]
Text = Annotated[str, expect("text; put it in quotes")]
Secret = Annotated[str, expect("text; put it in quotes", show=False)]
File = Annotated[str, expect("the path of a file")]
Seconds = Annotated[
    float, Field(gt=0, allow_inf_nan=False), expect("a number of seconds above 0; write, for example, 10")
]
Count = Annotated[int, Field(ge=0), expect("a whole number, 0 or more")]
Pattern = Annotated[Text, AfterValidator(_pattern)]
Texts = Annotated[list[Text], expect("a list of texts; begin each with `- `")]
Patterns = Annotated[list[Pattern], expect("a list of regular expressions; begin each with `- `")]
Renames = Annotated[dict[Text, Text], expect("a mapping of label names to new names")]
Headers = Annotated[dict[str, str], expect("a mapping of header names to texts", show=False)]
ClientUrl = Annotated[Text, AfterValidator(_client_url)]
PageUrl = Annotated[Text, AfterValidator(_page_url)]
Interval = Annotated[
    float, Field(gt=0, allow_inf_nan=False), expect("a number of seconds above 0; write, for example, 15")
]
Kibibytes = Annotated[
    float, Field(gt=0, allow_inf_nan=False), expect("a number of KiB above 0; write, for example, 16")
]
Name = Annotated[Text, Field(min_length=1), expect("a name; write, for example, cluster: prod-eu")]
ClientUrls = Annotated[list[ClientUrl], Field(min_length=1), expect("a list of URLs with at least one entry")]
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
    expect("a list of SSLv3, TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3"),
]
Ciphers = Annotated[str | list[str], expect("a list of cipher names")]
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

"""How a target is reached: which HTTP options hold for it, and what it may be told of who we are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from etcd_latency.config_models import HttpOptions
from etcd_latency.model import Credentials, Target

HTTP_OPTIONS = frozenset(HttpOptions.model_fields)

HTTP_DEFAULTS = {
    option: HttpOptions.model_fields[option].default
    for option in ("timeout", "persist_connections", "allow_redirects", "request_size")
}
"""The defaults that the check relies on, or that are not base's: connections are kept, because a TLS
handshake costs etcd more than a page; redirects are not followed, because neither etcd nor Kubernetes
sends one and a credential must not follow it elsewhere; a page is read in few large pieces."""

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

CREDENTIALS = AUTHENTICATION | {"tls_cert", "tls_private_key", "tls_private_key_password"}
"""What says who asks. A block that sets one of these takes none from outside: shown a client certificate and a
token, an API server goes by the certificate, and then it would be etcd's."""

NOT_FOR_BLOCKS = {"timeout", "connect_timeout", "read_timeout"}
"""What `apiserver` and `controller_manager` do not take from outside: they have other reasons to take long."""


@dataclass(frozen=True, slots=True)
class Site:
    """How a target is reached."""

    http: Mapping[str, Any]
    """The options of its `RequestsWrapper`: those that somebody set, over `HTTP_DEFAULTS`."""
    credentials: Credentials | None = None
    """A user of etcd's own authentication."""


def member_site(outer: Mapping[str, Any], own: Mapping[str, Any]) -> Site:
    """A member's `username` and `password` are etcd's own, unless `auth_type` says what else they are."""
    options = http_options(outer, own)
    if "username" in options and "password" in options and "auth_type" not in options:
        return Site(options, Credentials(options.pop("username"), options.pop("password")))
    return Site(options)


def found_site(outer: Mapping[str, Any]) -> Site:
    """A member of a list is shown credentials only if it can prove that it is one."""
    site = member_site(outer, {})
    return Site(without_tokens(site.http)) if site.http.get("tls_verify") is False else site


def block_site(outer: Mapping[str, Any], own: Mapping[str, Any]) -> Site:
    """A server of Kubernetes takes from outside what is not etcd's alone."""
    not_taken = NOT_FOR_BLOCKS | (CREDENTIALS if CREDENTIALS & own.keys() or _tokens(own) else set())
    if "auth_type" not in outer:  # etcd's own user, which is none of Kubernetes' business
        not_taken = not_taken | {"username", "password"}
    return Site(http_options({option: value for option, value in outer.items() if option not in not_taken}, own))


def options_for(url: str, site: Site) -> dict[str, Any]:
    """A site's HTTP options as far as they may go to this URL: no token over plain HTTP, or behind a redirect."""
    options = dict(site.http)
    if _tokens(options):
        options["allow_redirects"] = False
    return without_tokens(options) if url.startswith("http:") else options


def credentials_for(url: str, site: Site) -> Credentials | None:
    """A site's etcd user as far as it may go to this URL."""
    return None if url.startswith("http:") else site.credentials


def held_back(target: Target, site: Site) -> Iterator[str]:
    """What an operator wrote for this target and what is not sent to it."""
    plain = [url for url in (target.url, target.page_url) if url.startswith("http:")]
    kept = _tokens(site.http) if plain else []
    if site.credentials and target.url in plain:
        kept.append("`username` and `password`")
    for option in kept:
        yield f"{option}: not sent to {plain[0]}, because anybody on the way could read it; write https://"


def without_tokens(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same options without what says who asks in a header of its own."""
    kept = {option: value for option, value in options.items() if option != "auth_token"}
    for option in ("headers", "extra_headers"):
        if option in kept:
            kept[option] = {name: value for name, value in kept[option].items() if not _authorizes(name)}
    return kept


def secrets_in(site: Site) -> Iterator[str]:
    """The passwords, and what goes into a header for authorization, among a target's options."""
    options = site.http
    reader = options.get("auth_token", {}).get("reader")
    headers = {**options.get("headers", {}), **options.get("extra_headers", {})}
    yield from filter(None, map(options.get, ("password", "tls_private_key_password")))
    yield from (value for name, value in headers.items() if _authorizes(name))
    if site.credentials:
        yield site.credentials.password
    if isinstance(reader, Mapping) and isinstance(reader.get("client_secret"), str):
        yield reader["client_secret"]


def http_options(*levels: Mapping[str, Any]) -> dict[str, Any]:
    """What one target's `RequestsWrapper` is made with."""
    options = HTTP_DEFAULTS | inherit(*levels)
    if options.get("tls_verify") is False:
        # Base verifies whenever it has a CA, whatever `tls_verify` says. The user's word counts.
        options.pop("tls_ca_cert", None)
    return options


def inherit(*levels: Mapping[str, Any]) -> dict[str, Any]:
    """Merge option levels, the outermost first; see `BUNDLES` for what is not inherited piecemeal."""
    merged: dict[str, Any] = {}
    for level in levels:
        replaced = {option for bundle in BUNDLES if bundle & level.keys() for option in bundle}
        merged = {option: value for option, value in merged.items() if option not in replaced} | dict(level)
    return merged


def _tokens(options: Mapping[str, Any]) -> list[str]:
    """What puts a token into the requests, as a message has it."""
    headers = (option for option in ("headers", "extra_headers") if any(map(_authorizes, options.get(option, {}))))
    tokens = ["`auth_token`"] if "auth_token" in options else []
    return tokens + [f"the authorization in `{option}`" for option in headers]


def _authorizes(header: str) -> bool:
    return header.strip().lower().endswith(("authorization", "token", "api-key", "cookie"))

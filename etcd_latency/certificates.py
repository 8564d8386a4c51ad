"""The PEM files that the TLS options name: can they be read, did they change, until when are they good?

Base loads these files when a connection is made, passes over a missing one with a warning, and keeps
what it loaded for as long as the process lives. Asked here first, a missing or unreadable file gets its
own clear message, and a renewed certificate is noticed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509

from etcd_latency.errors import TlsRefused
from etcd_latency.model import Certificate

FILE_OPTIONS = ("tls_ca_cert", "tls_cert", "tls_private_key")

EXPIRED = 10
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED. It is found last: chain, signatures and host name are good by then."""

Stamp = tuple[tuple[int, int], ...]


def stamp(options: Mapping[str, Any]) -> Stamp:
    """Something that differs once a file was replaced; a file that is missing has a stamp, too."""
    return tuple(_file_stamp(path) for _, path in _files(options))


def check_readable(options: Mapping[str, Any]) -> None:
    """Raise `TlsRefused` for the first file that is missing, unreadable, or locked without a password."""
    for option, path in _files(options):
        try:
            content = path.read_bytes()
        except IsADirectoryError:
            continue  # `tls_ca_cert` may be one
        except FileNotFoundError:
            raise TlsRefused(f"`{option}`: there is no file {path}; correct the path, or create the file") from None
        except OSError as error:
            raise TlsRefused(
                f"`{option}`: {path} cannot be read by the Agent's user, uid {os.geteuid()} ({error.strerror}); "
                "let it read the file, for example with setfacl, or give it a copy"
            ) from None
        if b"ENCRYPTED" in content and not options.get("tls_private_key_password"):
            raise TlsRefused(f"`{option}`: {path} is encrypted; set `tls_private_key_password`")


def served(der: bytes) -> Certificate:
    """The certificate that a server shows."""
    return Certificate("server", "the server's certificate", x509.load_der_x509_certificate(der).not_valid_after_utc)


def configured(options: Mapping[str, Any], shown: bytes) -> Iterator[Certificate]:
    """The client certificate, and of the CAs in the file the one that signed what the server shows."""
    for option, path in _files(options):
        if option == "tls_private_key" or not path.is_file():
            continue
        found = _certificates(option, path)
        if option == "tls_cert":
            yield Certificate("client", f"the client certificate {path}", found[0].not_valid_after_utc)
        else:
            issuer = x509.load_der_x509_certificate(shown).issuer
            # Beside a new CA its predecessor may stand until all certificates are reissued.
            signers = [one for one in found if one.subject == issuer] or found
            yield Certificate("ca", f"the CA in {path}", max(one.not_valid_after_utc for one in signers))


def _certificates(option: str, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TlsRefused(f"`{option}`: the dates of the certificates in {path} cannot be read ({error})") from None


def expired_on(path: str) -> datetime | None:
    """When the certificate in this file ended (UTC), None while it is valid or cannot be read."""
    try:
        end = x509.load_pem_x509_certificate(Path(path).expanduser().read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
    return end if end < datetime.now(UTC) else None


def _files(options: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    for option in FILE_OPTIONS:
        path = options.get(option)
        if isinstance(path, str):
            yield option, _expanded(path)


@cache
def _expanded(path: str) -> Path:
    """Asked before every request, for a handful of paths."""
    return Path(path).expanduser()


def _file_stamp(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - a path's own method takes as long again
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino

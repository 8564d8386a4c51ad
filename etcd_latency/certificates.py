"""The PEM files that the TLS options name: can they be read, and did they change?

Base loads these files when a connection is made, passes over a missing one with a warning, and keeps
what it loaded for as long as the process lives. Asked here first, a missing or unreadable file gets its
own clear message, and a renewed certificate is noticed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from etcd_latency.errors import TlsRefused

FILE_OPTIONS = ("tls_ca_cert", "tls_cert", "tls_private_key")

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
            yield option, Path(path).expanduser()


def _file_stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino

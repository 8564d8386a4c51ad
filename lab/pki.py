"""A certificate authority and the certificates of one cluster, in a folder of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, as the PEM files that programs are configured with."""

    cert: Path
    key: Path


class Pki:
    """One certificate authority; `ca` is its certificate file.

    Every certificate is good for servers and clients alike: etcd's gateway dials its own
    gRPC listener with the server certificate, which then needs to be a client's as well.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = folder / "ca.crt"
        self._authority = trustme.CA(organization_name="etcd_latency lab")
        self._authority.cert_pem.write_to_path(str(self.ca))

    def issue(
        self, name: str, *hosts: str, expires_in: timedelta = timedelta(days=365), nameless: bool = False
    ) -> KeyPair:
        """Write `name.crt` and `name.key`, valid for `hosts` (default: loopback).

        A negative `expires_in` gives a certificate that has expired already. `nameless` leaves the common
        name out: once etcd knows users, its gateway turns away who shows a certificate with one.
        """
        expiry = datetime.now(UTC) + expires_in
        leaf = self._authority.issue_cert(
            *(hosts or LOOPBACK),
            common_name=None if nameless else name,
            not_before=expiry - timedelta(days=400),
            not_after=expiry,
        )
        pair = KeyPair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        leaf.cert_chain_pems[0].write_to_path(str(pair.cert))
        pair.key.touch(mode=0o600)
        leaf.private_key_pem.write_to_path(str(pair.key))
        return pair

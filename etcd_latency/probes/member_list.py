"""Who belongs to the cluster, as this member has it?

Asked of the member alone (`linearizable: false`, the gateway's default), so that lists can be compared, and
that there is one without a quorum (etcd: server/etcdserver/api/v3rpc/member.go).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from etcd_latency.errors import BadPage
from etcd_latency.model import ListedMember, MemberList
from etcd_latency.probes.fields import header, integer, objects, text, texts
from etcd_latency.probes.server import Server

HOST = re.compile(r"[\w.:\[\]%-]+")
"""Host and port, and nobody's password."""

MOST_MEMBERS = 50
"""etcd advises against more than 7; a list that is longer by far is not worth as many connections."""


def ask(server: Server) -> MemberList:
    """The member list, by id."""
    fields = server.gateway.call("cluster/member/list", {"linearizable": False}).fields
    answering, entries = header(fields), objects(fields, "members")
    if not entries:
        raise BadPage("etcd's member list is empty; is this an etcd member?")
    if len(entries) > MOST_MEMBERS:
        raise BadPage(f"etcd's member list has more than {MOST_MEMBERS} members; is this an etcd member?")
    members = (
        ListedMember(
            id=integer(member, "ID"),
            name=text(member, "name"),
            client_urls=tuple(filter(None, map(_address, texts(member, "clientURLs")))),
            is_learner=bool(member.get("isLearner", False)),
        )
        for member in entries
    )
    listed = tuple(sorted(members, key=lambda member: member.id))
    return MemberList(integer(answering, "cluster_id"), integer(answering, "member_id"), listed)


def _address(url: str) -> str | None:
    """A URL as the configuration has it: http or https, small letters, no path; None for what we cannot dial."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and HOST.fullmatch(parts.netloc) and parts.port != 0
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc.lower()}" if usable else None

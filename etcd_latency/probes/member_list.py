"""Who belongs to the cluster, as this member has it?

Asked of the member alone (`linearizable: false`, the gateway's default), so that lists can be compared, and
that there is one without a quorum (etcd: server/etcdserver/api/v3rpc/member.go).
"""

from __future__ import annotations

from etcd_latency.errors import BadPage
from etcd_latency.model import ListedMember, MemberList
from etcd_latency.probes import fields as read
from etcd_latency.probes.server import Server

MOST_MEMBERS = 50
"""etcd advises against more than 7; a list that is longer by far is not worth as many connections."""


def ask(server: Server) -> MemberList:
    """The member list, by id."""
    fields = server.gateway.call("cluster/member/list", {"linearizable": False}).fields
    header = read.header(fields)
    members = (
        ListedMember(
            id=read.integer(member, "ID"),
            name=read.text(member, "name"),
            client_urls=read.texts(member, "clientURLs"),
            is_learner=bool(member.get("isLearner", False)),
        )
        for member in read.objects(fields, "members")
    )
    if len(read.objects(fields, "members")) > MOST_MEMBERS:
        raise BadPage(f"etcd's member list has more than {MOST_MEMBERS} members; is this an etcd member?")
    listed = tuple(sorted(members, key=lambda member: member.id))
    if not listed:
        raise BadPage("etcd's member list is empty; is this an etcd member?")
    return MemberList(read.integer(header, "cluster_id"), read.integer(header, "member_id"), listed)

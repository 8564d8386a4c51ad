"""The faults of the lab are what they claim to be, as etcd itself tells it."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from lab import cluster, faults
from lab.cluster import Cluster, Member
from lab.process import LabError
from lab.recipes import ETCD

KEY = "YQ=="


def post(lab: Cluster, member: Member, path: str, token: str = "", **body: Any) -> requests.Response:
    headers = {"Authorization": token} if token else {}
    with lab.session() as session:
        return session.post(f"{member.client_url}/v3/{path}", json=body, headers=headers, timeout=30)


def get(lab: Cluster, url: str) -> requests.Response:
    with lab.session() as session:
        return session.get(url, timeout=30)


def health(lab: Cluster) -> list[int]:
    return [get(lab, f"{member.client_url}/health").status_code for member in lab.members]


def unhealthy(lab: Cluster, reason: str) -> dict[str, str]:
    """How an etcd of this version says that it is not well; 3.4 does not say why."""
    return {"health": "false"} | ({} if lab.version.startswith("3.4.") else {"reason": reason})


def test_the_version_is_what_the_program_says(lab: Cluster) -> None:
    """Over HTTP it tells the same as on its command line."""
    answer = get(lab, f"{lab.members[0].client_url}/version").json()
    assert answer["etcdserver"] == lab.version
    assert lab.version.startswith(("3.4.", "3.5."))


def test_etcdctl_speaks_to_every_member(lab: Cluster) -> None:
    """Its answers come back parsed, one for each member that was asked."""
    asked = [status["Endpoint"] for status in lab.etcdctl("endpoint", "status")]
    assert asked == [member.client_url for member in lab.members]
    (one,) = lab.etcdctl("endpoint", "status", members=lab.members[1:2])
    assert one["Endpoint"] == lab.members[1].client_url


def test_etcdctl_that_fails_says_why(lab: Cluster) -> None:
    with pytest.raises(LabError, match=r"etcdctl failed: .*unknown command"):
        lab.etcdctl("no-such-command")


def test_without_links_nobody_has_a_leader(lab: Cluster) -> None:
    """Every member is unhealthy for that reason, answers what needs no leader, and recovers."""
    with faults.no_leader(lab):
        for member in lab.members:
            answer = get(lab, f"{member.client_url}/health")
            assert (answer.status_code, answer.json()) == (503, unhealthy(lab, "RAFT NO LEADER"))
            assert post(lab, member, "maintenance/status").ok
            assert post(lab, member, "cluster/member/list").ok
    assert health(lab) == [200, 200, 200]


def test_a_read_without_a_leader_times_out(lab: Cluster) -> None:
    """etcd gives a linearizable read 7 seconds, a serializable one none of its waiting."""
    with faults.no_leader(lab):
        assert post(lab, lab.members[0], "kv/range", key=KEY, serializable=True).status_code == 200
        started = time.monotonic()
        answer = post(lab, lab.members[0], "kv/range", key=KEY)
        assert 5 < time.monotonic() - started < 20
    assert answer.status_code == 503
    assert answer.json()["message"] == "etcdserver: request timed out"


def test_an_isolated_member_is_alone(lab: Cluster) -> None:
    """One member is cut off both ways; the two others go on."""
    with faults.isolated(lab, lab.members[1]):
        assert health(lab) == [200, 503, 200]
        assert post(lab, lab.members[0], "kv/range", key=KEY).ok
    assert health(lab) == [200, 200, 200]


def test_only_proxied_clusters_can_be_cut(full: Cluster) -> None:
    with pytest.raises(LabError, match="etcd-1 has no link that could be cut: start its cluster with proxied=True"):
        faults.no_leader(full).__enter__()


def test_a_full_cluster_raises_the_alarm(full: Cluster) -> None:
    """No member takes a write any more, all say why in their own way, reads go on."""
    for member in full.members:
        refusal = post(full, member, "kv/put", key=KEY, value=faults.FILLER)
        assert (refusal.status_code, refusal.json()["code"]) == (429, 8)
        assert refusal.json()["message"] == "etcdserver: mvcc: database space exceeded"
        answer = get(full, f"{member.client_url}/health")
        assert (answer.status_code, answer.json()) == (503, unhealthy(full, "ALARM NOSPACE"))
        assert post(full, member, "kv/range", key=KEY).ok
    nospace = 1
    assert {alarm["alarm"] for alarm in full.etcdctl("alarm", "list")["alarms"]} == {nospace}


def test_a_learner_has_no_vote(lab: Cluster) -> None:
    """It is listed as a learner, is healthy, answers its status, and refuses what voters do; then it is gone."""
    with faults.learner(lab) as grown:
        learner = grown.members[-1]
        listed = {member["name"]: member.get("isLearner", False) for member in lab.etcdctl("member", "list")["members"]}
        assert listed == {"etcd-1": False, "etcd-2": False, "etcd-3": False, learner.name: True}
        assert health(grown) == [200, 200, 200, 200]
        assert post(grown, learner, "maintenance/status").json()["isLearner"] is True
        for refused in ("kv/range", "cluster/member/list", "maintenance/alarm"):
            answer = post(grown, learner, refused, **({"key": KEY} if refused == "kv/range" else {}))
            assert answer.status_code == 503
            assert answer.json()["message"] == "etcdserver: rpc not supported for learner"
    assert len(lab.etcdctl("member", "list")["members"]) == 3


def test_learners_can_come_one_after_the_other(lab: Cluster) -> None:
    """The second does not stumble over what the first one left."""
    for _ in range(2):
        with faults.learner(lab) as grown:
            assert health(grown) == [200, 200, 200, 200]


def test_a_removed_member_ends(binary: str) -> None:
    """The others no longer know it, and its process ends by itself."""
    with cluster.running(binary=binary) as lab:
        gone = lab.members[2]
        left = faults.remove(lab, gone)
        assert {member["name"] for member in left.etcdctl("member", "list")["members"]} == {"etcd-1", "etcd-2"}
        assert not gone.process.running
        assert health(left) == [200, 200]


def test_with_users_the_gateway_wants_a_nameless_client(lab: Cluster) -> None:
    """A certificate with a common name is turned away, and only by the gateway."""
    with faults.users(lab):
        answer = post(lab, lab.members[0], "maintenance/status")
        assert answer.status_code == 400
        assert answer.text.startswith("CommonName of client sending a request against gateway will be ignored")
        assert health(lab) == [200, 200, 200]
    assert post(lab, lab.members[0], "maintenance/status").ok


def test_users_may_do_what_their_roles_allow(lab: Cluster) -> None:
    """Status, members and alarms are everybody's; a key is not."""
    with faults.users(lab) as secured:
        member = secured.members[0]
        tokens = {
            login.name: post(secured, member, "auth/authenticate", **login._asdict()).json()["token"]
            for login in (faults.ROOT, faults.MONITOR)
        }
        for token in ("", tokens["monitor"]):
            assert post(secured, member, "maintenance/status", token).ok
            assert post(secured, member, "cluster/member/list", token).ok
            assert post(secured, member, "maintenance/alarm", token, action="GET").ok
        answers = {
            "root": post(secured, member, "kv/range", tokens["root"], key=KEY),
            "monitor": post(secured, member, "kv/range", tokens["monitor"], key=KEY),
            "nobody": post(secured, member, "kv/range", key=KEY),
            "forged": post(secured, member, "kv/range", "forged.1", key=KEY),
        }
        told = {who: (answer.status_code, answer.json().get("message")) for who, answer in answers.items()}
    assert told == {
        "root": (200, None),
        "monitor": (403, "etcdserver: permission denied"),
        "nobody": (400, "etcdserver: user name is empty"),
        "forged": (401, "etcdserver: invalid auth token"),
    }


def test_a_wrong_password_gets_no_token(lab: Cluster) -> None:
    with faults.users(lab) as secured:
        answer = post(secured, secured.members[0], "auth/authenticate", name="monitor", password="wrong")
    assert answer.status_code == 400
    assert answer.json()["message"] == "etcdserver: authentication failed, invalid user ID or password"


def test_the_gateway_can_be_off(binary: str) -> None:
    """Then nothing answers below /v3, and all else is as it was."""
    with cluster.running(1, binary=binary, flags=["--enable-grpc-gateway=false"]) as lab:
        assert post(lab, lab.members[0], "maintenance/status").status_code == 404
        assert get(lab, f"{lab.members[0].client_url}/version").ok
        assert lab.etcdctl("endpoint", "health")[0]["health"] is True


def test_the_metrics_listener_knows_no_gateway(lab: Cluster) -> None:
    """It serves the page and the health, and neither the version nor the gateway."""
    url = lab.members[0].metrics_url
    told = {path: get(lab, f"{url}/{path}").status_code for path in ("metrics", "health", "version", "v3/kv/range")}
    assert told == {"metrics": 200, "health": 200, "version": 404, "v3/kv/range": 404}


def test_http_can_have_a_listener_of_its_own() -> None:
    """What speaks gRPC then speaks no HTTP. Of the etcds of the lab, only the newest can do this."""
    with cluster.running(1, binary=ETCD["3.5.16"].program("etcd"), http=True) as lab:
        member = lab.members[0]
        assert get(lab, f"{member.client_url}/version").json()["etcdserver"] == lab.version
        assert post(lab, member, "maintenance/status").ok
        with pytest.raises(requests.ConnectionError):
            get(lab, f"{member.urls.grpc}/version")
        assert lab.etcdctl("endpoint", "health")[0]["health"] is True

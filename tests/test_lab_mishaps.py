"""What befalls a stage in scenarios is real, and the cluster is as it was when it is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import cluster
from lab.cluster import Cluster
from lab.recordings import chores, mishaps
from lab.recordings.stage import Stage
from tests.test_lab_pressure import QUOTA, becomes, total

LEADERS = "etcd_server_leader_changes_seen_total"
PUTS = {"family": "grpc_server_handled_total", "grpc_method": "Put"}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Three members behind links, with clients."""
    with cluster.running(proxied=True) as lab:
        standing = Stage(lab, None)
        with standing.clients:
            standing.work()
            yield standing


def alarms(lab: Cluster) -> list[tuple[int, int]]:
    """Who raised an alarm, and its number: 1 is NOSPACE, 2 is CORRUPT, whose member is not told."""
    return [(alarm.get("memberID", 0), alarm["alarm"]) for alarm in lab.etcdctl("alarm", "list").get("alarms") or ()]


def test_flapping(stage: Stage) -> None:
    """One follower sees its leader go and come, more often than any other member does."""
    member = mishaps.follower(stage.lab)
    before = {each.name: total(stage.lab, each, LEADERS) for each in stage.lab.members}
    with mishaps.flapping(stage):
        assert becomes(lambda: total(stage.lab, member, LEADERS) >= before[member.name] + 2)
    gained = {each.name: total(stage.lab, each, LEADERS) - before[each.name] for each in stage.lab.members}
    assert all(gained[member.name] > gain for name, gain in gained.items() if name != member.name)


def test_small_quota(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The member with less room raises the alarm, which nobody has afterwards; its quota is as large as before."""
    monkeypatch.setattr(mishaps, "GROWTH_SECONDS", 6.0)
    lab, member = stage.lab, mishaps.follower(stage.lab)
    quota = total(lab, member, "etcd_server_quota_backend_bytes")
    (status,) = lab.etcdctl("endpoint", "status", members=[member])
    with mishaps.small_quota(QUOTA)(stage):
        assert total(lab, member, "etcd_server_quota_backend_bytes") == QUOTA < quota
        assert becomes(lambda: alarms(lab) == [(status["Status"]["header"]["member_id"], 1)])
    assert alarms(lab) == []
    assert total(lab, member, "etcd_server_quota_backend_bytes") == quota


def test_corrupt() -> None:
    """Members find that one of them has other data, and raise the alarm; afterwards they are of one mind again."""
    # Without clients: a crash while much is written may cost 3.5.1 data by itself.
    with cluster.running(flags=[mishaps.CORRUPT_CHECK.replace("5s", "1s")]) as lab:
        with mishaps.corrupt(Stage(lab, None)):
            assert becomes(lambda: [kind for _, kind in alarms(lab)] == [2])
        assert alarms(lab) == []
        (kept,) = lab.etcdctl("get", "/intact", "--print-value-only", "--write-out=simple").splitlines()
    assert kept == mishaps.INTACT


def test_week(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is done to every member that it is done to, nobody is left out, and clients work at the end."""
    for pause in ("REST_SECONDS", "DOWN_SECONDS", "BUSY_SECONDS", "NIGHT_SECONDS", "MORNING_SECONDS"):
        monkeypatch.setattr(chores, pause, 0.5)
    pids = {member.process.pid for member in stage.lab.members}
    revision = total(stage.lab, stage.lab.members[0], "etcd_debugging_mvcc_compact_revision")
    with chores.week(stage):
        pass
    assert (stage.lab.folder / "backup.db").stat().st_size > 0
    assert not pids & {member.process.pid for member in stage.lab.members}
    assert len(stage.lab.etcdctl("member", "list")["members"]) == 3
    before = total(stage.lab, stage.lab.members[0], **PUTS)
    assert becomes(lambda: total(stage.lab, stage.lab.members[0], **PUTS) > before)
    assert total(stage.lab, stage.lab.members[0], "etcd_debugging_mvcc_compact_revision") > revision


def test_a_chore_that_fails(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong with a chore is raised, so that no recording is kept of half a week."""
    monkeypatch.setattr(chores, "CHORES", (_fails,))
    with pytest.raises(ZeroDivisionError), chores.week(stage):
        pass


def _fails(_: Stage) -> None:
    raise ZeroDivisionError

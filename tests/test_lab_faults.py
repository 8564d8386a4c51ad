"""Faults of the lab are real, are said in a sentence, and are undone, whatever happens meanwhile."""

from __future__ import annotations

import gc
import io
import re
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from rich.console import Console

from etcd_latency.standalone import Run
from lab import cgroups, cluster, debian, demo, faults, strace, trouble
from lab.agent import Flush
from lab.cluster import Cluster, Member
from lab.process import LabError
from lab.trouble import FAULTS

FSYNC = "etcd_disk_wal_fsync_duration_seconds"
COMMIT = "etcd_disk_backend_commit_duration_seconds"
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
"""A member that is killed, or out of descriptors, breaks connections in the middle of a handshake; what is left of
those in the lab's own client, the collector closes."""

PUT = {"key": "a2V5", "value": "dmFsdWU="}


@pytest.fixture(scope="module", autouse=True)
def nothing_left() -> Iterator[None]:
    """And it does so here, not in the tests of others."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def page(lab: Cluster, member: Member, timeout: float = 10) -> dict[str, float]:
    """The series of a member's page and their values."""
    with lab.session() as session:
        lines = session.get(f"{member.metrics_url}/metrics", timeout=timeout).text.splitlines()
    series = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in series}


def put(lab: Cluster, member: Member, timeout: float = 10) -> tuple[bool, float]:
    """Whether a write through this member succeeds, and how long that takes."""
    with lab.session() as session:
        started = time.monotonic()
        answer = session.post(f"{member.client_url}/v3/kv/put", json=PUT, timeout=timeout)
        return answer.ok, time.monotonic() - started


def mean(lab: Cluster, member: Member, histogram: str) -> float:
    """The mean of what is observed while something is written."""
    before = page(lab, member)
    total = count = 0.0
    while not count:  # the database is written every 100 ms, or when the disk is done
        for _ in range(3):
            put(lab, member)
        time.sleep(0.5)
        after = page(lab, member)
        total, count = (after[f"{histogram}_{part}"] - before[f"{histogram}_{part}"] for part in ("sum", "count"))
    return total / count


def log_is_slow(lab: Cluster, member: Member) -> bool:
    return mean(lab, member, FSYNC) >= 0.5 * trouble.SYNC_SECONDS


def database_is_slow(lab: Cluster, member: Member) -> bool:
    return mean(lab, member, COMMIT) >= trouble.SYNC_SECONDS > mean(lab, member, FSYNC)


def writes_are_slow(lab: Cluster, member: Member) -> bool:
    """Round trips take two delays."""
    return min(put(lab, member)[1] for _ in range(3)) >= 2 * trouble.LINK_SECONDS


def follows_nobody(lab: Cluster, member: Member) -> bool:
    return not faults.has_leader(lab, member)


def answers_nothing(lab: Cluster, member: Member) -> bool:
    try:
        page(lab, member, timeout=0.3)
    except requests.Timeout:
        return True
    return False


def refuses(lab: Cluster, member: Member) -> bool:
    try:
        page(lab, member)
    except requests.ConnectionError:
        return True
    return False


def takes_no_writes(lab: Cluster, member: Member) -> bool:
    return not put(lab, member)[0]


def descriptors_run_out(lab: Cluster, member: Member) -> bool:
    told = page(lab, member)
    return told["process_open_fds"] >= 0.8 * told["process_max_fds"]


def has_a_quota(_: Cluster, member: Member) -> bool:
    return f"etcd-latency-lab-{member.process.pid}\n" in Path(f"/proc/{member.process.pid}/cgroup").read_text()


EFFECTS: dict[str, Callable[[Cluster, Member], bool]] = {
    "slow-disk": log_is_slow,
    "slow-disk-follower": log_is_slow,
    "slow-database": database_is_slow,
    "slow-network": writes_are_slow,
    "slow-network-follower": writes_are_slow,
    "cut-network": follows_nobody,
    "cut-network-follower": follows_nobody,
    "hung": answers_nothing,
    "hung-leader": answers_nothing,
    "killed": refuses,
    "killed-leader": refuses,
    "full": takes_no_writes,
    "descriptors": descriptors_run_out,
    "starved-cpu": has_a_quota,
    "starved-cpu-follower": has_a_quota,
}
"""What is to be seen of each fault at the member that it strikes, and is not any more when it is undone."""


@pytest.fixture(scope="module")
def small(binary: str) -> Iterator[Cluster]:
    """One member with a small quota."""
    with cluster.running(1, binary=binary, flags=trouble.SMALL) as running:
        yield running


def follower(lab: Cluster) -> Member:
    """The first of those that do not lead."""
    leader = faults.leader(lab)
    return next(member for member in lab.members if member is not leader)


def seen(lab: Cluster, member: Member, name: str) -> bool:
    """Whether a fault has its effect; a machine that is busy may hide for a moment which part is slower."""
    return any(EFFECTS[name](lab, member) for _ in range(5))


def over(lab: Cluster, member: Member, name: str) -> bool:
    """Whether the effect of a fault is gone; a machine that is busy may look like it for a moment."""
    return any(not EFFECTS[name](lab, member) for _ in range(5))


@contextmanager
def _where_it_can_be() -> Iterator[None]:
    """Without root, or in a container, the kernel may refuse what these faults need."""
    try:
        yield
    except LabError as error:
        if "needs" in str(error):
            pytest.skip(str(error))
        raise


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_real_and_is_undone(name: str, lab: Cluster, request: pytest.FixtureRequest) -> None:
    """Its effect is seen in the block, and is over after it, also when the block ended with an error."""
    fault = FAULTS[name]
    lab = request.getfixturevalue("small") if fault.flags else lab
    with _where_it_can_be(), suppress(KeyError), trouble.injected(lab, fault) as says:
        named = [member for member in lab.members if member.name in says]
        assert len(named) == (fault.strikes != "all")
        member = (named or lab.members)[0]
        assert seen(lab, member, name)
        raise KeyError
    cluster.wait_until_healthy(lab)
    assert over(lab, member, name)


@pytest.mark.parametrize("name", ["slow-disk", "starved-cpu", "descriptors"])
def test_a_fault_of_a_member_that_ends_meanwhile_is_undone(name: str, small: Cluster) -> None:
    """What was done to its process is gone with it; nothing complains, and nothing is left."""
    (member,) = small.members
    with _where_it_can_be(), FAULTS[name].inject(small, member), faults.killed(small, member):
        pass
    assert over(small, member, name)


def test_a_slow_follower_does_not_slow_the_others(lab: Cluster) -> None:
    """Its links are slow, and theirs are not: the leader and the other make a quorum."""
    leader, delay = faults.leader(lab), 0.3  # well below the second after which it would want to lead
    with faults.slow_links(lab, delay, follower(lab)):
        assert min(put(lab, leader)[1] for _ in range(5)) < delay


def test_every_fault_is_told_in_a_sentence() -> None:
    """`list` names each with what it does; whom it strikes stands in it."""
    lines = trouble.listing().splitlines()
    assert [line.split()[0] for line in lines] == list(FAULTS)
    for line, fault in zip(lines, FAULTS.values(), strict=True):
        assert len(line.split()) > 4
        assert ("{member}" in fault.says) == (fault.strikes != "all")
        assert "." not in fault.says


def test_a_member_that_is_too_busy_is_asked_again() -> None:
    """That it does not answer in time says nothing of what is waited for."""
    answers = iter([requests.ReadTimeout(), False, requests.ConnectTimeout(), True])

    def probe() -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    faults.wait_until("it is so", probe)
    assert list(answers) == []


SYNCING = """
import os, sys, time
with open(sys.argv[1], "wb") as first, open(sys.argv[2], "wb") as second:
    while True:
        sys.stdin.readline()
        for file in (first, second):
            started = time.monotonic()
            os.fsync(file.fileno())
            print(time.monotonic() - started, flush=True)
"""


@pytest.fixture
def syncing(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that syncs two files when it is asked to, and says how long each took."""
    command = [sys.executable, "-c", SYNCING, str(tmp_path / "first"), str(tmp_path / "second")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as program:
        durations(program)
        yield program
        program.kill()


def durations(program: subprocess.Popen[str]) -> list[float]:
    """How long a sync of each of its files takes: the best of three."""
    assert program.stdin
    assert program.stdout
    tries = []
    for _ in range(3):
        program.stdin.write("\n")
        tries.append([float(program.stdout.readline()) for _ in range(2)])
    return [min(each) for each in zip(*tries, strict=True)]


@pytest.mark.parametrize(("file", "slow"), [(None, [True, True]), ("second", [False, True])])
def test_syncs_are_slow_as_long_as_wanted(
    syncing: subprocess.Popen[str], tmp_path: Path, file: str | None, slow: list[bool]
) -> None:
    """From the first sync in the block to the last, of all files or of one."""
    with _where_it_can_be(), strace.slow_syncs(syncing.pid, 0.3, tmp_path / file if file else None):
        assert [took >= 0.3 for took in durations(syncing)] == slow
    assert [took >= 0.3 for took in durations(syncing)] == [False, False]


def test_a_process_that_is_gone_cannot_be_slowed() -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    with _where_it_can_be(), pytest.raises(LabError, match="strace could not"), strace.slow_syncs(gone.pid, 0.1):
        pass


def test_a_missing_strace_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where it is neither installed nor to be fetched."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ETCD_LATENCY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(debian.MIRROR, raising=False)
    with pytest.raises(LabError, match="cannot be fetched: apt-get install strace"), strace.slow_syncs(1, 0.1):
        pass


def test_a_quota_holds_a_process_down() -> None:
    """A program that does nothing but count gets the share that it is given; it is let go of afterwards."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            home = Path(f"/proc/{busy.pid}/cgroup").read_text()
            with _where_it_can_be(), cgroups.cpu_quota(busy.pid, 0.1):
                before, started = cpu_seconds(busy.pid), time.monotonic()
                time.sleep(1)
                assert cpu_seconds(busy.pid) - before <= 0.3 * (time.monotonic() - started)
            assert Path(f"/proc/{busy.pid}/cgroup").read_text() == home
        finally:
            busy.kill()


def test_a_quota_outlives_no_process() -> None:
    """Its group is removed also when the process has ended meanwhile."""
    with subprocess.Popen(["sleep", "60"]) as sleeper, _where_it_can_be(), cgroups.cpu_quota(sleeper.pid, 0.5):
        group = cgroups.hierarchy().root / f"etcd-latency-lab-{sleeper.pid}"
        assert group.exists()
        sleeper.kill()
        sleeper.wait()
    assert not group.exists()


def cpu_seconds(pid: int) -> float:
    """What a process has used, by the kernel's clock, which ticks 100 times a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.parametrize(
    ("mount", "controllers", "quota"),
    [
        ("cgroup {} cgroup rw,nosuid,cpu,cpuacct", None, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "3000"}),
        ("cgroup2 {} cgroup2 rw,nosuid", "cpuset cpu io\n", {"cpu.max": "3000 100000"}),
        ("cgroup2 {} cgroup2 rw,nosuid", "memory\n", None),
        ("cgroup {} cgroup rw,cpuset", None, None),
    ],
)
def test_both_versions_of_cgroups_are_known(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mount: str,
    controllers: str | None,
    quota: Mapping[str, str] | None,
) -> None:
    """Where one is mounted with the CPU; else it is said that there is none."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"proc /proc proc rw 0 0\n{mount.format(tmp_path)} 0 0\n")
    monkeypatch.setattr(cgroups, "MOUNTS", mounts)
    if controllers:
        (tmp_path / "cgroup.subtree_control").write_text(controllers)
    with nullcontext() if quota else pytest.raises(LabError, match="of which this machine has none mounted"):
        found = cgroups.hierarchy()
        assert found.root == tmp_path
        assert found.quota(3000) == quota


# The demo.


def test_the_demo_lists_its_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """On request to standard output; to who asks for another, as an error."""
    assert demo.main(["--fault", "list"]) == 0
    assert capsys.readouterr().out == f"{trouble.listing()}\n"
    assert demo.main(["--fault", "earthquake"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"demo: there is no fault 'earthquake'; choose one of these:\n{trouble.listing()}\n"


def test_the_demo_says_at_once_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not when the fault is due, and not as a traceback."""
    mounts = tmp_path / "mounts"
    mounts.touch()
    monkeypatch.setattr(cgroups, "MOUNTS", mounts)
    monkeypatch.setattr(demo, "stop_at_signals", threading.Event)
    assert demo.main(["--fault", "starved-cpu"]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert told.startswith("demo: a CPU quota needs cgroups with the cpu controller")
    assert "Stopped" not in told


def test_the_demo_shows_a_fault_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Well, struck, well again; each turn is told in a line; then it ends by itself."""
    monkeypatch.setattr(demo, "INTERVAL_SECONDS", 0.5)
    monkeypatch.setattr(demo, "HEALTHY_RUNS", 2)
    told = io.StringIO()
    fault = replace(FAULTS["killed"], seconds=1.0)
    demo.demonstrate(Console(width=100, file=told), None, threading.Event(), fault)
    well, _, rest = told.getvalue().partition("The fault begins: etcd-")
    ill, _, again = rest.partition("\nThe fault is taken away.\n")
    assert ill[1:].startswith(", a follower, has ended, as in a crash.\n")
    assert [len(re.findall("(?m)^run ", part)) for part in (well, ill, again)] == [2, 2, 2]
    assert [part.count(" down ") for part in (well, ill, again)] == [0, 2, 0]


def test_the_demo_undoes_a_fault_that_it_has_no_time_to_end(lab: Cluster) -> None:
    """Ctrl-C while it lasts."""
    said: list[str] = []
    story = demo.Story(lab, FAULTS["hung"], said.append)
    member = follower(lab)
    for number in range(1, demo.HEALTHY_RUNS + 1):
        assert over(lab, member, "hung")
        story.go_on(number)
    assert answers_nothing(lab, member)
    story.close()
    assert over(lab, member, "hung")
    assert len(said) == 1


def test_the_demo_shows_what_the_check_finds(lab: Cluster) -> None:
    """The worst cause first, those that were not found not at all, and each event with its text."""
    points = {
        ("diagnosis.severity", frozenset({"cause:load", "etcd_member:", "etcd_cluster:lab"})): 1.0,
        ("diagnosis.severity", frozenset({"cause:disk_wal", "etcd_member:etcd-2", "etcd_cluster:lab"})): 2.0,
        ("diagnosis.severity", frozenset({"cause:cpu", "etcd_cluster:lab"})): 0.0,
    }
    event = {"msg_title": "The disk [of etcd-2]", "msg_text": "It is slow.\nVery."}
    flush = Flush(points, 5.0, Run((), (), (event,), (), 0.1))
    console = Console(width=100)
    with console.capture() as captured:
        console.print(demo.table(lab, flush, 7), *demo.events(flush), sep="\n")
    assert captured.get().rstrip().splitlines()[-5:] == [
        "diagnosis: disk_wal, etcd-2: critical",
        "diagnosis: load, the whole cluster: warning",
        "event: The disk [of etcd-2]",
        "  It is slow.",
        "  Very.",
    ]

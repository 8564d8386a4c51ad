"""What is recorded of a real cluster makes the check say again what it said then."""

from __future__ import annotations

import lzma
import math
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest

from etcd_latency.client import Client
from etcd_latency.derive import intervals
from etcd_latency.errors import TimedOut
from etcd_latency.model import Page
from etcd_latency.standalone import Run
from lab import cluster, faults, load
from lab.recordings import record, stage
from lab.recordings.excerpt import excerpt
from lab.recordings.record import certificates_of, taken
from lab.recordings.recording import FOLDER, SUFFIX, Answer, Recording, read
from lab.recordings.replay import Player, playing
from lab.recordings.scenarios import SCENARIOS, Scenario
from tests.conftest import recorded

RUNS = 3
SPACING = 0.5
"""Seconds between runs, when played as well."""
EVERYTHING = {"timeout": 30, "alarm_list_interval": 0.01, "member_list_interval": 0.01}
"""Options of the check with which each run asks all questions, as each run does that is played."""
NEEDED = (
    "alarm.active",
    "certificate.days_left",
    "cluster.fault_tolerance",
    "cluster.members.reachable",
    "cluster.versions",
    "diagnosis.severity",
    "disk.backend_commit.duration.avg",
    "disk.backend_commit.duration.p99",
    "disk.wal_fsync.duration.avg",
    "disk.wal_fsync.duration.p99",
    "grpc.server.handled.count",
    "grpc.server.unfinished",
    "mvcc.db.in_use_size",
    "mvcc.db.quota.used",
    "mvcc.db.total_size",
    "mvcc.slow_watchers",
    "mvcc.watchers",
    "process.max_fds",
    "process.open_fds",
    "process.resident_memory",
    "server.has_leader",
    "server.heartbeat_send_failures.count",
    "server.leader_changes.count",
    "server.proposals.apply_lag",
    "server.proposals.failed.count",
    "server.quota_backend",
    "server.slow_apply.count",
)
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
"""A member that is killed breaks connections in the middle of a handshake."""


class Both(NamedTuple):
    """A file, and what was submitted while it was recorded and when it is played."""

    path: Path
    folder: str
    """Of the cluster."""
    live: list[Run]
    played: list[Run]


@pytest.fixture(scope="module", autouse=True)
def _no_round_trips() -> Iterator[None]:
    """Whether they count yet is told by the clock, which a replay has not to the second."""
    with patch.object(intervals, "WARM_UP_SECONDS", math.inf):
        yield


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """Some runs of a healthy cluster, and as many after a member was killed."""
    path = tmp_path_factory.mktemp("recordings") / "short.json.xz"
    with cluster.running() as lab, load.running(lab):
        instance = lab.instance(**EVERYTHING)
        recording = Recording(
            name="short",
            made_by="a test",
            versions=(lab.version,),
            began=time.time(),
            spacing=SPACING,
            pace=SPACING,
            instance=record.shown(instance),
            certificates=certificates_of(instance),
        )
        take = taken(recording, instance)
        live = [_later(take()) for _ in range(RUNS)]
        with faults.killed(lab, lab.members[-1]):
            recording.say("a member is killed")
            live += [_later(take()) for _ in range(RUNS)]
    recording.write(path)
    with playing(read(path)) as runs:
        played = [run for _, run in runs]
    return Both(path, str(lab.folder), live, played)


def _later(run: Run) -> Run:
    time.sleep(SPACING)
    return run


def _samples(run: Run) -> dict[tuple[str, tuple[str, ...]], float]:
    return {(metric.name, metric.tags): metric.value for metric in run.metrics}


def _connected(run: Run) -> set[int]:
    return {check.status for check in run.service_checks if check.name == "etcd_latency.can_connect"}


def test_service_checks(both: Both) -> None:
    """Each run has the same service checks with the same words, those of the member that was killed among them."""
    for live, played in zip(both.live, both.played, strict=True):
        assert played.service_checks == live.service_checks
    assert [_connected(run) for run in both.played] == [{0}] * RUNS + [{0, 2}] * RUNS


def test_events_and_errors(both: Both) -> None:
    """No run raises that did not, and the events are about the same."""
    for live, played in zip(both.live, both.played, strict=True):
        assert played.errors == live.errors == ()
        assert [event["msg_title"] for event in played.events] == [event["msg_title"] for event in live.events]


def test_values(both: Both) -> None:
    """What is played was submitted, with the same value; what questions took is told to the millisecond."""
    for live, played in zip(both.live, both.played, strict=True):
        was = _samples(live)
        for series, value in _samples(played).items():
            allowed = 0.001 if ".probe." in series[0] else 1e-5
            assert value == pytest.approx(was[series], rel=1e-5, abs=allowed), series


def test_nothing_is_kept_in_part(both: Both) -> None:
    """A metric that is played lacks no series, but for the calls that nobody made."""
    for live, played in zip(both.live, both.played, strict=True):
        kept = _samples(played)
        names = {name for name, _ in kept}
        left_out = {series: value for series, value in _samples(live).items() if series not in kept}
        assert {name: value for (name, _), value in left_out.items() if name in names and value} == {}


def test_a_slow_machine_plays_the_same(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though a run takes longer than the pace of the recording, and than the check's patience."""
    recording, quickly = read(both.path), Player.page

    def slowly(player: Player) -> Page:
        time.sleep(0.0 if player._tape.run else 3 * SPACING)
        return quickly(player)

    monkeypatch.setattr(Player, "page", slowly)
    monkeypatch.setattr(recording, "instance", {**recording.instance, "timeout": 0.1})
    with playing(recording) as runs:
        played = [run for _, run in runs]
    for slow, quick in zip(played, both.played, strict=True):
        assert _samples(slow) == pytest.approx(_samples(quick))
        assert slow.service_checks == quick.service_checks


def test_a_late_error_belongs_to_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a time-out may be told after its time; the recording has it where it was."""

    def late(_: Client) -> Page:
        time.sleep(1.0)
        raise TimedOut("late")

    monkeypatch.setattr(Client, "page", late)
    url = "http://127.0.0.1:1"
    instance = {"cluster": "lab", "members": [url], "timeout": 0.1, "skip_proxy": True, "probes": False}
    recording = Recording("late", "a test", (), 0.0, 1.0, {}, {})
    taken(recording, instance)()
    assert recording.answers == {f"member {url} page": {0: Answer("late", error="TimedOut")}}


@pytest.mark.parametrize("name", NEEDED)
def test_needed(both: Both, name: str) -> None:
    """What monitors look at is there."""
    assert any(metric.name == f"etcd_latency.{name}" for run in both.played for metric in run.metrics)


def test_secrets(both: Both) -> None:
    """A file has the certificates, but no key and no path of the machine on which it was made."""
    text = lzma.decompress(both.path.read_bytes()).decode()
    assert "BEGIN CERTIFICATE" in text
    assert "PRIVATE KEY" not in text
    assert both.folder not in text


def test_shown() -> None:
    """Keys and tokens are left out of an instance and of its blocks, and files are named as their options are."""
    block = {"endpoints": ["u"], "tls_ca_cert": "/pki/ca.crt", "extra_headers": {"Authorization": "Bearer t"}}
    instance = {"cluster": "lab", "tls_cert": "/pki/c.crt", "tls_private_key": "/pki/c.key", "apiserver": block}
    assert record.shown(instance) == {"cluster": "lab", "tls_cert": "tls_cert", "apiserver": {"endpoints": ["u"]}}


def test_excerpt() -> None:
    """Of a page stay families that are wanted, each behind its type, without calls of which there were none."""
    page = excerpt(recorded("etcd-3.5.16/m1-leader-load").decode())
    assert "# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\n" in page
    assert "go_" not in page
    assert " 0\n" in page
    assert not re.search(r"^grpc.* 0$", page, re.MULTILINE)
    assert excerpt(page) == page


def test_types_of_objects() -> None:
    """Of an API server the check tells calls by their operation, so that their types are summed."""
    lines = (
        f'etcd_request_duration_seconds_count{{operation="{operation}",type="{kind}"}} {value}\n'
        for operation, kind, value in (("get", "a", 1), ("get", "b", 2), ("list", "a", 4))
    )
    page = "# TYPE etcd_request_duration_seconds histogram\n"
    assert excerpt(page + "".join(lines)) == (
        f'{page}etcd_request_duration_seconds_count{{operation="get"}} 3\n'
        'etcd_request_duration_seconds_count{operation="list"} 4\n'
    )


@pytest.mark.parametrize(
    ("text", "plain"),
    [("1.234e+03", "1234"), ("0.00012345678", "0.000123"), ("NaN", "NaN"), ("1e+300", "1e+300"), ("-2.5", "-2.5")],
)
def test_numbers(text: str, plain: str) -> None:
    """Numbers are written in one way, to the millionth; what is none, or too large to be exact, as it was."""
    line = 'etcd_server_has_leader{{a="1"}} {}\n'
    page = "# TYPE etcd_server_has_leader gauge\n"
    assert excerpt(page + line.format(text)) == page + line.format(plain)


def test_versions() -> None:
    """All versions are told that members had, whatever else they answered."""
    recording = Recording("skew", "a test", (), 0.0, 1.0, {}, {})
    answers = [Answer('{"version": "3.5.16"}'), Answer("late", error="TimedOut"), Answer("{}", 503)]
    recording.answers[f"member u {record.STATUS}"] = dict(enumerate([*answers, Answer('{"version": "3.4.23"}')]))
    recording.answers["member u get /livez"] = {0: Answer("ok")}
    assert record.versions_of(recording) == ("3.4.23", "3.5.16")


@pytest.mark.parametrize("path", sorted(FOLDER.glob(f"*{SUFFIX}")), ids=lambda path: path.name)
def test_kept(path: Path) -> None:
    """Each recording is told as its scenario is: as many runs, the same pace, three parts."""
    found, scenario = read(path), SCENARIOS[path.name.removesuffix(SUFFIX)]
    starts = [scenario.well, scenario.well + scenario.struck] if scenario.fault else []
    assert [number for number, _ in found.story] == starts
    assert found.runs == scenario.well + scenario.struck + scenario.again
    assert (found.spacing, found.pace) == (scenario.spacing, scenario.pace)


def test_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The command tells a story in three parts, and keeps it in a file of its name."""
    monkeypatch.setitem(stage.FAST, "timeout", 5)
    story = Scenario(
        "one of them hangs",
        lambda stage: faults.hung(stage.lab, stage.lab.members[0]),
        well=2,
        struck=1,
        again=2,
        spacing=0.1,
        pace=60.0,
        warm_up=0.0,
    )
    monkeypatch.setitem(SCENARIOS, "short", story)
    assert record.main(["short", "--into", str(tmp_path)]) == 0
    found = read(tmp_path / "short.json.xz")
    assert (found.runs, found.pace, found.spacing) == (5, 60.0, 0.1)
    assert found.story == [(2, "one of them hangs"), (3, "it is taken away")]
    assert found.versions == ("3.5.1",)
    assert "5 runs" in capsys.readouterr().out
    with playing(found) as runs:
        played = list(runs)
    assert [round(after - before) for (before, _), (after, _) in pairwise(played)] == [60] * 4
    assert [_connected(run) for _, run in played] == [{0}, {0}, {0, 2}, {0}, {0}]


def test_cannot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the lab cannot do is said in a line, and the command fails."""
    monkeypatch.setitem(SCENARIOS, "short", Scenario("nothing", stage={"version": "3.4.23"}))
    monkeypatch.setenv("ETCD_LATENCY_CACHE", str(tmp_path / "empty"))
    assert record.main(["short", "--into", str(tmp_path)]) == 1
    assert capsys.readouterr().out == (
        "record: short: etcd 3.4.23 of Debian bookworm is not here: make test-versions fetches it\n"
    )

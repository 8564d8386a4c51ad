"""What an operator is shown: to the letter for clusters small enough to read, by properties for all others."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_latency.derive.diagnosis import Cause, Diagnosed, Diagnosis, Severity, diagnose, words
from etcd_latency.derive.histograms import Quantile
from etcd_latency.model import Level
from etcd_latency.scoreboard import (
    CAUSES,
    COLUMNS,
    LIMITS,
    Board,
    Health,
    Limit,
    Row,
    as_json,
    as_text,
    shortened,
    worst,
)
from etcd_latency.scoreboard.names import with_short_names
from tests.test_derive_causes import PAIRS, recorded_pair

MIB, GIB = 2**20, 2**30
HEALTHY = Diagnosis(())
OK = Health("ok")
TERMINAL = 80
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def member(name: str, **values: Any) -> Row:
    """A member without trouble, but for these values."""
    fine: dict[str, Any] = {
        "leader": False,
        "is_learner": False,
        "fsync_p99": Quantile(0.00099, "floor"),
        "commit_p99": Quantile(0.0034, "bucket"),
        "rtt": 0.00061,
        "apply_lag": 0,
        "db_size": 812 * MIB,
        "db_quota_used": 0.40,
        "fds_used": 0.031,
        "health": OK,
        "certificate_days": 364.2,
    }
    return Row(name, **(fine | values))


def three(**of_the_leader: Any) -> tuple[Row, ...]:
    return member("etcd-1", leader=True, **of_the_leader), member("etcd-2"), member("etcd-3")


def diagnosed(cause: Cause = "disk_wal", of: str = "etcd-1", **values: Any) -> Diagnosed:
    given_: dict[str, Any] = {
        "severity": Severity.CRITICAL,
        "evidence": ("fsync p99 184 ms, <=1 ms on the others",),
        "advice": ("See what else writes to this disk: `iostat -x 1`.",),
    }
    return Diagnosed(cause, of, **(given_ | values))


SLOW_DISK = Board("prod", three(fsync_p99=Quantile(0.184, "bucket")), Diagnosis((diagnosed(),)))


def lines(board: Board, width: int = TERMINAL) -> list[str]:
    return as_text(board, color=False, width=width).splitlines()


def verdict(board: Board, width: int = TERMINAL) -> list[str]:
    """The last paragraph."""
    return as_text(board, color=False, width=width).split("\n\n")[-1].splitlines()


def value_of(board: Board, key: str) -> str:
    """What stands in a column of the first member."""
    heads, row = lines(board)[3], lines(board)[4]
    column = [one.key for one in COLUMNS].index(key)
    assert len(heads.split()) == len(COLUMNS) + 2
    cells = re.findall(r"(?:[<>=]*[\d.,-]+|-|ended)(?: %| ?[a-zA-Z]+)?!?", row.removeprefix("  it "))
    return cells[column]


def test_a_healthy_cluster() -> None:
    """A row for each member with the leader marked, and one line that says it is healthy."""
    assert lines(Board("prod", three(), HEALTHY)) == [
        "etcd cluster prod",
        "",
        "           fsync  commit     peer  apply       db  quota   fds   cert",
        "  member     p99     p99      RTT    lag     size   used  used   left  health",
        "* etcd-1  <=1 ms  3.4 ms  0.61 ms      0  812 MiB   40 %   3 %  364 d  ok",
        "  etcd-2  <=1 ms  3.4 ms  0.61 ms      0  812 MiB   40 %   3 %  364 d  ok",
        "  etcd-3  <=1 ms  3.4 ms  0.61 ms      0  812 MiB   40 %   3 %  364 d  ok",
        "* leader",
        "",
        "OK        nothing slows this cluster down",
    ]


def test_a_slow_disk() -> None:
    """The value that matters is marked, and the verdict says what, who, how bad, why, and what to do."""
    assert lines(SLOW_DISK) == [
        "etcd cluster prod",
        "",
        "           fsync   commit     peer  apply       db  quota   fds   cert",
        "  member     p99      p99      RTT    lag     size   used  used   left  health",
        "* etcd-1  184 ms!  3.4 ms  0.61 ms      0  812 MiB   40 %   3 %  364 d  ok",
        "  etcd-2  <=1 ms   3.4 ms  0.61 ms      0  812 MiB   40 %   3 %  364 d  ok",
        "  etcd-3  <=1 ms   3.4 ms  0.61 ms      0  812 MiB   40 %   3 %  364 d  ok",
        "* leader   ! beyond its limit: fsync p99 10 ms",
        "",
        "CRITICAL  etcd-1 (leader): slow disk (write-ahead log) [disk_wal]",
        "evidence  fsync p99 184 ms, <=1 ms on the others",
        "next      See what else writes to this disk: `iostat -x 1`.",
        "          runbook: assets/runbook.md#disk-wal",
    ]


def test_what_is_missing_is_a_dash() -> None:
    """A member that could not be measured keeps its row, and the reason stands below the table."""
    board = Board("prod", (*three(), Row("etcd-4", health=Health("failed", "nothing listens there"))), HEALTHY)
    assert "  etcd-4       -       -        -      -        -      -     -      -  failed" in lines(board)
    assert "etcd-4: nothing listens there" in lines(board)


@pytest.mark.parametrize(
    ("key", "values", "shown"),
    [
        ("fsync_p99_seconds", {"fsync_p99": Quantile(0.00099, "floor")}, "<=1 ms"),
        ("fsync_p99_seconds", {"fsync_p99": Quantile(0.001, "floor")}, "<=1 ms"),
        ("fsync_p99_seconds", {"fsync_p99": Quantile(0.0, "floor")}, "<=0 ms"),
        ("fsync_p99_seconds", {"fsync_p99": Quantile(8.192, "ceiling")}, ">8.2 s!"),
        ("fsync_p99_seconds", {"fsync_p99": Quantile(0.00994, "bucket")}, "9.9 ms"),
        ("fsync_p99_seconds", {"fsync_p99": Quantile(float("nan"), "bucket")}, "-"),
        ("backend_commit_p99_seconds", {"commit_p99": Quantile(0.9994, "bucket")}, "999 ms!"),
        ("backend_commit_p99_seconds", {"commit_p99": Quantile(0.9996, "bucket")}, "1 s!"),
        ("peer_rtt_seconds", {"rtt": 0.000014}, "0.014 ms"),
        ("peer_rtt_seconds", {"rtt": 0.000009}, "<0.01 ms"),
        ("peer_rtt_seconds", {"rtt": 321.4}, "321 s!"),
        ("peer_rtt_seconds", {"rtt": 0.0499}, "50 ms"),
        ("peer_rtt_seconds", {"rtt": 12.34}, "12 s!"),
        ("peer_rtt_seconds", {"rtt": float("inf")}, "-"),
        ("apply_lag_entries", {"apply_lag": 999}, "999"),
        ("apply_lag_entries", {"apply_lag": 5321}, "5.3k!"),
        ("db_size_bytes", {"db_size": 20480}, "20 KiB"),
        ("db_size_bytes", {"db_size": 1.25 * GIB}, "1.2 GiB"),
        ("db_quota_used_ratio", {"db_quota_used": 0.004}, "<1 %"),
        ("db_quota_used_ratio", {"db_quota_used": 0.29}, "29 %"),
        ("db_quota_used_ratio", {"db_quota_used": 1.12}, "112 %!"),
        ("db_size_bytes", {"db_size": 1023 * MIB}, "1023 MiB"),
        ("apply_lag_entries", {"apply_lag": 12345}, "12k!"),
        ("file_descriptors_used_ratio", {"fds_used": 0.0}, "0 %"),
        ("file_descriptors_used_ratio", {"fds_used": 0.9999}, "99 %!"),
        ("certificate_days_left", {"certificate_days": 29.99}, "29 d!"),
        ("certificate_days_left", {"certificate_days": 1.5}, "36 h!"),
        ("certificate_days_left", {"certificate_days": -3.0}, "ended!"),
    ],
)
def test_values_as_people_write_them(key: str, values: dict[str, Any], shown: str) -> None:
    """Two or three digits and a unit; a percentile says when its bucket does not tell it."""
    assert value_of(Board("prod", (member("it", **values),), HEALTHY), key) == shown


@pytest.mark.parametrize("value", [0.0034, 0.0995, 0.184, 0.9996, 8.1])
def test_the_table_writes_as_the_evidence_does(value: float) -> None:
    """Who compares the two finds the same figure."""
    found = Quantile(value, "bucket")
    row = member("it", fsync_p99=found, fds_used=value / 10)
    columns = {column.key: column.text(row) for column in COLUMNS}
    assert columns["fsync_p99_seconds"] == words.percentile(found)
    assert columns["file_descriptors_used_ratio"] == words.share(value / 10)


@pytest.mark.parametrize(
    ("percentile", "bound"), [(0.0099, 0.01), (0.01, 0.01), (0.00099, 0.001), (0.0005, 0.001), (0, 0)]
)
def test_the_bound_of_a_bucket(percentile: float, bound: float) -> None:
    """Told by a percentile within the first one, a median, too."""
    assert words.first_bound(percentile) == bound


@pytest.mark.parametrize(
    ("value", "level"),
    [(0.010, Level.OK), (0.0101, Level.WARNING), (0.100, Level.WARNING), (0.1001, Level.CRITICAL)],
)
def test_a_limit_is_within(value: float, level: Level) -> None:
    """What matters begins beyond it."""
    assert LIMITS["fsync_p99_seconds"].level(value) == level


@pytest.mark.parametrize(("days", "level"), [(30, Level.OK), (29.9, Level.WARNING), (7, Level.WARNING), (6.9, 2)])
def test_a_limit_below_which_it_matters(days: float, level: Level) -> None:
    """Few days are bad."""
    assert LIMITS["certificate_days_left"].level(days) == level


def test_limits_are_those_of_what_is_shown() -> None:
    """Each belongs to a column, says its source, and its critical value is the farther one."""
    assert set(LIMITS) < {column.key for column in COLUMNS}
    assert all(limit.source and limit.warning != limit.critical for limit in LIMITS.values())


def test_limits_may_be_the_users() -> None:
    """A board with other limits colours by these, and names them."""
    limits = {**LIMITS, "certificate_days_left": Limit(400, 90, "conf.yaml")}
    text = lines(Board("prod", three(), HEALTHY, limits=limits))
    assert "* leader   ! beyond its limit: cert left 400 d" in text


def test_colours_tell_only_what_matters() -> None:
    """Red for what is critical and whom it is about, yellow for a warning; otherwise the same text."""
    board = replace(SLOW_DISK, rows=three(fsync_p99=Quantile(0.184, "bucket"), fds_used=0.85))
    text = as_text(board, color=True, width=TERMINAL)
    assert re.findall(r"\x1b\[1;31m *([^\x1b]+?) *\x1b\[0m", text) == ["* etcd-1", "184 ms!", "CRITICAL"]
    assert re.findall(r"\x1b\[33m *([^\x1b]+?) *\x1b\[0m", text) == ["85 %!"]
    assert ESCAPES.sub("", text) == as_text(board, color=False, width=TERMINAL)


FACT = "WAL fsync took 101 ms on average (p99 128 ms) in 412 syncs; at most 0.59 ms on etcd-2 and etcd-3"
STEP = "See whether it is throttled (its cgroup's cpu.stat: nr_throttled) or its host is overloaded (`vmstat 1`)."


def test_no_more_than_five_lines_of_verdict() -> None:
    """The strongest fact and the first step are whole; what there is no room for is counted, if there is for that."""
    found = diagnosed("cpu", evidence=(FACT, *("fact" * 20,) * 3), advice=(STEP, STEP))
    assert verdict(Board("prod", three(), Diagnosis((found,)))) == [
        "CRITICAL  etcd-1 (leader): too little CPU [cpu]",
        "evidence  WAL fsync took 101 ms on average (p99 128 ms) in 412 syncs; at most",
        "          0.59 ms on etcd-2 and etcd-3 (3 more: --json)",
        "next      See whether it is throttled (its cgroup's cpu.stat: nr_throttled) or",
        "          its host is overloaded (`vmstat 1`). runbook: assets/runbook.md#cpu",
    ]


def test_a_shorter_fact_that_still_fits() -> None:
    """It is told even when a stronger one is too long."""
    found = diagnosed(evidence=(FACT, "long " * 20, "every write waits for it"))
    evidence = " ".join(line[10:] for line in verdict(Board("prod", three(), Diagnosis((found,))))[1:3])
    assert evidence == f"{FACT}; every write waits for it"


@pytest.mark.parametrize("folder", PAIRS)
def test_the_strongest_fact_and_the_first_step_are_whole(folder: str) -> None:
    """On the terminal that is guaranteed, for each recorded fault, and however the members are called."""
    found = diagnose(recorded_pair(folder))
    rows_ = tuple(member(name, leader=name == "m1") for name in ("m1", "m2", "m3"))
    text = " ".join(line[10:] for line in verdict(Board("prod", rows_, found)))
    for finding in found.findings[:1]:
        assert finding.evidence[0] in text
        assert finding.advice[0] in text
        assert f"[{finding.cause}]" in text
        assert f"runbook: assets/runbook.md#{finding.cause.replace('_', '-')}" in text


def test_long_names_are_short_in_the_verdict() -> None:
    """As in the table; what only begins or ends like a name is left alone. JSON has them in full."""
    names = [f"etcd-{number}.eu-west-1.compute.internal" for number in (1, 2, 21)]
    fact = f"slow at {names[0]}, not on {names[1]} and {names[2]}"
    board = Board("prod", tuple(map(member, names)), Diagnosis((diagnosed(of=names[0], evidence=(fact,)),)))
    assert verdict(board)[:2] == [
        "CRITICAL  etcd-1: slow disk (write-ahead log) [disk_wal]",
        "evidence  slow at etcd-1, not on etcd-2 and etcd-21",
    ]
    assert fact in as_json(board)
    assert with_short_names(f"x{names[0]} {names[0]}.org", names) == f"x{names[0]} {names[0]}.org"


def test_a_fact_of_three_lines() -> None:
    """It is whole; of what to do the beginning is left, and the link."""
    fact = "a fact of many letters " * 9
    shown = verdict(Board("prod", three(), Diagnosis((diagnosed(evidence=(fact,)),))))
    assert " ".join(line[10:] for line in shown[1:4]) == fact.strip()
    assert shown[4:] == ["next      See what else writes to this ... runbook: assets/runbook.md#disk-wal"]


def test_commands_and_values_stay_on_one_line() -> None:
    """So that they can be copied, and read."""
    step = "See whether the process is stopped, or waits for a dead disk: `ps -o stat,wchan` on its host."
    assert verdict(Board("prod", three(), Diagnosis((diagnosed("hung_member", advice=(step,)),))))[-2:] == [
        "next      See whether the process is stopped, or waits for a dead disk:",
        "          `ps -o stat,wchan` on its host. runbook: assets/runbook.md#hung-member",
    ]


def test_other_findings_stand_above_the_verdict() -> None:
    """A line each; of many, how many more there are."""
    others = [diagnosed("file_descriptors", name, severity=Severity.WARNING) for name in ("etcd-2", "etcd-3")]
    board = Board("prod", three(), Diagnosis((diagnosed(), *others)))
    assert as_text(board, color=False, width=TERMINAL).split("\n\n")[2].splitlines() == [
        "also      WARNING   etcd-2: descriptors run out [file_descriptors]",
        "also      WARNING   etcd-3: descriptors run out [file_descriptors]",
    ]
    assert verdict(board)[0].startswith("CRITICAL  etcd-1 (leader): ")
    assert "          2 more: --json" in lines(replace(board, diagnosis=Diagnosis((diagnosed(), *others * 3))))


def test_more_steps_where_there_is_room() -> None:
    """In their order, the link behind them."""
    board = Board("prod", three(), Diagnosis((diagnosed(advice=("Look.", "Then act.")),)))
    assert verdict(board)[2:] == ["next      Look. Then act. runbook: assets/runbook.md#disk-wal"]


def test_advice_may_bring_its_own_link() -> None:
    """Then no other is added."""
    link = "runbook: https://example.com/etcd#wal"
    board = Board("prod", three(), Diagnosis((diagnosed(advice=("Look.", link)),)))
    assert verdict(board)[2:] == ["next      Look. runbook: https://example.com/etcd#wal"]
    assert json.loads(as_json(board))["advice"] == ["Look.", link]


@pytest.mark.parametrize(
    ("of", "severity", "shown"),
    [
        ("etcd-2", Severity.WARNING, "WARNING   etcd-2: gone; the others still serve [quorum]"),
        ("", Severity.WARNING, "WARNING   whole cluster: the leader changes again and again [quorum]"),
        ("", Severity.CRITICAL, "CRITICAL  whole cluster: no majority, so that nobody can write [quorum]"),
    ],
)
def test_what_is_lost_of_a_quorum(of: str, severity: Severity, shown: str) -> None:
    """One member is less than the majority, and says so."""
    assert verdict(Board("prod", three(), Diagnosis((diagnosed("quorum", of, severity=severity),))))[0] == shown


def test_thin_evidence_is_not_health() -> None:
    """Where nothing can be said, that is said, with the reason and what helps."""
    board = Board("prod", three(), Diagnosis((), "nothing was written between the two pages"))
    assert verdict(board) == [
        "UNKNOWN   nothing can be said about this cluster",
        "evidence  nothing was written between the two pages",
        "next      Measure for longer: the same command with `--interval 60`.",
    ]
    assert board.level == Level.UNKNOWN


def test_longer_does_not_help_where_nobody_answers() -> None:
    """Then the way there is in question."""
    nobody = tuple(Row(name, health=Health("failed", "nothing listens there")) for name in "ab")
    board = Board("prod", nobody, Diagnosis((), "no member's page could be had"))
    assert verdict(board)[-1] == "next      See whether this host reaches the members; the reasons stand above."


def test_thin_evidence_beside_a_finding_is_a_note() -> None:
    """What was found stands; that there may be more is said above it."""
    board = replace(SLOW_DISK, diagnosis=Diagnosis((diagnosed(),), "etcd-3 was not measured"))
    assert "note: etcd-3 was not measured" in lines(board)
    assert board.level == Level.CRITICAL


def test_a_cluster_without_rows() -> None:
    """Nothing at all could be measured: no table, but why."""
    assert lines(Board("prod", (), Diagnosis((), "m1: nothing listens there"))) == [
        "etcd cluster prod",
        "",
        "UNKNOWN   nothing can be said about this cluster",
        "evidence  m1: nothing listens there",
        "next      Run `etcd-latency check` on the same file: it tells more.",
    ]


def test_what_slows_nothing_down_but_wants_a_look() -> None:
    """A certificate that ends soon is no cause of latency, and still is not passed over."""
    gone = Row("etcd-4", health=Health("failed"))
    board = Board("prod", (*three(certificate_days=3.0, fds_used=0.85), gone), HEALTHY)
    assert verdict(board) == [
        "OK        nothing slows this cluster down",
        "look at   etcd-1 (fds used, cert left), etcd-4 (health)",
    ]
    assert board.level == Level.OK


def test_a_reason_that_several_members_share_is_said_once() -> None:
    """And cut to two lines; the notes are not cut."""
    failed = Health("failed", "words " * 50)
    board = Board("prod", tuple(Row(name, health=failed) for name in "abc"), HEALTHY, ("note " * 50,))
    reasons, notes = as_text(board, color=False, width=TERMINAL).split("\n\n")[2].split("note: ")
    assert reasons.startswith("3 members: words words")
    assert len(reasons.splitlines()) == 2
    assert notes.split() == ["note"] * 50


def test_a_learner_is_marked() -> None:
    """With a sign that the legend explains."""
    text = lines(Board("prod", (*three(), member("etcd-4", is_learner=True)), HEALTHY))
    assert any(line.startswith("~ etcd-4 ") for line in text)
    assert "* leader   ~ learner" in text


@pytest.mark.parametrize(
    ("names", "room", "shown"),
    [
        (["a", "b"], 11, ["a", "b"]),
        (["10.0.0.1:2379", "10.0.0.2:2379"], 11, ["10.0.0.1", "10.0.0.2"]),
        (["ip-10-0-0-1.eu.internal", "ip-10-0-0-2.eu.internal"], 11, ["ip-10-0-0-1", "ip-10-0-0-2"]),
        (["10.100.100.1", "11.100.100.1"], 8, ["10...0.1", "11...0.1"]),
        (["production-etcd-eu-01", "production-etcd-eu-02"], 11, ["prod..u-01", "prod..u-02"]),
        (["etcd-eu-1-production", "etcd-eu-2-production"], 8, ["etcd-eu-1-production", "etcd-eu-2-production"]),
    ],
)
def test_long_names(names: Sequence[str], room: int, shown: Sequence[str]) -> None:
    """Without port or domain, then without their middle; whole when that would make two of them one."""
    assert list(shortened(names, room)) == shown


def test_every_cause_has_words() -> None:
    """That fit beside a name of 20 letters."""
    name = "etcd-eu-west-1a-0001"
    assert set(CAUSES) == set(get_args(Cause))
    for cause in CAUSES:
        found = diagnosed(cause, "" if cause == "load" else name)
        board = Board("prod", (member(name, leader=True),), Diagnosis((found,)))
        assert "..." not in verdict(board)[0]


def test_json_for_programs() -> None:
    """The keys that are promised, members with units in their keys, the worst finding at the top."""
    warning = diagnosed(
        "file_descriptors", "etcd-2", severity=Severity.WARNING, evidence=("85%",), advice=("raise it",)
    )
    board = replace(SLOW_DISK, diagnosis=Diagnosis((diagnosed(), warning)))
    found = json.loads(as_json(board))
    worst_one = {
        "cause": "disk_wal",
        "member": "etcd-1",
        "severity": "critical",
        "evidence": ["fsync p99 184 ms, <=1 ms on the others"],
        "advice": ["See what else writes to this disk: `iostat -x 1`.", "runbook: assets/runbook.md#disk-wal"],
    }
    members = found.pop("members")
    assert found == {
        "cluster": "prod",
        **worst_one,
        "findings": [
            worst_one,
            {
                "cause": "file_descriptors",
                "member": "etcd-2",
                "severity": "warning",
                "evidence": ["85%"],
                "advice": ["raise it", "runbook: assets/runbook.md#file-descriptors"],
            },
        ],
    }
    assert [one["name"] for one in members] == ["etcd-1", "etcd-2", "etcd-3"]
    assert members[0] == {
        "name": "etcd-1",
        "leader": True,
        "learner": False,
        "fsync_p99_seconds": 0.184,
        "fsync_p99_resolution": "bucket",
        "backend_commit_p99_seconds": 0.0034,
        "backend_commit_p99_resolution": "bucket",
        "peer_rtt_seconds": 0.00061,
        "apply_lag_entries": 0,
        "db_size_bytes": 812 * MIB,
        "db_quota_used_ratio": 0.40,
        "file_descriptors_used_ratio": 0.031,
        "certificate_days_left": 364.2,
        "health": "ok",
        "health_reason": "",
        "beyond_limits": {"fsync_p99_seconds": "critical"},
    }


@pytest.mark.parametrize(
    ("thin", "severity", "cause", "evidence"),
    [("", "ok", "none", []), ("too little", "unknown", "unknown", ["too little"])],
)
def test_json_without_findings(thin: str, severity: str, cause: str, evidence: list[str]) -> None:
    """Nothing is wrong, or nothing is known; what is missing of a member is null."""
    found = json.loads(as_json(Board("prod", (Row("a", rtt=float("nan")),), Diagnosis((), thin))))
    assert [found[key] for key in ("severity", "cause", "member", "evidence", "findings")] == [
        severity,
        cause,
        "",
        evidence,
        [],
    ]
    measured = {key: value for key, value in found["members"][0].items() if value is not None}
    assert measured == {"name": "a", "health": "unknown", "health_reason": "", "beyond_limits": {}}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([Level.OK, Level.WARNING, Level.CRITICAL, Level.UNKNOWN], Level.CRITICAL),
        ([Level.OK, Level.WARNING, Level.UNKNOWN], Level.WARNING),
        ([Level.OK, Level.UNKNOWN], Level.UNKNOWN),
        ([Level.OK, Level.OK], Level.OK),
    ],
)
def test_the_worst_of_several(levels: list[Level], expected: Level) -> None:
    """Known trouble counts for more than what is not known."""
    assert worst(levels) == expected


def test_secrets_and_control_characters_stay_out(tmp_path: Path) -> None:
    """Wherever a text comes from, it is cleaned: names, evidence, advice, reasons and notes."""
    nasty = f"\x1b]0;{tmp_path.name}\x07\u202ehunter2\n"
    found = diagnosed(of=nasty, evidence=(nasty,), advice=(nasty,))
    other = diagnosed("load", of=nasty)
    rows = (member(nasty, leader=True, health=Health("failed", nasty)),)
    board = Board(nasty, rows, Diagnosis((found, other), nasty), (nasty,))

    def clean(text: str) -> str:
        return "".join(letter for letter in text if letter.isprintable()).replace("hunter2", "***")

    text = as_text(board, color=False, width=TERMINAL, clean=clean)
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert "hunter2" not in text + as_json(board, clean)
    plain = as_text(board, color=False, width=TERMINAL)
    assert all(letter.isprintable() or letter == "\n" for letter in plain)
    assert "\\u001b" not in as_json(board)


numbers = st.none() | st.floats(min_value=0, max_value=1e6)
quantiles = (
    st.none()
    | st.builds(Quantile, st.floats(0.00099, 0.001), st.just("floor"))
    | st.builds(Quantile, st.floats(0.001, 8.192), st.just("bucket"))
    | st.just(Quantile(8.192, "ceiling"))
)
rows = st.builds(
    Row,
    name=st.text("abc-0.", min_size=1, max_size=4),
    leader=st.booleans(),
    is_learner=st.booleans(),
    fsync_p99=quantiles,
    commit_p99=quantiles,
    rtt=st.none() | st.floats(0, 999),
    apply_lag=numbers,
    db_size=st.none() | st.floats(2**14, 2**43),
    db_quota_used=st.none() | st.floats(0, 9.99),
    fds_used=st.none() | st.floats(0, 1),
    health=st.builds(Health, st.sampled_from(["ok", "failed", "unknown"]), st.text(max_size=300)),
    certificate_days=st.none() | st.floats(-999, 9999),
)
findings = st.builds(
    Diagnosed,
    st.sampled_from(get_args(Cause)),
    st.text(max_size=40),
    st.sampled_from([Severity.WARNING, Severity.CRITICAL]),
    st.lists(st.text(max_size=200), max_size=5).map(tuple),
    st.lists(st.text(max_size=200), max_size=5).map(tuple),
)
boards = st.builds(
    Board,
    st.text(max_size=20),
    st.lists(rows, max_size=5).map(tuple),
    st.builds(Diagnosis, st.lists(findings, max_size=3).map(tuple), st.text(max_size=100)),
    st.lists(st.text(max_size=100), max_size=2).map(tuple),
)


@settings(max_examples=40)
@given(boards)
def test_any_board_fits_the_terminal(board: Board) -> None:
    """80 columns, one row a member, at most five lines of verdict, nothing a terminal obeys, JSON in any case."""
    text = as_text(board, color=False, width=TERMINAL)
    assert max(map(len, text.splitlines())) <= TERMINAL
    assert text.isascii() or all(letter.isprintable() or letter == "\n" for letter in text)
    assert len(verdict(board)) <= 5
    assert ESCAPES.sub("", as_text(board, color=True, width=TERMINAL)) == text
    assert json.loads(as_json(board))["severity"] == board.level.name.lower()


@settings(max_examples=40)
@given(boards, st.integers(0, 300))
def test_any_width_will_do(board: Board, width: int) -> None:
    """Even that of a terminal that says it has none."""
    assert as_text(board, color=False, width=width)

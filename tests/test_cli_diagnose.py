"""`etcd-latency diagnose`: what it prints where, its exit codes, and what it does while it waits."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcd_latency import EtcdLatencyCheck, cli
from etcd_latency.derive.diagnosis import Diagnosed, Diagnosis, Severity
from etcd_latency.scoreboard import Board, Health, Row
from tests.conftest import Serve, recorded
from tests.servers import page

NOWHERE = "http://127.0.0.1:1"
ESCAPE = "\x1b["
Diagnose = Callable[..., int]

HEALTHY = Board("prod", (Row("m1", leader=True, health=Health("ok")),), Diagnosis(()))


def board(severity: Severity, *words: str) -> Board:
    """A cluster with one finding."""
    return Board("prod", HEALTHY.rows, Diagnosis((Diagnosed("disk_wal", "m1", severity, words, ()),)))


WARNING, CRITICAL = board(Severity.WARNING), board(Severity.CRITICAL)
UNKNOWN = Board("prod", HEALTHY.rows, Diagnosis((), "nothing was written"))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the command would have slept, and it does not."""
    slept: list[float] = []
    monkeypatch.setattr("etcd_latency.cli.time.sleep", slept.append)
    return slept


@pytest.fixture
def diagnose(pauses: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, serve: Serve) -> Diagnose:
    """Run the command on clusters whose boards are given, each with one member that answers."""
    url = serve(page(recorded("etcd-3.5.16/m1-leader-load")))
    monkeypatch.setenv("COLUMNS", "80")

    def run(boards: Sequence[Board | None], *arguments: str, **options: Any) -> int:
        found = iter(boards)
        monkeypatch.setattr(EtcdLatencyCheck, "board", lambda _: next(found), raising=False)
        return cli.main(["diagnose", "-c", str(write(tmp_path, *(url for _ in boards), **options)), *arguments])

    assert pauses == []
    return run


def write(folder: Path, *urls: str, **options: Any) -> Path:
    """A configuration file with a cluster of one member at each URL."""
    path = folder / "conf.yaml"
    shared = {"skip_proxy": True, "timeout": 10, "probes": False} | options
    instances = [
        {"cluster": f"c{number}", "members": [{"url": url, "name": "m1"}], **shared} for number, url in enumerate(urls)
    ]
    path.write_text(yaml.safe_dump({"init_config": None, "instances": instances}))
    return path


class Terminal(io.StringIO):
    """Somebody looks on."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("boards", "code"),
    [
        ([HEALTHY], 0),
        ([WARNING], 1),
        ([CRITICAL], 2),
        ([UNKNOWN], 3),
        ([None], 3),
        ([HEALTHY, WARNING], 1),
        ([None, WARNING], 1),
        ([WARNING, CRITICAL, UNKNOWN], 2),
        ([HEALTHY, UNKNOWN], 3),
    ],
)
def test_exit_codes(boards: list[Board | None], code: int, diagnose: Diagnose) -> None:
    """As monitoring plugins have them; of several clusters the worst, and what is known before what is not."""
    assert diagnose(boards) == code


def test_two_looks_with_an_interval_between(
    diagnose: Diagnose, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check runs twice, and its board is asked for after that."""
    happened: list[str] = []
    real = EtcdLatencyCheck.check

    def check(self: EtcdLatencyCheck, instance: Any) -> None:
        happened.append(f"run after {sum(pauses):g} s")
        real(self, instance)

    monkeypatch.setattr(EtcdLatencyCheck, "check", check)
    assert diagnose([HEALTHY]) == 0
    assert happened == ["run after 0 s", "run after 15 s"]
    assert diagnose([HEALTHY], "--interval", "2.5") == 0
    assert happened[2:] == ["run after 15 s", "run after 17.5 s"]


def test_text_for_people(diagnose: Diagnose, capsys: pytest.CaptureFixture[str]) -> None:
    """Clusters one below the other on standard output, without colour; on standard error one line."""
    diagnose([HEALTHY, CRITICAL])
    output = capsys.readouterr()
    paragraphs = output.out.split("\n\n")
    assert [paragraphs[number] for number in (0, 2, 3)] == [
        "etcd cluster prod",
        "OK        nothing slows this cluster down",
        "etcd cluster prod",
    ]
    assert paragraphs[5].startswith("CRITICAL  m1 (leader): slow disk")
    assert ESCAPE not in output.out
    assert output.err == "etcd-latency: measuring for 15 s\n"


def test_json_is_one_object_a_cluster_on_one_line(diagnose: Diagnose, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints nothing else on standard output; a cluster that gave nothing has its object, too."""
    assert diagnose([HEALTHY, None], "--json") == 3
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(one) for one in found] == [
        {"cluster", "severity", "cause", "member", "evidence", "advice", "members", "findings"}
    ] * 2
    assert [(one["cluster"], one["severity"], one["cause"]) for one in found] == [
        ("prod", "ok", "none"),
        ("c1", "unknown", "unknown"),
    ]
    assert found[1]["evidence"] == ["no member gave two pages that can be compared"]


def test_nothing_answers(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then it is said why, for each of those that were asked."""
    monkeypatch.setattr(EtcdLatencyCheck, "board", lambda _: None, raising=False)
    assert cli.main(["diagnose", "-c", str(write(tmp_path, NOWHERE)), "--interval", "1"]) == 3
    assert pauses == [1.0]
    output = capsys.readouterr()
    assert output.out.startswith(
        "etcd cluster c0\n\nUNKNOWN   nothing can be said about this cluster\nevidence  m1 (http://127.0.0.1:1): "
    )
    assert output.err == "etcd-latency: measuring for 1 s\n"


def test_a_run_that_raised_beside_a_board(
    diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong is a note where no member's row tells it."""

    def check(*_: Any) -> None:
        raise RuntimeError("one\ntwo")

    monkeypatch.setattr(EtcdLatencyCheck, "check", check)
    assert diagnose([HEALTHY]) == 0
    assert "note: one; two\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "environment", "colored"),
    [
        ((), {}, True),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"NO_COLOR": ""}, True),
        ((), {"TERM": "dumb"}, False),
        (("--color", "never"), {}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
    ],
)
def test_colours_on_a_terminal(
    arguments: tuple[str, ...],
    environment: dict[str, str],
    colored: bool,  # noqa: FBT001 - a column of the table
    diagnose: Diagnose,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unless they are unwanted there; `--color` outdoes what the environment says."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    diagnose([CRITICAL], *arguments)
    assert (ESCAPE in terminal.getvalue()) is colored


def test_colours_elsewhere_when_asked_for(diagnose: Diagnose, capsys: pytest.CaptureFixture[str]) -> None:
    """`--color always | less -R`."""
    diagnose([CRITICAL], "--color", "always")
    assert ESCAPE in capsys.readouterr().out


def test_the_terminals_width_is_used(
    diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """More of the evidence where there is more room."""
    found = board(Severity.CRITICAL, *(f"evidence of some length {number}" for number in range(8)))
    for columns, all_of_it in (("80", False), ("120", True)):
        monkeypatch.setenv("COLUMNS", columns)
        diagnose([found])
        assert ("length 7" in capsys.readouterr().out) is all_of_it


def test_a_terminal_sees_the_seconds_count_down(diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line that is gone in the end."""
    clock = ticking(0.0, 0.0, 1.0, 2.0)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("etcd_latency.cli.monotonic", lambda: next(clock))
    diagnose([HEALTHY], "--interval", "2")
    shown = terminal.getvalue().split("\r")
    assert [text.strip() for text in shown] == [
        "etcd-latency: asking for the first time",
        "etcd-latency: measuring, 2 s left",
        "etcd-latency: measuring, 1 s left",
        "etcd-latency: asking for the second time",
        "",
        "",
    ]
    assert {len(text) for text in shown[:-1]} == {cli.PROGRESS_WIDTH}


def ticking(*times: float) -> Iterator[float]:
    """A clock."""
    yield from times


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ('instances:\n  - password: "hunter2\n', "is not YAML: found unexpected end of stream in line 3"),
        ("instances: [{cluster: a}]", "`members` is missing; write, for example, `members: [https://10.0.0.1:2379]`"),
    ],
)
def test_a_wrong_configuration(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 3, for nothing was measured, and the same words as those of `check`."""
    path = tmp_path / "conf.yaml"
    if content is not None:
        path.write_text(content)
    assert cli.main(["diagnose", "-c", str(path)]) == 3
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"etcd-latency: {path}: ")
    assert words in output.err
    assert "hunter2" not in output.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["diagnose"],
        ["diagnose", "-c", "x", "--interval", "-1"],
        ["diagnose", "-c", "x", "--interval", "nan"],
        ["diagnose", "-c", "x", "--interval", "3601"],
        ["diagnose", "-c", "x", "--color", "blue"],
        ["diagnose", "-c", "x", "--nonsense"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3 with the usage of this command: 2 would be an alarm."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 3
    assert "usage: etcd-latency diagnose" in capsys.readouterr().err


def test_what_check_does_not_know_is_wrong_there_too(capsys: pytest.CaptureFixture[str]) -> None:
    """With its own code and usage."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(["check", "-c", "x", "--nonsense"])
    assert exit_.value.code == cli.WRONG
    assert "usage: etcd-latency check" in capsys.readouterr().err


def test_help_tells_the_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """All four."""
    with pytest.raises(SystemExit):
        cli.main(["diagnose", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert all(f"{code} " in text.partition("Exit code")[2] for code in range(4))


def test_secrets_stay_out(diagnose: Diagnose, capsys: pytest.CaptureFixture[str]) -> None:
    """What the check keeps secret is kept out of both outputs, whoever repeats it."""
    found = board(Severity.CRITICAL, "the server says: hunter2 is no password")
    for arguments in ((), ("--json",)):
        diagnose([found], *arguments, username="root", password="hunter2")
        output = capsys.readouterr()
        assert "is no password" in output.out
        assert "hunter2" not in output.out + output.err


def test_a_reader_who_has_seen_enough(diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code still tells how bad it is."""

    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    assert diagnose([CRITICAL]) == 2


def test_the_command_is_installed() -> None:
    """And lists both of its subcommands."""
    found = subprocess.run(
        [sys.executable, "-m", "etcd_latency.cli", "--help"], capture_output=True, text=True, check=True
    )
    assert {"check", "diagnose"} <= set(found.stdout.split())

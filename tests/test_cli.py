"""The command line: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcd_latency import cli
from tests.conftest import Serve, recorded
from tests.servers import page

NOWHERE = "http://127.0.0.1:1"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a configuration file with these instances."""

    def write_file(*instances: Any) -> Path:
        path = tmp_path / "conf.yaml"
        path.write_text(yaml.safe_dump({"init_config": None, "instances": list(instances)}))
        return path

    return write_file


def instance(*members: Any, **options: Any) -> dict[str, Any]:
    return {"cluster": "prod", "members": list(members), "skip_proxy": True, "timeout": 10, "probes": False} | options


def test_json_is_one_object_a_run_on_one_line(serve: Serve, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json --times 2` prints two lines, each with the metrics, checks, events and errors of one run."""
    url = serve(page(recorded("etcd-3.5.16/m1-leader-load")))
    path = write(instance({"url": url, "name": "m1"}))
    assert cli.main(["check", "-c", str(path), "--json", "--times", "2", "--pause", "0"]) == cli.FINE
    lines = capsys.readouterr().out.splitlines()
    runs = [json.loads(line) for line in lines]
    assert [set(run) for run in runs] == [{"metrics", "service_checks", "events", "errors"}] * 2
    tags = ["etcd_cluster:prod", "etcd_member:m1", f"endpoint:{url}"]
    assert {
        "name": "etcd_latency.server.is_leader",
        "type": "gauge",
        "value": 1.0,
        "tags": tags,
        "hostname": "",
        "flush_first_value": False,
    } in runs[0]["metrics"]
    types = {metric["name"]: metric["type"] for metric in runs[1]["metrics"]}
    assert types["etcd_latency.disk.wal_fsync.duration.count"] == "monotonic_count"
    assert runs[1]["service_checks"] == [
        {"name": "etcd_latency.can_connect", "status": 0, "tags": tags, "message": ""},
        {"name": "etcd_latency.quorum", "status": 0, "tags": ["etcd_cluster:prod"], "message": ""},
    ]
    assert runs[1]["events"] == runs[1]["errors"] == []


def test_the_pause_is_between_runs(serve: Serve, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three runs have two pauses, of the length that was asked for."""
    pauses: list[float] = []
    monkeypatch.setattr("etcd_latency.cli.time.sleep", pauses.append)
    path = write(instance(serve(page(recorded("etcd-3.5.16/m1-leader-load")))))
    assert cli.main(["check", "-c", str(path), "--json", "--times", "3", "--pause", "7"]) == cli.FINE
    assert pauses == [7.0, 7.0]


def test_an_instance_that_raised(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; the error is in the output, and so are the other instances of the file."""
    path = write(instance({"url": NOWHERE, "name": "m1"}), instance({"url": NOWHERE, "name": "m2"}, cluster="other"))
    assert cli.main(["check", "-c", str(path), "--json"]) == cli.RAISED
    run = json.loads(capsys.readouterr().out)
    assert [error.split(" ")[0] for error in run["errors"]] == ["m1", "m2"]
    assert {check["name"]: check["status"] for check in run["service_checks"]} == {
        "etcd_latency.can_connect": 2,
        "etcd_latency.quorum": 2,
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "is not YAML"),
        ('instances:\n  - password: "hunter2\n', "is not YAML: found unexpected end of stream in line 3"),
        ("instances: [{cluster: 2020-13-45}]", "is not YAML: ValueError"),
        ("[" * 3000, "is not YAML: RecursionError"),
        ("instances: [{cluster: a, members: [https://x:1], tags: &t [a, *t]}]", "`tags -> 2`: "),
        ("", "`instances` is missing"),
        ("instances: []", "`instances` is missing"),
        ("instances: {cluster: a}", "`instances` is not a list of mappings"),
        ("instances: [a]", "`instances` is not a list of mappings"),
        ("init_config: [a]\ninstances: [{cluster: a}]", "`init_config` is not a mapping"),
        ("instances: [{cluster: a}]", "`members` is missing; write, for example, `members: [https://10.0.0.1:2379]`"),
        (
            "instances: [{cluster: a, members: [https://x:1], metric_patterns: x}]",
            "`metric_patterns` must be a mapping",
        ),
    ],
)
def test_a_wrong_configuration(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, the file and the mistake on standard error, nothing on standard output, no traceback."""
    path = tmp_path / "conf.yaml"
    if content is not None:
        path.write_text(content)
    assert cli.main(["check", "-c", str(path)]) == cli.WRONG
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"etcd-latency: {path}: ")
    assert words in output.err
    assert "Traceback" not in output.err
    assert "hunter2" not in output.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["check"],
        ["nonsense"],
        ["check", "-c", "x", "--times", "0"],
        ["check", "-c", "x", "--pause", "-1"],
        ["check", "-c", "x", "--pause", "inf"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 with the usage on standard error."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == cli.WRONG
    assert "usage: etcd-latency" in capsys.readouterr().err


def test_users_own_tags_may_be_generic(serve: Serve, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """`env:prod` in `tags` is a user's good right, though base's stand-in refuses it in official checks."""
    path = write(instance(serve(page(recorded("etcd-3.5.16/m1-leader-load"))), tags=["env:prod"]))
    assert cli.main(["check", "-c", str(path), "--json"]) == cli.FINE
    assert "env:prod" in json.loads(capsys.readouterr().out)["metrics"][0]["tags"]


def test_text_for_people(serve: Serve, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json: the worst check first, a column a member, and a count of the series at 0."""
    url = serve(page(recorded("etcd-3.5.16/m1-leader-load")))
    path = write(instance({"url": url, "name": "good"}, {"url": NOWHERE, "name": "dead"}))
    assert cli.main(["check", "-c", str(path)]) == cli.FINE
    text = capsys.readouterr().out
    checks = text.split("=== Service checks ===\n")[1].splitlines()
    assert [line.split()[0] for line in checks[:5]] == ["CRITICAL", "dead", "CRITICAL", "quorum", "OK"]
    assert "series at 0 (--all shows them)" in text
    assert "\n  Errors:         0\n" in text

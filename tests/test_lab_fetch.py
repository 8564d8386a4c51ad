"""Fetching says what is missing; the real thing is proven by the tiers that need what it fetches."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import debian, fetch
from lab.cache import Make
from lab.golang import Workspace
from lab.process import LabError, output
from lab.recipes import ETCD, Recipe


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETCD_LATENCY_CACHE", str(tmp_path / "cache"))


def made(_: Path, folder: Path) -> None:
    (folder / "program").touch()


def failed(*_: Path) -> None:
    raise LabError("no mirror answers")


@pytest.mark.parametrize(
    ("make", "rolls", "code", "said"),
    [
        (made, False, 0, "  program: in "),
        (failed, False, 1, "fetch: the thing: no mirror answers\n"),
        (failed, True, 75, "fetch: the thing is not to be had today: no mirror answers\n"),
    ],
)
def test_the_exit_code_tells_whose_fault_it_is(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make: Make,
    rolls: bool,  # noqa: FBT001 - a column of the table above
    code: int,
    said: str,
) -> None:
    """What a rolling release cannot give is no failure of this project."""
    recipe = Recipe(folder="thing", what="the thing", fetch="make thing", make=make, rolls=rolls)
    monkeypatch.setitem(fetch.RECIPES, "etcd", (recipe,))
    assert fetch.main(["etcd"]) == code
    assert said in capsys.readouterr().out


def test_a_program_that_is_not_here_names_the_command() -> None:
    with pytest.raises(LabError, match=r"etcd 3\.4\.23 of Debian bookworm is not here: make test-versions fetches it"):
        ETCD["3.4.23"].program("etcd")


def test_a_system_without_apt_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What to do, not a traceback."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(debian.MIRROR, raising=False)
    with pytest.raises(LabError, match=r"apt-get is not an executable program; .* takes the tools of Debian or Ubuntu"):
        debian.mirrors()


def test_the_mirror_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(debian.MIRROR, "https://mirror.example/debian")
    assert debian.mirrors() == ["https://mirror.example/debian"]


def test_missing_keys_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is taken unverified."""
    monkeypatch.setattr(debian, "KEYRINGS", (tmp_path / "archive.gpg",))
    with pytest.raises(LabError, match=r"archive.gpg is missing: install the package debian-archive-keyring"):
        debian.keyring()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'W: a warning' >&2; echo 'E: the error' >&2; echo after >&2; exit 100", "sh failed: E: the error"),
        ("echo first >&2; echo last >&2; exit 1", "sh failed: last"),
        ("exit 1", "sh failed: it said nothing"),
    ],
)
def test_a_program_that_fails_is_quoted(script: str, told: str) -> None:
    """By its error, where it marks one as apt does, else by its last line."""
    with pytest.raises(LabError, match=f"^{told}$"):
        output(["sh", "-c", script], "install a shell")


@pytest.fixture
def go(tmp_path: Path) -> Workspace:
    """A Go that knows two packages, shows its environment, and fails to build them."""
    tool = tmp_path / "go/bin/go"
    tool.parent.mkdir(parents=True)
    tool.write_text(
        "#!/bin/sh\n"
        "case $1 in\n"
        "list) echo one; echo two ;;\n"
        'env) echo "$GO111MODULE,$CGO_ENABLED,$GOFLAGS,$CGO_CFLAGS,$GOPATH" ;;\n'
        "build) echo one >&2; echo two.go:1: wrong >&2; exit 1 ;;\n"
        "esac\n"
    )
    tool.chmod(0o700)
    return Workspace(tmp_path / "go", tmp_path / "workspace", tmp_path)


def test_the_users_own_go_has_no_say(go: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is set to: nothing is fetched, no C compiler is needed."""
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("CGO_CFLAGS", "-O3")
    monkeypatch.setenv("GO111MODULE", "on")
    assert go.run("go", "env") == f"off,0,,,{go.workspace}\n"


def test_a_build_that_fails_says_why(go: Workspace, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"go build failed; its last words:\none\ntwo.go:1: wrong\n"):
        go.build("example.org/program", into=tmp_path)

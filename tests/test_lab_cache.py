"""What the lab fetches or builds is made once, completely, and by one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import cache


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ETCD_LATENCY_CACHE", str(folder))
    return folder


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"ETCD_LATENCY_CACHE": "/chosen", "XDG_CACHE_HOME": "/shared"}, "/chosen"),
        ({"ETCD_LATENCY_CACHE": "~/chosen"}, "/home/me/chosen"),
        ({"ETCD_LATENCY_CACHE": "", "XDG_CACHE_HOME": "/shared"}, "/shared/etcd_latency"),
        ({"XDG_CACHE_HOME": ""}, "/home/me/.cache/etcd_latency"),
        ({}, "/home/me/.cache/etcd_latency"),
    ],
)
def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str) -> None:
    """Where we are told, else where programs of this user keep such things."""
    for name in ("ETCD_LATENCY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/me"} | environment).items():
        monkeypatch.setenv(name, value)
    assert cache.root() == Path(expected)


def test_a_folder_is_made_once(root: Path) -> None:
    """The second time it is there; what was needed on the way is not."""
    runs: list[Path] = []

    def make(scratch: Path, made: Path) -> None:
        runs.append(scratch)
        (scratch / "tree").mkdir()
        (made / "program").write_text("it")

    for _ in range(2):
        assert cache.kept("thing", make) == root / "thing"
    assert (root / "thing/program").read_text() == "it"
    assert len(runs) == 1
    assert sorted(path.name for path in root.iterdir()) == ["thing", "thing.lock"]


def test_what_failed_is_not_taken_for_done(root: Path) -> None:
    """An error leaves nothing; the next one begins anew."""

    def fail(_: Path, made: Path) -> None:
        (made / "half").touch()
        raise KeyError

    with pytest.raises(KeyError):
        cache.kept("thing", fail)
    assert sorted(path.name for path in root.iterdir()) == ["thing.lock"]
    folder = cache.kept("thing", lambda _, made: (made / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_what_was_killed_is_cleared_away(root: Path) -> None:
    """Nobody could do it then."""
    (root / ".thing-killed/made").mkdir(parents=True)
    (root / ".other-killed").mkdir()
    cache.kept("thing", lambda *_: None)
    assert sorted(path.name for path in root.iterdir()) == [".other-killed", "thing", "thing.lock"]


def test_the_second_waits_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and takes what the first has made."""
    begun, go_on = threading.Event(), threading.Event()
    said: list[str] = []
    monkeypatch.setattr(cache, "say", lambda text: (said.append(text), go_on.set()))

    def slowly(_: Path, made: Path) -> None:
        begun.set()
        assert go_on.wait(10)
        (made / "by the first").touch()

    first = threading.Thread(target=cache.kept, args=("thing", slowly))
    first.start()
    assert begun.wait(10)
    folder = cache.kept("thing", lambda _, made: (made / "by the second").touch())
    first.join()
    assert [path.name for path in folder.iterdir()] == ["by the first"]
    assert said == ["thing: another program is making it; waiting ..."]

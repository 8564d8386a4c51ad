"""Threads that stay for a while."""

from __future__ import annotations

import queue
import threading
import time

import pytest

from etcd_latency import workers
from etcd_latency.workers import Workers


def ask(one: Workers, name: str, answers: queue.SimpleQueue[tuple[str, int]]) -> tuple[str, int]:
    """The name and the id of the thread that does a piece of work."""
    one.start(name, lambda: answers.put((threading.current_thread().name, threading.get_ident())))
    return answers.get(timeout=10)


def wait_for_idle(one: Workers, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(one._idle) != count and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(one._idle) == count


def test_a_thread_that_is_done_does_the_next_piece_under_its_name() -> None:
    """Three pieces one after the other are done by one thread, which is called as each wants."""
    one, answers = Workers(), queue.SimpleQueue[tuple[str, int]]()
    found = []
    for name in ("a", "b", "c"):
        found.append(ask(one, name, answers))
        wait_for_idle(one, 1)
    assert [name for name, _ in found] == ["a", "b", "c"]
    assert len({thread for _, thread in found}) == 1


def test_what_hangs_keeps_its_own_thread_only() -> None:
    """While one piece does not end, others are done, by another thread that stays."""
    one, answers, go_on = Workers(), queue.SimpleQueue[tuple[str, int]](), threading.Event()
    one.start("hung", go_on.wait, 10)
    found = []
    for name in ("a", "b"):
        found.append(ask(one, name, answers))
        wait_for_idle(one, 1)
    assert [name for name, _ in found] == ["a", "b"]
    assert len({thread for _, thread in found}) == 1
    go_on.set()
    wait_for_idle(one, 2)


def test_who_waits_in_vain_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread without work for the time that is set is gone, and the next piece gets a new one."""
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.01)
    one, answers = Workers(), queue.SimpleQueue[tuple[str, int]]()
    before = set(threading.enumerate())  # those of other tests may end meanwhile
    for name in ("a", "b"):
        assert ask(one, name, answers)[0] == name
        wait_for_idle(one, 1)
        wait_for_idle(one, 0)
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.001)
    assert set(threading.enumerate()) - before == set()


def test_an_order_that_comes_as_a_thread_gives_up_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the patience, none of a thousand pieces is lost."""
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.00001)
    one, answers = Workers(), queue.SimpleQueue[tuple[str, int]]()
    assert [ask(one, str(number), answers)[0] for number in range(1000)] == [str(number) for number in range(1000)]


def test_a_thread_that_leaves_the_moment_it_is_wanted_is_replaced() -> None:
    """Whoever looked first, and took then, would find nobody."""

    class Deserted(list[object]):
        def __bool__(self) -> bool:
            return True

    one, answers = Workers(), queue.SimpleQueue[tuple[str, int]]()
    one._idle = Deserted()  # type: ignore[assignment]
    assert ask(one, "a", answers)[0] == "a"

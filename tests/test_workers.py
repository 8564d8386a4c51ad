"""Threads that stay for a while."""

from __future__ import annotations

import queue
import threading
import time

import pytest

from etcd_latency import workers
from etcd_latency.workers import Workers

Answers = queue.SimpleQueue[tuple[str, threading.Thread]]


def ask(one: Workers, name: str, answers: Answers) -> tuple[str, threading.Thread]:
    """What the thread is called that does a piece of work, and the thread."""
    one.start(name, lambda: answers.put((threading.current_thread().name, threading.current_thread())))
    return answers.get(timeout=10)


def wait_for_idle(one: Workers, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(one._idle) != count and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(one._idle) == count


def test_a_thread_that_is_done_does_the_next_piece_under_its_name() -> None:
    """Three pieces one after the other are done by one thread, which is called as each wants."""
    one, answers = Workers(), Answers()
    found = []
    for name in ("a", "b", "c"):
        found.append(ask(one, name, answers))
        wait_for_idle(one, 1)
    assert [name for name, _ in found] == ["a", "b", "c"]
    assert len({thread for _, thread in found}) == 1


def test_what_hangs_keeps_its_own_thread_only() -> None:
    """While one piece does not end, others are done, by another thread that stays."""
    one, answers, go_on = Workers(), Answers(), threading.Event()
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
    one, answers = Workers(), Answers()
    for name in ("a", "b"):
        called, thread = ask(one, name, answers)
        assert called == name
        thread.join(10)
        assert not thread.is_alive()
        assert one._idle == []


def test_an_order_that_comes_as_a_thread_gives_up_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the patience, none of a thousand pieces is lost."""
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.00001)
    one, answers = Workers(), Answers()
    assert [ask(one, str(number), answers)[0] for number in range(1000)] == [str(number) for number in range(1000)]


def test_a_thread_that_leaves_the_moment_it_is_wanted_is_replaced() -> None:
    """Whoever looked first, and took then, would find nobody."""

    class Deserted(list[object]):
        def __bool__(self) -> bool:
            return True

    one, answers = Workers(), Answers()
    one._idle = Deserted()  # type: ignore[assignment]
    assert ask(one, "a", answers)[0] == "a"

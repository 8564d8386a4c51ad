"""Threads that stay for the next piece of work: to make one anew costs a twentieth of a scrape."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

IDLE_SECONDS = 60.0
"""How long a thread waits for more, which in most configurations is longer than the pause between two runs."""

IDLE_NAME = "etcd_latency-idle"

Order = tuple[str, Callable[..., None], tuple[Any, ...]]
"""What a thread is called meanwhile, and what it calls with what."""


class Workers:
    """As many threads as there is work at one time; each ends when there is no more for a while."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []

    def start(self, name: str, work: Callable[..., None], *arguments: Any) -> None:
        """Do this, which must not raise, in a thread that has nothing to do, or else in a new one.

        Raises `RuntimeError` where the system gives no more threads.
        """
        try:
            worker = self._idle.pop()
        except IndexError:  # to look first would be one moment too early: they leave by themselves
            worker = _Worker(self._idle)
        worker.orders.put((name, work, arguments))


class _Worker:
    """One thread."""

    def __init__(self, idle: list[_Worker]) -> None:
        self.orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._idle = idle
        threading.Thread(target=self._live, daemon=True).start()

    def _live(self) -> None:
        while order := self._next():
            name, work, arguments = order
            threading.current_thread().name = name
            work(*arguments)
            del order, work, arguments  # an answer may be large
            threading.current_thread().name = IDLE_NAME
            self._idle.append(self)

    def _next(self) -> Order | None:
        try:
            return self.orders.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            pass
        try:
            self._idle.remove(self)
        except ValueError:
            return self.orders.get()  # this moment somebody took it from there, and has an order
        return None

"""Every page of every target, fetched side by side under one deadline; failure is a value.

A target that hangs must cost nothing to the others, so each is asked in a thread of its own, and who has
not answered at the deadline is left behind: its thread ends by itself at its socket's time-out, and until
then the target is not asked again.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence

from etcd_latency.client import Client
from etcd_latency.errors import TargetError, TimedOut
from etcd_latency.model import Answer, Failure, Target

GRACE_SECONDS = 0.5
"""How much longer than the most patient target a run waits, so that the target's own error, which says
more than `no answer`, arrives first."""


class Fetcher:
    """Asks all clients at once."""

    def __init__(self) -> None:
        self._busy: set[Target] = set()

    def __call__(self, clients: Sequence[Client]) -> dict[Target, Answer]:
        """An answer for every client, in their order, at the latest when the most patient one gives up."""
        answers: dict[Target, Answer] = {client.target: Failure(self._silence(client)) for client in clients}
        free = [client for client in clients if client.target not in self._busy]
        deadline = time.monotonic() + max((client.patience for client in free), default=0.0) + GRACE_SECONDS
        arrived: queue.SimpleQueue[tuple[Target, Answer]] = queue.SimpleQueue()
        for client in free:
            self._busy.add(client.target)
            threading.Thread(target=self._ask, args=(client, arrived), name=client.target.name, daemon=True).start()
        for _ in free:
            try:
                target, answer = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            answers[target] = answer
        return answers

    def _ask(self, client: Client, arrived: queue.SimpleQueue[tuple[Target, Answer]]) -> None:
        answer: Answer
        try:
            answer = client.page()
        except TargetError as error:
            answer = Failure(error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not pass for a hung member
            answer = Failure(
                TargetError(f"the check itself failed with {type(error).__name__}; please report it ({error})")
            )
        self._busy.discard(client.target)
        arrived.put((client.target, answer))

    def _silence(self, client: Client) -> TimedOut:
        """What it means when nothing arrives from this client in this run."""
        if client.target in self._busy:
            return TimedOut("still no answer to the request of an earlier run; is the process hung?")
        return client.timed_out()

"""Programs that a lab starts, and surely stops, each by its own process id."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

STOP_SECONDS = 5.0
# Below the kernel's range for outgoing connections (32768 and up on Linux), or a member that
# dials its peers could take the very port on which another member is about to listen.
PORTS = range(20000, 30000)


class LabError(Exception):
    """The lab could not be set up or kept up; the message says what to do."""


class Process:
    """A running program whose output goes to a log file."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop it in order.
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def tail(self, lines: int = 5) -> str:
        """The last lines of its log, for an error message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def pause(self) -> None:
        """Hang it (SIGSTOP): its connections stay open and nothing answers."""
        self._popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._popen.kill()
        self._popen.wait()

    def ask_to_stop(self) -> None:
        """SIGTERM, after waking it up should it be paused; harmless when it has ended already."""
        if self.running:
            self.resume()
            self._popen.terminate()

    def wait(self) -> None:
        """Wait until it ended, and make it end when that takes too long."""
        try:
            self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


def stop_all(processes: Iterable[Process]) -> None:
    """Stop them side by side."""
    stopping = list(processes)
    for process in stopping:
        process.ask_to_stop()
    for process in stopping:
        process.wait()


def free_ports(count: int) -> list[int]:
    """TCP ports of 127.0.0.1 on which nothing listens, all different."""
    ports = [port for port in random.sample(PORTS, 20 * count) if _is_free(port)]
    if len(ports) < count:
        raise LabError(f"no {count} free TCP ports found between {PORTS.start} and {PORTS.stop} on 127.0.0.1")
    return ports[:count]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def program(path: str, install: str) -> str:
    """The full path of a program, or an error that says how to install it."""
    found = shutil.which(path)
    if found is None:
        raise LabError(f"{path} is not an executable program; {install}")
    return found

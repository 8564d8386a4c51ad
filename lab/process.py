"""Programs that a lab starts, and surely stops, each by its own process id."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

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

    def log_extract(self, lines: int = 5) -> str:
        """The first and the last lines of its log, for an error message."""
        log = self.log.read_text(errors="replace").splitlines()
        return "\n".join(log if len(log) <= 2 * lines else [*log[:lines], "...", *log[-lines:]])

    def pause(self) -> None:
        """Hang it (SIGSTOP): its connections stay open and nothing answers."""
        self._popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as a crash would, also when it is paused; harmless when it has ended already.

        A lab stops its programs in no other way: what they have yet to write is thrown away anyhow, and
        a leader that is asked politely first looks for a successor among members that are ending, too.
        """
        self._popen.kill()
        self._popen.wait()


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


def output(
    command: Sequence[str], install: str, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """What a program prints; when it fails, an error with what it complained of first.

    `install` says how to come by the program where it is missing.
    """
    name = Path(command[0]).name
    done = subprocess.run(
        [program(command[0], install), *command[1:]],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        # apt tells its errors after its progress, each with a letter in front.
        raise LabError(f"{name} failed: {next((line for line in said if line.startswith('E: ')), said[-1])}")
    return done.stdout

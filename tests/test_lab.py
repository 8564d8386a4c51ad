"""The lab cleans up after itself, and says what is missing."""

from __future__ import annotations

import gc
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest
import requests

from lab import cluster, load
from lab.cluster import Addresses, Cluster, Member
from lab.process import LabError, free_ports

DEMO = [sys.executable, "-m", "lab.demo"]


def etcd_processes(parent: int) -> list[int]:
    """The process ids of a demo's members: etcd processes whose parent it is."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = status.read_text().split(" (", 1)
        except OSError:
            continue
        name, fields = rest.rsplit(") ", 1)
        if name == "etcd" and int(fields.split()[1]) == parent:
            found.append(int(pid))
    return found


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_cluster_leaves_nothing_behind() -> None:
    """Processes and folder are gone after the block, also after an error in it, also with a member that hangs."""
    with suppress(KeyError), cluster.running() as lab:
        pids, folder = [member.process.pid for member in lab.members], lab.folder
        lab.members[0].process.pause()
        raise KeyError
    assert not folder.exists()
    assert [pid for pid in pids if running(pid)] == []


def test_the_demo_stops_by_itself() -> None:
    """With a duration it ends with exit code 0, having said what is seen and shown every member more than once."""
    # Between the first two runs are 5 s, or as long as the first one takes.
    done = subprocess.run([*DEMO, "--duration", "9"], capture_output=True, text=True, check=True, timeout=120)
    assert "A real etcd" in done.stdout
    assert "over mutual TLS" in done.stdout
    assert done.stdout.count("etcd-3 ") == 3
    _, _, last = done.stdout.rpartition("\nrun 2")
    *_, puts, reads = next(line for line in last.splitlines() if line.startswith("etcd-3 ")).split()[:9]
    assert int(puts) > 0
    assert int(reads) > 0
    assert done.stdout.rstrip().endswith("Stopped; everything is removed.")
    assert done.stderr == ""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_can_be_stopped(stop: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end it in order: exit code 0, no member left."""
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        for line in demo.stdout:
            if line.startswith("run 1"):
                break
        pids = etcd_processes(demo.pid)
        demo.send_signal(stop)
        output, errors = demo.communicate(timeout=60)
    assert len(pids) == 3
    assert demo.returncode == 0
    assert "Stopped; everything is removed." in output
    assert errors == ""
    assert [pid for pid in pids if running(pid)] == []


def test_a_missing_etcd_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong ETCD_BIN names the variable and what to do."""
    monkeypatch.setenv("ETCD_BIN", "/nowhere/etcd")
    with pytest.raises(LabError, match="/nowhere/etcd is not an executable program; ETCD_BIN names the etcd"):
        cluster.etcd_binary()


def test_a_member_that_ends_while_it_starts_shows_its_log() -> None:
    """The error holds what the failed process said."""
    with (
        pytest.raises(LabError, match=r"etcd-1 ended while it started; its log:\n.*no-such-flag"),
        cluster.running(1, flags=["--no-such-flag"]),
    ):
        pass


def test_free_ports_differ() -> None:
    """Members must not be given one port twice."""
    ports = free_ports(30)
    assert len(set(ports)) == 30


def test_who_is_killed_breaks_no_other_test() -> None:
    """A connection that is reset before its handshake is never closed by Python, which only its collector tells."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as plain:
        connection, _ = listener.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        with pytest.raises(ConnectionResetError):
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
    gc.collect()


def nobody() -> tuple[Cluster, Member]:
    """A cluster of one member, which is not there, and neither are the certificates."""

    def session() -> requests.Session:
        made = requests.Session()
        made.trust_env, made.verify = False, "/nowhere/ca.crt"
        return made

    member = Member("etcd-1", Addresses(*["https://127.0.0.1:1"] * len(Addresses._fields)), [])
    return cast("Cluster", SimpleNamespace(members=(member,), session=session)), member


def test_a_load_ends_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has begun to write or to read is done."""
    begun: list[str] = []
    done: list[str] = []

    def slowly(_: object, url: str, __: object) -> None:
        begun.append(url)
        time.sleep(0.2)
        done.append(url)

    monkeypatch.setattr(load, "_post", slowly)
    with load.running(nobody()[0]):
        while not begun:
            time.sleep(0.001)
    assert begun == done


def test_a_watch_outlives_its_cluster() -> None:
    """The certificates go before it does; it says nothing of that."""
    stop = Mock(wait=Mock(side_effect=[False, True]))
    load._watch(*nobody(), stop)
    assert stop.wait.call_count == 2

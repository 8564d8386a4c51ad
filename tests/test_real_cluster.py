"""The check against real etcd over mutual TLS: whole, refused, killed, hung, renewed."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from datadog_checks.base import AgentCheck
from datadog_checks.base.stubs.aggregator import AggregatorStub
from datadog_checks.base.utils.http import RequestsWrapper
from prometheus_client.parser import text_string_to_metric_families

from etcd_latency import EtcdLatencyCheck, catalog
from lab import cluster as lab_cluster
from lab.cluster import Cluster
from lab.pki import KeyPair, Pki
from tests.test_check import told
from tests.test_real_probes import undisturbed

# What etcd has only after half a minute (the round trip), or only when it happened.
LATE = {"network.peer.round_trip_time.duration"}


def check_of(cluster: Cluster, **options: Any) -> EtcdLatencyCheck:
    check = EtcdLatencyCheck("etcd_latency", {}, [cluster.instance(timeout=10) | options])
    check.run_check_initializations()
    return check


def page_of(cluster: Cluster, number: int) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """A member's page as prometheus_client reads it: sample name and labels to value."""
    with cluster.session() as session:
        text = session.get(f"{cluster.members[number].client_url}/metrics", timeout=5).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in text_string_to_metric_families(text)
        for sample in metric.samples
    }


def test_every_member_is_measured_with_the_values_of_its_page(
    real_cluster: Cluster, aggregator: AggregatorStub
) -> None:
    """For each member: every name that its page can give, and each value between a reading before and one after."""
    check = check_of(real_cluster)
    before = [page_of(real_cluster, number) for number in range(3)]
    check.check({})
    after = [page_of(real_cluster, number) for number in range(3)]
    for number, member in enumerate(real_cluster.members):
        own = ["etcd_cluster:lab", f"etcd_member:{member.name}", f"endpoint:{member.client_url}"]
        for name, raw in [
            ("server.has_leader", "etcd_server_has_leader"),
            ("server.is_leader", "etcd_server_is_leader"),
            ("server.quota_backend", "etcd_server_quota_backend_bytes"),
            ("server.proposals.committed", "etcd_server_proposals_committed_total"),
            ("disk.wal_fsync.duration.count", "etcd_disk_wal_fsync_duration_seconds_count"),
            ("disk.wal_fsync.duration.sum", "etcd_disk_wal_fsync_duration_seconds_sum"),
            ("disk.backend_commit.duration.count", "etcd_disk_backend_commit_duration_seconds_count"),
            ("server.leader_changes.count", "etcd_server_leader_changes_seen_total"),
            ("process.max_fds", "process_max_fds"),
        ]:
            (stub,) = [s for s in aggregator.metrics(f"etcd_latency.{name}") if set(own) == set(s.tags)]
            key = (raw, frozenset[tuple[str, str]]())
            # Who leads may change meanwhile.
            ends = sorted((before[number][key], after[number][key]))
            assert ends[0] <= stub.value <= ends[1], name
        exposed = {sample for sample, _ in before[number]}
        missing = {
            family.name
            for family in catalog.load("etcd").families
            if exposed & {family.exposed, f"{family.parsed}_total", f"{family.exposed}_sum"}
            and not any(
                own[1] in stub.tags
                for suffix in ("", ".count", ".sum")
                for stub in aggregator.metrics(f"etcd_latency.{family.name}{suffix}")
            )
        }
        assert missing - LATE == set()


def puts_at(cluster: Cluster, number: int) -> float:
    """How many puts a member has done, as its page says."""
    wanted = {("grpc_method", "Put"), ("grpc_code", "OK")}
    page = page_of(cluster, number).items()
    return sum(value for (name, labels), value in page if name == "grpc_server_handled_total" and wanted <= labels)


def test_grpc_methods_are_tags(real_cluster: Cluster, aggregator: AggregatorStub) -> None:
    """The load's puts and ranges are seen by method on every member."""
    deadline = time.monotonic() + 60
    while not all(puts_at(real_cluster, number) for number in range(3)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    check_of(real_cluster).check({})
    for member in real_cluster.members:
        puts = [
            stub.value
            for stub in aggregator.metrics("etcd_latency.grpc.server.handled.count")
            if {"grpc_method:Put", "grpc_code:OK", f"etcd_member:{member.name}"} <= set(stub.tags)
        ]
        assert len(puts) == 1
        assert puts[0] > 0


def test_filtered_pages_have_the_same_metrics(real_cluster: Cluster, aggregator: AggregatorStub) -> None:
    """Whether this etcd honours `name[]` or sends its whole page, asking by families loses no metric of any member."""
    found = []
    asking: list[dict[str, Any]] = [
        {},
        {"filter_families": True},
        {"filter_families": True, "accept_encoding": "gzip"},
        {},
    ]
    for options in asking:
        undisturbed(real_cluster, aggregator, members=real_cluster.instance()["members"], go_metrics=True, **options)
        assert {status for status, _ in told(aggregator).values()} == {AgentCheck.OK}
        own = {member.name: f"etcd_member:{member.name}" for member in real_cluster.members}
        found.append(
            {
                (name, member)
                for name in aggregator.metric_names
                for member, tag in own.items()
                if any(tag in stub.tags for stub in aggregator.metrics(name))
            }
        )
    # Some families come when etcd has run for a while, and none goes.
    assert found[0] <= found[1] <= found[2] <= found[3]
    assert len(found[0]) > 300


def client_options(pair: KeyPair) -> dict[str, str]:
    return {"tls_cert": str(pair.cert), "tls_private_key": str(pair.key)}


def test_the_message_for_every_certificate_problem(
    real_cluster: Cluster, tmp_path: Path, aggregator: AggregatorStub
) -> None:
    """Against one real member, each wrong certificate gets its own words: what is wrong, and which option to set."""
    other, expired = Pki(tmp_path / "other"), real_cluster.pki.issue("expired", expires_in=-timedelta(days=2))
    wrong = {
        "no client certificate": (
            {"tls_cert": None, "tls_private_key": None},
            "wants a client certificate; set `tls_cert`",
        ),
        "wrong CA": ({"tls_ca_cert": str(other.ca)}, "was signed by no CA that the check trusts; set `tls_ca_cert`"),
        "client certificate of another CA": (
            client_options(other.issue("client")),
            "does not accept the client certificate",
        ),
        "expired client certificate": (client_options(expired), f"the client certificate {expired.cert} expired on 20"),
        "key of another certificate": ({"tls_private_key": str(expired.key)}, "does not belong to `tls_cert`"),
        "no CA": ({"tls_ca_cert": None}, "was signed by no CA that the check trusts; set `tls_ca_cert`"),
        "a CA that is no certificate": ({"tls_ca_cert": __file__}, "is not a PEM file"),
    }
    for case, (options, words) in wrong.items():
        aggregator.reset()
        check_of(real_cluster, **options).run()
        statuses = told(aggregator)
        assert [status for status, _ in statuses.values()] == [AgentCheck.CRITICAL] * 3, case
        assert all(words in message for _, message in statuses.values()), (case, statuses)
        configured = {"etcd_latency.cluster.members.voting", "etcd_latency.cluster.members.even"}
        assert {*aggregator.metric_names} == {"etcd_latency.probe.success", *configured}, case
        assert {stub.value for stub in aggregator.metrics("etcd_latency.probe.success")} == {0}, case


def test_the_message_for_a_wrong_host_name(real_cluster: Cluster, aggregator: AggregatorStub) -> None:
    """127.1 is the same address under a name that is not in the certificate; without the name check it works."""
    url = real_cluster.members[0].client_url.replace("127.0.0.1", "127.1")
    check_of(real_cluster, members=[url]).run()
    ((status, message),) = told(aggregator).values()
    assert status == AgentCheck.CRITICAL
    assert "the server's certificate is for another host name; use a name that is in it" in message
    aggregator.reset()
    check_of(real_cluster, members=[url], tls_validate_hostname=False).check({})
    assert [status for status, _ in told(aggregator).values()] == [AgentCheck.OK]


def test_verification_turned_off_is_off(real_cluster: Cluster, tmp_path: Path, aggregator: AggregatorStub) -> None:
    """`tls_verify: false` works beside a CA that is not the server's, where base alone goes on verifying."""
    check_of(real_cluster, tls_verify=False, tls_ca_cert=str(Pki(tmp_path).ca)).check({})
    assert {status for status, _ in told(aggregator).values()} == {AgentCheck.OK}


@contextmanager
def tls_listener(pair: KeyPair) -> Iterator[tuple[str, list[int]]]:
    """Something that only shakes hands, with this certificate; gives its URL, and a list that grows with each call."""
    calls: list[int] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)

    def shake(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, (_, port) = listener.accept()
                calls.append(port)
                with connection, suppress(OSError):
                    context.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=shake, args=(listener,), daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", calls


@pytest.mark.parametrize(
    ("hosts", "expires_in", "words"),
    [
        (("127.0.0.1",), -timedelta(days=1), "the server's certificate has expired; renew it"),
        (("127.0.0.1",), timedelta(days=500), "the server's certificate is not valid yet; compare the clocks"),
        (("10.0.0.1",), timedelta(days=7), "the server's certificate is for another IP address"),
    ],
)
def test_the_message_for_what_the_server_shows(
    hosts: tuple[str, ...], expires_in: timedelta, words: str, tmp_path: Path, aggregator: AggregatorStub
) -> None:
    """A server's certificate that has expired, is not valid yet, or is for another address is told as that."""
    pki = Pki(tmp_path)
    with tls_listener(pki.issue("server", *hosts, expires_in=expires_in)) as (url, calls):
        options = {"tls_ca_cert": str(pki.ca), "timeout": 3, "skip_proxy": True, "probes": False}
        instance = {"cluster": "lab", "members": [url]} | options
        EtcdLatencyCheck("etcd_latency", {}, [instance]).run()
    ((_, message),) = told(aggregator).values()
    assert words in message
    # Base calls again, unverified, to look for intermediate certificates, unless it can be told not to.
    assert len(calls) == 1 or not hasattr(RequestsWrapper, "aia_chasing_max_depth")


def test_tls_versions_that_are_allowed(real_cluster: Cluster, aggregator: AggregatorStub) -> None:
    """Every etcd speaks TLS 1.2 and none 1.1: the option decides, and is named where the two do not meet."""
    check_of(real_cluster, tls_protocols_allowed=["TLSv1.1"]).run()
    assert all("see `tls_protocols_allowed`" in message for _, message in told(aggregator).values())
    aggregator.reset()
    check_of(real_cluster, tls_protocols_allowed=["TLSv1.2"]).check({})
    assert {status for status, _ in told(aggregator).values()} == {AgentCheck.OK}


def test_http_and_https_mixed_up(real_cluster: Cluster, aggregator: AggregatorStub) -> None:
    """The wrong scheme, either way round, is told as such."""
    member = real_cluster.members[0]
    for url, words in [
        (member.client_url.replace("https", "http"), "write https://"),
        (member.metrics_url.replace("http", "https"), "write http:// instead of https://"),
    ]:
        aggregator.reset()
        check_of(real_cluster, members=[url]).run()
        ((_, message),) = told(aggregator).values()
        assert words in message


def test_a_metrics_listener_needs_no_certificate(real_cluster: Cluster, aggregator: AggregatorStub) -> None:
    """With `metrics_url` the page comes from --listen-metrics-urls; the tag `endpoint` stays the client URL."""
    member = real_cluster.members[0]
    members = [{"url": member.client_url, "metrics_url": member.metrics_url, "name": member.name}]
    options = {"tls_ca_cert": None, "tls_cert": None, "tls_private_key": None}
    check_of(real_cluster, members=members, **options).check({})
    (stub,) = aggregator.metrics("etcd_latency.server.has_leader")
    assert f"endpoint:{member.client_url}" in stub.tags


def test_a_renewed_certificate_is_noticed(real_cluster: Cluster, tmp_path: Path, aggregator: AggregatorStub) -> None:
    """Replacing the files on disk is enough; the Agent need not be restarted."""
    expired = real_cluster.pki.issue("to-renew", expires_in=-timedelta(days=2))
    pair = KeyPair(Path(shutil.copy(expired.cert, tmp_path)), Path(shutil.copy(expired.key, tmp_path)))
    check = check_of(real_cluster, **client_options(pair))
    check.run()
    assert {status for status, _ in told(aggregator).values()} == {AgentCheck.CRITICAL}
    shutil.copy(real_cluster.client.cert, pair.cert)
    shutil.copy(real_cluster.client.key, pair.key)
    aggregator.reset()
    check.check({})
    assert {status for status, _ in told(aggregator).values()} == {AgentCheck.OK}


def test_one_killed_one_hung(aggregator: AggregatorStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third member is complete, one time-out is all that it costs, and both are told apart."""
    # A question whose time is over must have ended before the next run asks it again.
    monkeypatch.setattr("etcd_latency.survey.GRACE_SECONDS", 10)
    with lab_cluster.running() as cluster:
        check = check_of(cluster, timeout=2)
        started = time.monotonic()
        check.check({})
        usual = time.monotonic() - started
        whole = len(aggregator.metrics("etcd_latency.grpc.server.handled.count")) / 3
        cluster.members[1].process.pause()
        cluster.members[2].process.kill()
        for _ in range(2):
            aggregator.reset()
            started = time.monotonic()
            check.check({})
            assert time.monotonic() - started < usual + 6  # four lanes wait for the one that is hung, side by side
            assert len(aggregator.metrics("etcd_latency.grpc.server.handled.count")) == whole
            assert {name: status for name, (status, _) in told(aggregator).items()} == {
                "etcd-1": AgentCheck.OK,
                "etcd-2": AgentCheck.CRITICAL,
                "etcd-3": AgentCheck.CRITICAL,
            }
            assert "no complete answer within 2 s; is the process hung, its host down" in told(aggregator)["etcd-2"][1]
            assert "nothing listens there; is the process running" in told(aggregator)["etcd-3"][1]
        cluster.members[1].process.resume()
        aggregator.reset()
        check.check({})
        assert told(aggregator)["etcd-2"] == (AgentCheck.OK, "")


def test_the_command_on_a_real_cluster(real_cluster: Cluster, tmp_path: Path) -> None:
    """`etcd-latency check --json` as an installed command: two runs, three members, exit code 0."""
    conf = tmp_path / "conf.yaml"
    conf.write_text(yaml.safe_dump({"init_config": {}, "instances": [real_cluster.instance()]}))
    command = [str(Path(sys.executable).with_name("etcd-latency")), "check", "-c", str(conf), "--json"]
    done = subprocess.run([*command, "--times", "2", "--pause", "0.5"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    first, second = map(json.loads, done.stdout.splitlines())
    assert {check["name"]: check["status"] for check in first["service_checks"]} == {
        f"etcd_latency.{name}": 0 for name in ("can_connect", "endpoint.health", "alarm", "certificate", "quorum")
    }
    assert sum(metric["name"] == "etcd_latency.server.is_leader" for metric in second["metrics"]) == 3
    assert sum(m["value"] for m in second["metrics"] if m["name"] == "etcd_latency.server.is_leader") == 1

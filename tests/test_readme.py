"""What the README claims, checked."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import __version__, catalog, findings, probes
from etcd_latency.answers import Answers
from etcd_latency.config_models import InstanceConfig
from etcd_latency.derive import agreement
from etcd_latency.model import (
    AlarmList,
    Certificate,
    Event,
    Finding,
    Gauge,
    HttpHealth,
    ListedMember,
    MemberList,
    Read,
    Status,
    Target,
)
from etcd_latency.targets import Roster
from lab.assets.metadata import rows
from tests.conftest import MakeCheck, recorded
from tests.test_scrape import page, scraper_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SUFFIXES = {"gauge": [""], "counter": [".count"], "histogram": [".sum", ".count"]}


def yaml_blocks() -> list[Any]:
    """What the README shows of configuration: an instance, its blocks for Kubernetes, a filter."""
    return [yaml.safe_load(textwrap.dedent(block)) for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]


def table(first: str) -> list[list[str]]:
    """The cells of the table whose first column has this heading, without the headings."""
    (body,) = re.findall(rf"^\| {re.escape(first)} \| .+ \|\n\|[-|]+\|\n((?:\|.+\|\n)+)", README, re.MULTILINE)
    return [line[2:-2].split(" | ") for line in body.splitlines()]


def names_in(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def found() -> Iterator[Finding]:
    """All that is told of a member and an API server that answer everything, beside their pages."""
    member = Target("m1", "https://10.0.0.1:2379", "https://10.0.0.1:2379/metrics", ())
    api = Target("a1", "https://10.0.0.1:6443", "https://10.0.0.1:6443/metrics", (), "apiserver")
    manager = Target("c1", "https://10.0.0.1:10257", "https://10.0.0.1:10257/metrics", (), "controller_manager")
    passed = HttpHealth(200, passed=True, reason="", seconds=0.1)
    status = Status(1, 1, "3.6.0", 1, 1, 1, 1, 1, 1, 1, is_learner=False, errors=(), alarms=())
    members = (ListedMember(1, "m1", (member.url,), is_learner=False),)
    answers = Answers()
    for probe in (probes.HEALTH, probes.LIVEZ, probes.READYZ):
        answers.put(member, probe, passed)
    for probe in (probes.APISERVER_LIVEZ, probes.APISERVER_READYZ):
        answers.put(api, probe, passed)
    for read in (probes.LINEARIZABLE_READ, probes.SERIALIZABLE_READ):
        answers.put(member, read, Read(0.1, permitted=True))
    answers.put(member, probes.STATUS, status)
    answers.put(member, probes.ALARM_LIST, AlarmList((), 0.1))
    answers.put(member, probes.CERTIFICATE, (Certificate("server", "it", datetime(2036, 1, 1, tzinfo=UTC)),))
    agreed = agreement.compared({"m1": status}, {"m1": status}, {"m1": MemberList(1, 1, members)}, str)
    yield from findings.member(member, answers, answers, str)
    yield from findings.endpoint(api, answers)
    yield from findings.certificates(member, answers, 0.0, (30, 7))
    yield from findings.cluster((), agreed, Roster(members))
    yield from findings.ghosts(member, 1)
    yield from findings.probes(member, (probes.HEALTH,), answers)
    for target in (api, manager):
        yield from findings.page_age(target, 1.0)


def test_the_tables_of_names_are_the_catalogues() -> None:
    """Each family of the tables becomes exactly the metrics beside it, and each of these is in metadata.csv."""
    shown = table("on etcd's page"), table("on the page of an API server or controller manager")
    assert list(map(len, shown)) == [20, 10]
    families = {
        family.exposed: family
        for source in ("controller_manager", "apiserver", "etcd")
        for family in catalog.load(source).families
    }
    described = {row.metric_name for row in rows()}
    for exposed, cell in (row for one in shown for row in one):
        family = families[exposed.strip("`")]
        names = names_in(cell)
        assert names == [family.name + suffix for suffix in SUFFIXES[family.kind]]
        assert {f"etcd_latency.{name}" for name in names} <= described


def test_the_table_of_answers_is_complete() -> None:
    """It has every metric that comes from no page, and no other."""
    shown = [name for _, cell in table("asked of members, and of API servers") for name in names_in(cell)]
    assert sorted(shown) == sorted({one.name for one in found() if isinstance(one, Gauge)})


def test_the_table_of_service_checks_is_that_of_the_assets() -> None:
    """Each service check with its levels, as Datadog is told of them; the days are the defaults."""
    described = json.loads((ROOT / "assets/service_checks.json").read_text())
    shown = table("after `etcd_latency.`")
    assert {f"etcd_latency.{name.strip('`')}": levels.lower().split(", ") for name, levels, _ in shown} == {
        one["check"]: one["statuses"] for one in described
    }
    (says,) = (says for name, _, says in shown if name == "`certificate`")
    days = [InstanceConfig.model_fields[f"certificate_{level}_days"].default for level in ("warning", "critical")]
    assert list(map(int, re.findall(r"\d+", says))) == days


def test_the_table_of_events_is_complete() -> None:
    """Each thing on which members may differ, and the type of the event that begins it."""
    told = [findings.news("prod", (), agreement.News(kind, "m1: a; m2: b")) for kind in agreement.KINDS]
    assert all(isinstance(one, Event) for one in told)
    assert [row[:2] for row in table("event")] == [
        [one.title.removeprefix("etcd prod: "), one.alert_type] for one in told
    ]


def test_the_configuration_works(make_check: MakeCheck) -> None:
    """The kubeadm example is accepted as it stands, alone and with the blocks for Kubernetes."""
    (instance,) = yaml_blocks()[0]["instances"]
    members = instance.pop("members")
    assert len(make_check(*members, **instance).scrapers) == 3
    assert len(make_check(*members, **instance, **yaml_blocks()[1]).scrapers) == 7


def test_the_cost_is_as_told(make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """About 1,000 series a member, nine of ten of them gRPC's; about 640 with the shown filter."""
    for options, series in [({}, 1000), (yaml_blocks()[2], 640)]:
        aggregator.reset()
        scraper_of(make_check("https://10.0.0.1:2379", **options)).submit(page(recorded("etcd-3.5.16/m1-leader-load")))
        counts = {name: len(aggregator.metrics(name)) for name in aggregator.metric_names}
        assert abs(sum(counts.values()) - series) < 0.05 * series
        if not options:
            grpc = sum(count for name, count in counts.items() if ".grpc." in name)
            assert 0.85 < grpc / sum(counts.values()) < 0.95


def test_files_and_commands_exist() -> None:
    """Links lead to files, make targets are the Makefile's, the wheel has the version's name."""
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / link).exists(), link
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)|`make (\w+)`", README, re.MULTILINE):
        assert f"\n{''.join(target)}: env\n" in makefile, target
    assert f"datadog_etcd_latency-{__version__}-py3-none-any.whl" in README

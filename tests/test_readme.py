"""What the README claims, checked."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import __version__, catalog
from lab.assets import rows
from tests.conftest import MakeCheck, recorded
from tests.test_scrape import page, scraper_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SUFFIXES = {"gauge": [""], "counter": [".count"], "histogram": [".sum", ".count"]}


def yaml_blocks() -> list[str]:
    return [
        re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    ]


def test_the_table_of_names_is_the_catalogue_s() -> None:
    """Each family of the table becomes exactly the metrics beside it, and each of these is in metadata.csv."""
    table = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", README, re.MULTILINE))
    assert len(table) == 20
    families = {family.exposed: family for family in catalog.load("etcd").families}
    described = {row.metric_name for row in rows()}
    for exposed, cell in table.items():
        family = families[exposed]
        names = re.findall(r"`([^`]+)`", cell)
        assert names == [family.name + suffix for suffix in SUFFIXES[family.kind]]
        assert {f"etcd_latency.{name}" for name in names} <= described


def test_the_configuration_works(make_check: MakeCheck) -> None:
    """The kubeadm example is accepted as it stands."""
    (instance,) = yaml.safe_load(yaml_blocks()[0])["instances"]
    members = instance.pop("members")
    assert len(make_check(*members, **instance).scrapers) == 3


def test_the_cost_is_as_told(make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """About 1,000 series a member, nine of ten of them gRPC's; about 640 with the shown filter."""
    for options, series in [({}, 1000), (yaml.safe_load(yaml_blocks()[1]), 640)]:
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

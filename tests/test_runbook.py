from __future__ import annotations

import csv
import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from etcd_latency.derive.diagnosis.causes import TABLE
from etcd_latency.derive.diagnosis.views import Cause
from etcd_latency.scoreboard import CAUSES
from lab.assets.monitors import RUNBOOK, monitors
from lab.cluster import Cluster, etcdctl
from tests.conftest import FIXTURES

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / RUNBOOK).read_text(encoding="utf-8")
PARTS = ["Meaning.", "Confirm.", "Act.", "Not."]
MOST_WORDS = 350
"""Of a section: what somebody reads who has just been woken up."""

KNOWN_COMMANDS = {
    *("alarm disarm", "alarm list", "compact", "defrag", "del", "get"),
    *("endpoint hashkv", "endpoint health", "endpoint status", "member add", "member list", "member remove"),
    *("move-leader", "snapshot restore", "snapshot save"),
}
HARMLESS = (
    "etcdctl endpoint",
    "etcdctl alarm list",
    "etcdctl get",
    "ETCDCTL_ENDPOINTS=https://10.0.0.2:2379 etcdctl endpoint",
)
NOT_FAMILIES = {"etcd_latency", "etcd_log", "etcd_cluster", "etcd_member"}
OF_ALL_PROGRAMS = {
    *("grpc_server_started", "grpc_server_started_total", "grpc_server_handled_total"),
    *("process_resident_memory_bytes", "process_open_fds", "process_max_fds"),
}
"""What the libraries of Prometheus and gRPC expose; etcd's own table leaves it out."""


@dataclass(frozen=True)
class Section:
    """What stands under one heading of the third level."""

    anchor: str
    text: str

    @property
    def title(self) -> str:
        """Its first line."""
        return self.text.strip().split("\n", 1)[0].strip("*")


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading: small letters, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def without_code(text: str) -> str:
    """A text without its blocks of code, in which a line may begin with #."""
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(level: int) -> list[str]:
    """The anchors of this level, in their order."""
    return [slug(one) for one in re.findall(rf"^#{{{level}}} (.+)$", without_code(TEXT), re.MULTILINE)]


@cache
def sections() -> dict[str, Section]:
    """All sections, by their anchors."""
    found = re.split(r"^(#{2,3}) (.+)$", TEXT, flags=re.MULTILINE)[1:]
    parts = zip(found[::3], found[1::3], found[2::3], strict=True)
    return {slug(title): Section(slug(title), body) for level, title, body in parts if level == "###"}


def blocks() -> list[str]:
    """All blocks of code, as they are to be typed."""
    return [
        re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        for indent, body in re.findall(r"^( *)```\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
    ]


def is_whole(script: str) -> bool:
    """Whether bash takes it for complete."""
    return subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False).returncode == 0


@cache
def statements() -> tuple[str, ...]:
    """What stands in the blocks, command by command, each once."""
    found: dict[str, None] = {}
    for block in blocks():
        lines: list[str] = []
        for line in block.splitlines():
            lines.append(line)
            statement = "\n".join(lines)
            if not line.rstrip().endswith(("|", "\\")) and is_whole(statement):
                found[statement] = None
                lines = []
        assert not lines, f"bash does not take this: {lines}"
    return tuple(found)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    (part,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## )", TEXT, re.MULTILINE | re.DOTALL)
    return [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")][1:]


SEEDS = "Which monitor for which alert of the two guides"
FIELD = "What the field alerts on, and where that is here"


def keys_of_causes() -> dict[str, Cause]:
    return {cause.replace("_", "-"): cause for cause in get_args(Cause)}


def test_every_monitor_and_every_cause_has_its_section() -> None:
    """Whoever follows a link from a monitor or a diagnosis finds a heading there, and no heading is about nothing."""
    keys = [one.anchor for one in monitors()]
    assert len(keys) == 36
    assert {row.cause for row in TABLE} == set(keys_of_causes().values())
    assert headings(3) == [*keys, *(key for key in headings(3)[len(keys) :] if key in keys_of_causes())]
    assert set(headings(3)) == {*keys, *keys_of_causes()}
    assert len(set(headings(2) + headings(3))) == len(headings(2) + headings(3))


def test_the_titles_are_those_of_the_monitors_and_causes() -> None:
    """Each section begins with the words that the alert, or the verdict, had."""
    titles = {one.anchor: one.title for one in monitors()}
    words = {key: capital(CAUSES[cause]) for key, cause in keys_of_causes().items()}
    assert {anchor: section.title for anchor, section in sections().items()} == words | titles


def capital(text: str) -> str:
    """A text as the beginning of a sentence."""
    return text[0].upper() + text[1:]


@pytest.mark.parametrize("section", sections().values(), ids=sections())
def test_a_section_has_its_four_parts(section: Section) -> None:
    """What it means, how to see it, what to do in numbered steps, what it is not; and it is short."""
    assert re.findall(r"^\*\*([A-Z]\w+\.)\*\*", section.text, re.MULTILINE) == PARTS
    _, _, confirm, act, not_ = re.split(r"^\*\*(?:Meaning|Confirm|Act|Not)\.\*\*", section.text, flags=re.MULTILINE)
    assert "\n```\n" in confirm
    assert "\n1. " in act
    assert not_.strip()
    assert len(section.text.split()) <= MOST_WORDS


def test_links_lead_somewhere() -> None:
    """Each anchor is a heading of this file, each path a file beside it."""
    links = re.findall(r"\]\(([^)]+)\)", without_code(TEXT))
    assert len(links) > 150
    for link in links:
        path, _, anchor = link.partition("#")
        assert (not path and anchor in headings(2) + headings(3)) or (path and (ROOT / "assets" / path).exists()), link


def test_every_rule_of_the_guides_has_a_row() -> None:
    """S1 to S20, each with at least one monitor and with what is different."""
    found = rows(SEEDS)
    assert [row[0] for row in found] == [f"S{number}" for number in range(1, 21)]
    assert all(len(row) == 4 and "](#" in row[2] and row[3] for row in found)


def test_every_monitor_is_in_a_table() -> None:
    """Nothing is alerted on that neither the guides nor the field nor a reason of ours asks for."""
    cells = " ".join(row[-2] for heading in (SEEDS, FIELD) for row in rows(heading))
    assert set(re.findall(r"\]\(#([\w-]+)\)", cells)) == {one.anchor for one in monitors()}


def test_what_is_named_of_the_check_exists() -> None:
    """Each metric is in metadata.csv or is a service check."""
    with (ROOT / "assets/metadata.csv").open() as table:
        known = {row["metric_name"] for row in csv.DictReader(table)}
    known |= {one["check"] for one in json.loads((ROOT / "assets/service_checks.json").read_text())}
    named = set(re.findall(r"\betcd_latency\.[a-z_.]*[a-z]", TEXT))
    assert named
    assert named <= known


def expanded(pattern: str) -> Iterator[str]:
    """All texts that a pattern of alternatives stands for."""
    group = re.search(r"\(([^()]*)\)(\??)", pattern)
    if group is None:
        yield pattern
        return
    for one in [*group[1].split("|"), *([""] if group[2] else [])]:
        yield from expanded(pattern[: group.start()] + one + pattern[group.end() :])


def named_families() -> set[str]:
    """What is named of pages, in the prose and in the patterns of grep and awk."""
    patterns = re.findall(r"'\^((?:etcd|grpc|process|apiserver|os)_[^' $.]*|\((?:process)[^' ]*)", TEXT)
    found = {one for pattern in patterns for one in expanded(pattern)}
    found |= set(re.findall(r"/\^(\w+)/", TEXT)) | set(re.findall(r"`((?:etcd|os_fd|grpc_server|process)_\w+)`", TEXT))
    return {re.sub(r"_(sum|count|bucket)$", "", one) for one in found}


def test_the_families_exist() -> None:
    """Each family of etcd and of the API server that is named is in the tables of what they expose."""
    known = set(OF_ALL_PROGRAMS)
    for name in ("etcd_families", "kube_apiserver_families"):
        with (FIXTURES / f"{name}.csv").open() as table:
            known |= {row["family"] for row in csv.DictReader(table)}
    named = named_families() - NOT_FAMILIES
    assert len(named) > 40
    assert {one for one in named if one.startswith(("etcd_", "os_", "process_", "grpc_"))} - known == set()
    assert {one for one in named if one.startswith("apiserver_")} - known == set()


def test_etcdctl_is_asked_what_it_knows() -> None:
    """All commands are among those that were tried on 3.4 and 3.5; none repeats an option of the environment."""
    blocks_of_code = "\n".join(one for one in statements() if one != helper())
    inline = "\n".join(re.findall(r"`([^`\n]+)`", without_code(TEXT)))
    called = re.findall(r"\betcdctl (?:--command-timeout=\w+ )?([a-z-]+(?: [a-z]+)?)", f"{blocks_of_code}\n{inline}")
    assert len(called) > 30
    assert {next((known for known in KNOWN_COMMANDS if one.startswith(known)), one) for one in called} <= KNOWN_COMMANDS
    assert not re.search(r"etcdctl .*--(endpoints|cacert|cert|key)=", blocks_of_code)


def helper() -> str:
    """The function for hosts without etcdctl, which has the options in it."""
    return next(one for one in statements() if one.startswith("etcdctl() {"))


def test_nobody_is_told_to_defragment_all_at_once() -> None:
    """Each command that defragments or makes a snapshot is for one member."""
    found = [one for one in statements() if re.search(r"etcdctl .*(defrag|snapshot save)", one)]
    assert len(found) == 3
    assert all(re.match(r"ETCDCTL_ENDPOINTS=https://[\d.]+:2379 etcdctl ", one) for one in found)


def test_what_takes_longer_than_five_seconds_is_given_time() -> None:
    """etcdctl gives up then unless it is told otherwise, and a database that is full takes a minute."""
    found = [one for one in statements() if re.search(r"etcdctl .*(defrag|compact)\b", one)]
    assert len(found) == 3
    assert all("etcdctl --command-timeout=" in one for one in found)


SAID = {
    "a slow request": (
        'W | etcdserver: read-only range request "key:\\"/registry/\\"" with result "" took too long (1s) to execute',
        '{"level":"warn","msg":"apply request took too long","took":"1s","request":"key:\\"/registry/\\""}',
    ),
    "a slow sync": (
        "W | wal: sync duration of 1.5s, expected less than 1s",
        '{"level":"warn","msg":"slow fdatasync","took":"1.5s"}',
    ),
    "a late heartbeat": (
        "W | etcdserver: failed to send out heartbeat on time (exceeded the 100ms timeout for 1s, to 8e9e05c52164694d)",
        '{"level":"warn","msg":"leader failed to send out heartbeat on time; took too long, leader is overloaded"}',
    ),
    "a lost peer": (
        "W | rafthttp: lost the TCP streaming connection with peer 8e9e05c52164694d (writer)",
        '{"level":"warn","msg":"lost TCP streaming connection with remote peer"}',
    ),
    "a silent peer": (
        "W | rafthttp: health check for peer 8e9e05c52164694d could not connect: EOF",
        '{"level":"warn","msg":"prober detected unhealthy status"}',
    ),
    "an error": ("2026-11-21 22:00:00.123456 E | etcdserver: it went wrong", '{"level":"error","msg":"it went wrong"}'),
}
"""What 3.4 logs unless it is started with `--logger=zap`, and what 3.5 and 3.6 do."""


@pytest.mark.parametrize(("before", "now"), SAID.values(), ids=SAID)
def test_the_log_is_searched_for_the_words_of_every_version(before: str, now: str) -> None:
    """Whatever finds a line of a newer version finds that of 3.4, too."""
    patterns = re.findall(r"etcd_log \| grep (?:-\w+ )?'([^']+)'", TEXT)
    found = [pattern for pattern in patterns if re.search(pattern, now)]
    assert found
    assert all(re.search(pattern, before) for pattern in found)


@cache
def pages() -> bytes:
    """Recorded pages of members, well and in trouble, of the newest and the oldest version."""
    folders = ("etcd-3.4.23", "etcd-3.5.16", "faults-3.5.16")
    found = (path for folder in folders for path in sorted((FIXTURES / folder).glob("**/*.prom.gz")))
    return b"".join(map(gzip.decompress, map(Path.read_bytes, found)))


def test_what_is_looked_for_on_pages_is_there(tmp_path: Path) -> None:
    """Each command that reads a member's page shows something on recorded pages."""
    (tmp_path / "pages").write_bytes(pages())
    found = [one for one in statements() if '"$METRICS"' in one and "/dev/null" not in one and "grep -c" not in one]
    assert len(found) > 25
    for statement in found:
        script = f"curl() {{ cat pages; }}\nsleep() {{ :; }}\nexport METRICS=it\n{statement}"
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stdout.strip(), statement
        assert not done.stderr, statement


def test_what_etcdctl_is_asked_works(real_cluster: Cluster) -> None:
    """The commands that change nothing succeed on a real cluster, with the environment that the runbook sets."""
    environment = {
        "PATH": f"{Path(etcdctl(real_cluster.template.binary)).parent}:/usr/bin:/bin",
        "ETCDCTL_ENDPOINTS": ",".join(member.urls.grpc for member in real_cluster.members),
        "ETCDCTL_CACERT": str(real_cluster.pki.ca),
        "ETCDCTL_CERT": str(real_cluster.client.cert),
        "ETCDCTL_KEY": str(real_cluster.client.key),
    }
    found = [one for one in statements() if one.startswith(HARMLESS) or one.startswith("rev=")]
    assert len(found) > 4
    for statement in found:
        here = re.sub(r"https://10\.0\.0\.\d:2379", real_cluster.members[0].urls.grpc, statement)
        done = subprocess.run(["bash", "-c", here], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (here, done.stderr)

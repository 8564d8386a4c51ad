"""Do the members agree on what they must agree on?

A figure for each thing, and for each thing that is wrong a sentence. What may be seen wrong for a moment must
be seen in two runs in a row before it counts: members are not asked at one instant, and in an election etcd
tells the new leader before the new term (server/etcdserver/server.go: setLead, setTerm).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Literal

from etcd_latency.model import MemberList, NameOf, Status


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Something on which members differ."""

    kind: str
    """Its key in `KINDS`."""
    text: str
    """Who says what, for people."""
    identity: str
    """What has to change for it to be news: raft's terms grow while the members differ in the same way."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing on which members must agree."""

    title: str
    """What is told when they differ."""
    advice: str
    runs: int
    """In how many runs in a row it must be seen before it is told."""
    alert_type: Literal["warning", "error"]
    """Of the event."""


FEWEST_ANSWERS = 2
"""One who answers alone agrees with himself."""

KINDS: Mapping[str, Kind] = {
    "version": Kind(
        "members run different versions of etcd",
        "Normal during an upgrade; finish it, because mixed versions keep to what the oldest can do.",
        2,
        "warning",
    ),
    "cluster_id": Kind(
        "members belong to different clusters",
        "The data of one is not the data of the other: correct `members`, or the member that was started anew.",
        1,
        "error",
    ),
    "term": Kind(
        "members are in different raft terms",
        "One that is cut off, or far behind in applying, stays in an older term: look for no leader, or a slow disk.",
        2,
        "warning",
    ),
    "leader": Kind(
        "members follow two leaders in one term",
        "Raft rules this out for longer than an election takes: the members do not share one history. "
        "Stop writing and compare their data.",
        2,
        "error",
    ),
    "member_list": Kind(
        "members disagree on who is a member",
        "One of them did not get a change: see whether it is cut off, and `etcdctl member list` at each.",
        2,
        "warning",
    ),
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many different answers there are to each question; 1 is agreement."""

    figures: Mapping[str, float]
    """By the name of a metric."""
    disagreements: tuple[Disagreement, ...]
    open: frozenset[str]
    """The kinds on which too few have answered to tell."""


def compared(
    now: Mapping[str, Status], known: Mapping[str, Status], lists: Mapping[str, MemberList], name: NameOf
) -> Agreement:
    """Compare what members say, by their names.

    `now` holds who answered in this run, `known` and `lists` the last answer of everybody: a version does not
    change back because its member is down. Members of different clusters have nothing
    else to agree on.
    """
    ids = {who: one.cluster_id for who, one in lists.items()} | {who: one.cluster_id for who, one in known.items()}
    clusters = _by_answer({who: f"cluster {number:x}" for who, number in ids.items()})
    versions = _by_answer({who: status.version for who, status in known.items()})
    one = _within_one_cluster(now, lists, name) if len(clusters) <= 1 else Agreement({}, (), SHARED_BY_A_CLUSTER)
    grouped = {"cluster.versions": versions, "cluster.ids": clusters}
    return Agreement(
        {metric: len(groups) for metric, groups in grouped.items() if groups} | dict(one.figures),
        (*_differ("version", versions), *_differ("cluster_id", clusters), *one.disagreements),
        one.open | _open({"version": known, "cluster_id": ids}),
    )


SHARED_BY_A_CLUSTER = frozenset(("term", "leader", "member_list"))


def _within_one_cluster(now: Mapping[str, Status], lists: Mapping[str, MemberList], name: NameOf) -> Agreement:
    contents = _by_answer({who: _written(one) for who, one in lists.items()})
    terms = _by_answer({who: f"term {status.raft_term}" for who, status in now.items()})
    leaders = _leaders(now, name)
    figures: dict[str, float] = {"cluster.member_lists": len(contents)} if contents else {}
    if now:
        numbers = [status.raft_term for status in now.values()]
        figures["cluster.raft_term.spread"] = max(numbers) - min(numbers)
        figures["cluster.leaders"] = max(map(len, leaders.values()), default=0)
    found = (
        *_differ("member_list", contents),
        *_differ("term", terms, by_groups=True),
        *_differ("leader", _rivals(leaders), by_groups=True),
    )
    return Agreement(figures, found, _open({"term": now, "leader": now, "member_list": lists}))


def _open(answers: Mapping[str, Sized]) -> frozenset[str]:
    return frozenset(kind for kind, given in answers.items() if len(given) < FEWEST_ANSWERS)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of a disagreement from run to run."""

    identity: str
    runs: int
    """In how many runs in a row it was seen like this."""
    told: str | None
    """The identity that was told last."""


Standing = Mapping[str, Seen]
"""By kind of disagreement."""


@dataclass(frozen=True, slots=True)
class News:
    """What began, changed or ended with this run."""

    kind: str
    text: str | None
    """Who says what; None when members agree again."""


def news(before: Standing, found: Agreement) -> tuple[Standing, tuple[News, ...]]:
    """What has to be told, and what to remember until the next run."""
    after = {kind: seen for kind, seen in before.items() if kind in found.open}
    told: list[News] = []
    for one in found.disagreements:
        last = before.get(one.kind, Seen("", 0, None))
        runs = last.runs + 1 if last.identity == one.identity else 1
        is_news = runs >= KINDS[one.kind].runs and last.told != one.identity
        after[one.kind] = Seen(one.identity, runs, one.identity if is_news else last.told)
        if is_news:
            told.append(News(one.kind, one.text))
    ended = (kind for kind, seen in before.items() if kind not in after and seen.told is not None)
    return after, (*told, *(News(kind, None) for kind in ended))


def is_in_doubt(standing: Standing, kind: str) -> bool:
    """Whether something was seen that has not been told yet."""
    seen = standing.get(kind)
    return seen is not None and seen.identity != seen.told


def _by_answer(answers: Mapping[str, str]) -> dict[str, list[str]]:
    """Who gave each answer."""
    groups: dict[str, list[str]] = defaultdict(list)
    for who, answer in sorted(answers.items()):
        groups[answer].append(who)
    return dict(groups)


def _leaders(statuses: Mapping[str, Status], name: NameOf) -> dict[int, dict[str, list[str]]]:
    """For every term, who follows which leader."""
    terms: dict[int, dict[str, str]] = defaultdict(dict)
    for who, status in statuses.items():
        if status.leader:
            terms[status.raft_term][who] = f"leader {name(status.leader)} in term {status.raft_term}"
    return {term: _by_answer(followed) for term, followed in terms.items()}


def _rivals(terms: Mapping[int, Mapping[str, list[str]]]) -> dict[str, list[str]]:
    """The leaders of those terms that have more than one, and who follows each."""
    return {leader: who for term in terms.values() if len(term) > 1 for leader, who in term.items()}


def _written(one: MemberList) -> str:
    return ", ".join(
        f"{member.name or 'not started'} ({member.id:x}{', learner' * member.is_learner}{_at(member.client_urls)})"
        for member in one.members
    )


def _at(urls: tuple[str, ...]) -> str:
    return f" at {' '.join(urls)}" if urls else ""


def _differ(kind: str, groups: Mapping[str, list[str]], *, by_groups: bool = False) -> Iterable[Disagreement]:
    """The disagreement, where there is more than one answer."""
    if len(groups) > 1:
        told = "; ".join(f"{', '.join(who)}: {answer}" for answer, who in sorted(groups.items()))
        yield Disagreement(kind, told, str(sorted(groups.values())) if by_groups else told)

"""What follows from a run and the one before it: the facts of `derive`, run after run, as findings.

`derive` remembers nothing; what has to be kept from run to run is kept here: the last page of every member, round
trips, and what API servers have waited so far; which verdict stands is kept in `verdicts`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

from etcd_latency import boards, catalog, views
from etcd_latency.boards import Shown
from etcd_latency.config import Config
from etcd_latency.derive import capability, clients, headroom, histograms, intervals, quorum, storage
from etcd_latency.derive.clients import Measured, Spent
from etcd_latency.derive.diagnosis import ClusterView, Diagnosis, diagnose
from etcd_latency.derive.diagnosis.symptoms import FSYNC
from etcd_latency.derive.intervals import RoundTrip
from etcd_latency.derive.pages import Interval, Labels, Reading
from etcd_latency.model import Finding, Gauge, Judgement, Key, Target
from etcd_latency.probes import ALARM_LIST, LINEARIZABLE_READ, SERIALIZABLE_READ, STATUS, Probe
from etcd_latency.scoreboard import Board
from etcd_latency.survey import Survey
from etcd_latency.verdicts import Verdicts
from etcd_latency.views import Seen

TagsOf = Callable[[str, Labels], tuple[str, ...] | None]
"""The tags of one series of a family."""

HISTOGRAMS = {
    kind: [family for family in catalog.load(source).families if family.kind == "histogram"]
    for kind, source in {"member": "etcd", "apiserver": "apiserver", "controller_manager": "controller_manager"}.items()
}
"""By kind of target."""


class Analysis:
    """The facts about one cluster, run after run."""

    def __init__(self, config: Config, survey: Survey) -> None:
        self._config = config
        self._survey = survey
        self._readings: dict[Key, Reading] = {}
        self._trips: dict[Key, dict[str, RoundTrip]] = {}
        self._names_of: dict[Key, str] = {}
        """What members were called in the last run."""
        self._readings_of_others: dict[Key, Reading] = {}
        self._verdicts = Verdicts(config)
        self._seen: dict[Target, Seen] = {}
        self._commit: float | None = None
        self._board: Callable[[], Board | None] | None = None

    def begin(self) -> None:
        """A run begins."""
        self._seen = {}

    def member(self, target: Target, reading: Reading | None, tags_of: TagsOf) -> Iterator[Finding]:
        """What follows from the pages of one member; None when it has none in this run."""
        before = self._readings.get(target.key)
        interval = Interval(before, reading) if before and reading and reading.taken > before.taken else None
        self._seen[target] = seen = Seen(target, reading, interval)
        if reading is None:
            self._trips.pop(target.key, None)
            return
        self._readings[target.key] = reading
        now = time.time()
        yield from _gauges(storage.figures(reading, now), target.tags)
        for signal, is_missing in self._missing(seen).items():
            yield Gauge("capability.missing", int(is_missing), (*target.tags, f"signal:{signal}"))
        if interval is None:
            return
        yield from _observed(interval, HISTOGRAMS[target.kind], now, tags_of)
        self._remember_trips(target.key, interval, now)
        round_trips = [trip.seconds for trip in self._trips[target.key].values()]
        fsync = headroom.slowest(interval.histogram(FSYNC))
        limits = headroom.to_limits(fsync, round_trips, self._config.heartbeat_seconds, self._config.election_seconds)
        yield from _gauges(limits, target.tags)

    def cluster(self, members: Sequence[Target]) -> Iterator[Finding]:
        """What follows from all members together."""
        self._forget_all_but(members)
        seen = [self._seen[target] for target in members if target in self._seen]
        voting = [one for one in seen if not self._is_learner(one)]
        yield from self._watchers(seen)
        yield from self._handled(seen)
        counted = self._quorum(voting)
        tags = self._config.tagging.tags
        yield from _gauges(counted.figures(), tags)
        verdict = quorum.judged(counted)
        yield Judgement("quorum", verdict.level, tags, verdict.reason)
        commit = self._commit_latency(seen, voting, counted.voters)
        self._commit = commit.estimate if commit else None
        if commit:
            yield from _gauges(commit.figures(), tags)
            for name, figures in commit.figures_by_member().items():
                yield from _gauges(figures, (*tags, f"etcd_member:{name}"))
        diagnosis = self._diagnosed(seen, counted.voters)
        yield from self._verdicts.findings(diagnosis, {target.name: target.tags for target in members})
        shown = [boards.shown(one) for one in seen]
        self._board = partial(self._shown, shown, counted, commit, diagnosis)

    def endpoint(self, target: Target, reading: Reading, tags_of: TagsOf) -> Iterator[Finding]:
        """What follows from the histograms of a Kubernetes server."""
        before = self._readings_of_others.get(target.key)
        if before and before.taken == reading.taken:
            return  # the same page counts once
        self._readings_of_others[target.key] = reading
        if before is None:
            return
        interval = Interval(before, reading)
        yield from _observed(interval, HISTOGRAMS[target.kind], time.time(), tags_of)
        if target.kind == "apiserver":
            yield from self._split(target, interval)

    def _split(self, target: Target, interval: Interval) -> Iterator[Finding]:
        """What an API server waits for, and where the time goes."""
        calls: defaultdict[str, Spent] = defaultdict(lambda: clients.NOTHING)
        for labels, observed in interval.histograms(clients.CALLS_TO_ETCD).items():
            operation = dict(labels).get("operation", "")
            calls[operation] = clients.both(calls[operation], Spent(observed.sum, observed.count))
        members = [one.interval for one in self._seen.values() if one.interval]
        for one in clients.split(clients.waits(calls), members, self._measured()):
            tags = (*target.tags, f"kind:{one.kind}", f"source:{one.source}")
            yield Gauge("apiserver.etcd_request.outside_etcd", one.outside, tags)
            yield Gauge("apiserver.etcd_request.inside_etcd", one.inside, tags)

    def board(self) -> Board | None:
        """What an operator is shown of the last run; None while no member gave two pages that can be compared."""
        return self._board() if self._board else None

    def end(self) -> None:
        """A run has ended: let go of the pages before."""
        self._seen = {}

    def _shown(
        self,
        seen: Sequence[Shown],
        counted: quorum.Quorum,
        commit: quorum.CommitLatency | None,
        diagnosis: Diagnosis,
    ) -> Board | None:
        if not any(one.is_compared for one in seen):
            return None
        members = [one.member for one in seen]
        notes = (*(commit.told() if commit else ()), quorum.even_size(counted.voters), *self._lacking(members))
        rows = boards.rows(seen, self._survey, self._round_trips(members))
        told = tuple(filter(None, notes))
        return Board(self._config.cluster, rows, diagnosis, told, boards.limits(self._config))

    def _forget_all_but(self, members: Iterable[Target]) -> None:
        """Let go of those that left; who is called otherwise since is who it was."""
        names = {target.key: target.name for target in members}
        renamed = {before: names[key] for key, before in self._names_of.items() if key in names}
        self._names_of = names
        self._readings = {key: reading for key, reading in self._readings.items() if key in names}
        self._trips = {key: trips for key, trips in self._trips.items() if key in names}
        self._verdicts.rename(renamed)

    def _is_learner(self, seen: Seen) -> bool:
        """Whether it has no vote: by its own words, or those of an earlier run; else by the member list."""
        page = seen.reading or self._readings.get(seen.target.key)
        status = self._survey.answers.value(seen.target, STATUS) or self._survey.latest.value(seen.target, STATUS)
        if page or status:
            return views.is_learner(page, status)
        roster = self._survey.directory.roster
        listed = roster.by_url(seen.target.url) if roster else None
        return listed is not None and listed.is_learner

    def _watchers(self, seen: Iterable[Seen]) -> Iterator[Finding]:
        known = {one.target: storage.watchers(one.reading) for one in seen if one.reading}
        watchers = {target.name: number for target, number in known.items() if number is not None}
        yield from _by_member("mvcc.watchers.share", known, storage.shares(watchers))
        imbalance = storage.imbalance(watchers)
        if imbalance is not None:
            yield Gauge("cluster.watchers.imbalance", imbalance, self._config.tagging.tags)

    def _handled(self, seen: Iterable[Seen]) -> Iterator[Finding]:
        """Which member answers how much beside the others: that falls when clients leave one, not when they rest."""
        known = {one.target: clients.handled(one.interval) for one in seen if one.interval}
        handled = {target.name: number for target, number in known.items() if number is not None}
        fewest = clients.FEWEST_HANDLED
        yield from _by_member("grpc.server.handled.share", known, storage.shares(handled, fewest))
        yield from _by_member("grpc.server.handled.beside_others", known, storage.beside_others(handled, fewest))

    def _quorum(self, voting: Sequence[Seen]) -> quorum.Quorum:
        survey = self._survey
        voters = [views.voter(one, survey.questions(one.target), survey.answers) for one in voting]
        roster = survey.directory.roster
        listed = sum(not one.is_learner for one in roster.members) if roster else len(voters)
        return quorum.counted(voters, listed)

    def _commit_latency(self, seen: Iterable[Seen], voting: Iterable[Seen], voters: int) -> quorum.CommitLatency | None:
        leaders = views.leaders(seen, self._survey.answers)
        means = {one.target.name: histograms.mean(one.interval.histogram(FSYNC)) for one in voting if one.interval}
        fsync = {name: mean for name, mean in means.items() if mean is not None}
        if len(leaders) != 1:
            return None
        return quorum.commit_latency(fsync, self._round_trips(self._seen.values()), leaders[0], voters)

    def _remember_trips(self, key: Key, interval: Interval, now: float) -> None:
        before, connected = self._trips.get(key, {}), intervals.active_peers(interval.now)
        found = intervals.round_trips(interval, now)
        self._trips[key] = intervals.remembered(before, found, connected, interval.now.taken)

    def _round_trips(self, seen: Collection[Seen]) -> dict[tuple[str, str], float]:
        """Mean round trips from the first of two members to the second, in seconds."""
        names = self._names(seen)
        return {
            (one.target.name, names[peer]): trip.seconds
            for one in seen
            for peer, trip in self._trips.get(one.target.key, {}).items()
            if peer in names
        }

    def _names(self, seen: Iterable[Seen]) -> Mapping[str, str]:
        """The members' names by their ids."""
        return {**views.names(seen), **(self._survey.directory.peers() or {})}

    def _diagnosed(self, seen: Sequence[Seen], voters: int) -> Diagnosis:
        known = (views.of_member(one, self._survey.answers, self._survey.latest) for one in seen)
        return diagnose(
            ClusterView(
                tuple(view for view in known if view),
                self._names(seen),
                voters,
                self._config.heartbeat_seconds,
                self._config.election_seconds,
            )
        )

    def _missing(self, seen: Seen) -> dict[str, bool]:
        offered = views.offered(seen, self._survey.questions(seen.target), self._survey.answers)
        return capability.missing(seen.reading, offered)

    def _lacking(self, seen: Iterable[Seen]) -> tuple[str, ...]:
        """What cannot be seen of members, in words."""
        return capability.told({one.target.name: self._missing(one) for one in seen if one.reading})

    def _measured(self) -> Measured:
        """What the check's own requests took, in the mean over the members."""
        return Measured(
            self._commit, self._mean(SERIALIZABLE_READ), self._mean(LINEARIZABLE_READ), self._mean(ALARM_LIST)
        )

    def _mean(self, probe: Probe[Any]) -> float | None:
        answers = [self._survey.answers.value(target, probe) for target in self._seen]
        seconds = [answer.seconds for answer in answers if answer is not None]
        return fmean(seconds) if seconds else None


def _gauges(figures: Mapping[str, float], tags: tuple[str, ...]) -> Iterator[Finding]:
    for name, value in figures.items():
        yield Gauge(name, value, tags)


def _by_member(metric: str, targets: Iterable[Target], values: Mapping[str, float]) -> Iterator[Finding]:
    for target in targets:
        if target.name in values:
            yield Gauge(metric, values[target.name], target.tags)


def _observed(interval: Interval, families: Iterable[catalog.Family], now: float, tags_of: TagsOf) -> Iterator[Finding]:
    """What each histogram observed."""
    for family in families:
        for labels, suffix, value, resolution in intervals.intervals(interval, family.exposed, now):
            tags = tags_of(family.exposed, labels)
            if tags is not None:
                is_exact = resolution == "exact"
                yield Gauge(f"{family.name}.{suffix}", value, tags if is_exact else (*tags, f"resolution:{resolution}"))

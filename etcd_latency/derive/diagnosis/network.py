"""Is it the network, and whose?

Each member measures the round trip to each other one. A delay on the way to one member is seen by all the others; one
on all ways, by all of them; one on a single link, by its ends. When the interval was too short for a measurement
(etcd notes two in 30 s), requests that wait though no disk and no CPU is slow are what is left to go by; not where
members are so far from each other that reads have always waited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from etcd_latency.derive.diagnosis import limits, words
from etcd_latency.derive.diagnosis.cluster import Cluster, Link
from etcd_latency.derive.diagnosis.stalls import Stall
from etcd_latency.derive.diagnosis.symptoms import Symptoms

Told = Callable[[Cluster, Sequence[Link], Symptoms | None], tuple[str, ...]]
"""The evidence of links, as of one member where it is one's."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something between members."""

    member: Symptoms | None
    """Whose ways are at fault; None for those of all."""
    evidence: tuple[str, ...]


def faults(cluster: Cluster, stalls: Sequence[Stall]) -> Iterator[Fault]:
    """What is wrong between members. One that gets no CPU is slow to ask and to answer, and no network is to blame."""
    starved = [stall.member for stall in stalls if stall.cause == "cpu"]
    rest = replace(cluster, members=tuple(member for member in cluster.members if member not in starved))
    lost = [link for link in cluster.links if link.is_lost]
    slow = [link for link in rest.links if not link.is_lost and is_slow(rest, link)]
    found = [*_placed(cluster, lost, _lost_in_words), *_placed(rest, slow, _slow_in_words)]
    if not found and not stalls and not cluster.missing:
        found = [*_without_leader(cluster), *_waiting(cluster)]
    yield from found


def is_slow(cluster: Cluster, link: Link) -> bool:
    """Whether the round trip of a link is long: surely so, more than elsewhere or as everywhere, and more than it was.

    However it was before, it is too long when an election time-out has no room for ten of it.
    """
    rtt = link.rtt
    if rtt is None or not (rtt >= limits.RTT.alone or _is_sure(cluster, link)):
        return False
    seen = [other.rtt for other in cluster.links if other.rtt is not None]
    stands_out = limits.RTT_STANDS_OUT * min(seen)
    is_slower = rtt >= stands_out or max(seen) < stands_out
    is_too_long = rtt * limits.ELECTION_ROUND_TRIPS >= cluster.view.election_seconds
    return is_slower and (rtt >= limits.RTT_GREW * link.rtt_before or is_too_long)


def _is_sure(cluster: Cluster, link: Link) -> bool:
    """Whether several measurements say that it is long, and there is another link to compare it with."""
    is_last_left = len(cluster.links) == 1 < len(cluster.view.members) - 1
    return not is_last_left and (_seen_from_both_ends(link) or _seen_by_all_others(cluster, link))


def _seen_from_both_ends(link: Link) -> bool:
    seen = link.one.rtt.get(link.other.name), link.other.rtt.get(link.one.name)
    return all(rtt is not None and rtt >= limits.RTT.with_others for rtt in seen)


def _seen_by_all_others(cluster: Cluster, link: Link) -> bool:
    """Whether one end is slow to answer whoever asks it."""
    for end in (link.one, link.other):
        seen = cluster.of_others(end, lambda other, name=end.name: other.rtt.get(name))  # type: ignore[misc]
        if len(seen) > 1 and min(seen) >= limits.RTT.with_others:
            return True
    return False


def _placed(cluster: Cluster, links: Sequence[Link], told: Told) -> Iterator[Fault]:
    """Where the links are that are at fault: everywhere, all of some members, or one here and there."""
    if len(links) > 1 and len(links) == len(cluster.links):
        yield Fault(None, told(cluster, links, None))
        return
    whole = [member for member in cluster.present if _has_no_other(cluster, member, links)] if len(links) > 1 else []
    for member in whole:
        yield Fault(member, told(cluster, [link for link in links if link.touches(member)], member))
    for link in links:
        if not any(map(link.touches, whole)):
            yield Fault(_far_end(link), told(cluster, [link], None))


def _has_no_other(cluster: Cluster, member: Symptoms, links: Sequence[Link]) -> bool:
    return all(link in links for link in cluster.links if link.touches(member))


def _far_end(link: Link) -> Symptoms:
    """The end that does not lead; of two followers the one that the other waits for longer."""
    if link.one.leads or link.other.leads:
        return link.other if link.one.leads else link.one
    to_other, to_one = link.one.rtt.get(link.other.name, 0.0), link.other.rtt.get(link.one.name, 0.0)
    return link.one if to_one > to_other else link.other


def _lost_in_words(_: Cluster, links: Sequence[Link], member: Symptoms | None) -> tuple[str, ...]:
    if member:
        told = f"{member.name} has no connection to {words.all_of([_other(link, member) for link in links])}"
    else:
        told = f"no connection between {', '.join(map(str, links))}"
    ends = {end.name: end.has_leader for link in links for end in (link.one, link.other)}
    alone = [name for name, has_leader in ends.items() if has_leader is False]
    follow = f"{words.all_of(alone)} {'follows' if len(alone) == 1 else 'follow'} no leader"
    return (f"{told}, though their pages come", *((follow,) if alone else ()))


def _other(link: Link, member: Symptoms) -> str:
    return link.other.name if link.one is member else link.one.name


def _slow_in_words(cluster: Cluster, links: Sequence[Link], _: Symptoms | None) -> tuple[str, ...]:
    well = [link for link in cluster.links if link not in links and link.rtt is not None]
    slow = tuple(f"the round trip between {_rtt_in_words(link)}" for link in links)
    return (*slow, *(f"but the one between {_rtt_in_words(link)}" for link in well))


def _rtt_in_words(link: Link) -> str:
    """Both directions, where they differ as slow links and others do: then one way alone is delayed."""
    one, other = link.one.rtt.get(link.other.name), link.other.rtt.get(link.one.name)
    before = f" ({words.seconds(link.rtt_before)} before)" if link.rtt_before else ""
    if one is not None and other is not None and max(one, other) >= limits.RTT_STANDS_OUT * min(one, other):
        return (
            f"{link} takes {words.seconds(one)} when {link.one.name} asks, "
            f"and {words.seconds(other)} when {link.other.name} does{before}"
        )
    return f"{link} takes {words.seconds(link.rtt or 0.0)}{before}"


def _without_leader(cluster: Cluster) -> Iterator[Fault]:
    """A member that follows nobody, while others do."""
    if cluster.has_leader:
        for member in cluster.present:
            if member.has_leader is False:
                yield Fault(member, (f"{member.name} follows no leader while the others do",))


def _waiting(cluster: Cluster) -> Iterator[Fault]:
    """Members whose requests wait, where too few round trips were measured to tell why."""
    slow = cluster.waiting
    if slow and all(member.measured < limits.ENOUGH_RTT for member in cluster.present):
        told = (
            f"requests that took more than 100 ms: {waiting_in_words(slow)}",
            "no disk and no CPU is slow, and the interval was too short for etcd to measure round trips well",
        )
        others_do_not = len(slow) < len(cluster.asked)
        alone = len(slow) == 1 and others_do_not and not slow[0].leads
        yield Fault(slow[0] if alone else None, told)


def waiting_in_words(slow: Sequence[Symptoms]) -> str:
    """Which share of whose requests."""
    return ", ".join(f"{words.share(one.slow_requests_share)} of {one.requests:.0f} on {one.name}" for one in slow)

"""From which figures on something is wrong, and who says so.

What etcd's documents recommend is where trouble begins on a good machine. A cluster on a busy one lives beyond that
for years, so a member stands out when it is beyond it and far from the others; where all are slow, the figures must
be those that others page people for. "Seen" means: on recorded pages of real clusters, 3.4.23 to 3.5.30.
"""

from __future__ import annotations

from typing import NamedTuple

STANDS_OUT = 4.0
"""How many times the better half of the other members makes one stand out. Healthy members of one busy machine were
seen at 1.9 times each other's mean, and at 2.5 times (in a hiccup 4 times) their p99; those at fault at 5 and more."""


class Limit(NamedTuple):
    """From where on a figure is too large, in seconds."""

    with_others: float
    """When it also stands out among the members."""
    alone: float
    """Whatever the others have."""


FSYNC_P99 = Limit(0.025, 0.25)
"""etcd's FAQ wants less than 10 ms; 14 ms was seen on a healthy machine under load. The mixin warns at 500 ms."""

FSYNC_P99_WITH_COMMITS = Limit(0.016, 0.25)
"""When commits are slow as well, which are two syncs each."""

FSYNC_MEAN = Limit(0.005, 0.032)
"""A mean that high leaves no room for a p99 of 10 ms."""

COMMIT_P99 = Limit(0.06, 0.5)
"""etcd's FAQ wants less than 25 ms; 33 ms was seen on a healthy machine. OpenShift warns at 500 ms."""

COMMIT_MEAN = Limit(0.02, 0.08)
"""A commit does two syncs of the database file, and a mean that high leaves no room for a p99 of 25 ms."""

APPLY_SECONDS = 0.1
"""etcd itself writes `apply request took too long` from here on (--warning-apply-duration)."""

APPLY_LOST_SECONDS = 2.0
"""What slow applying took together in an interval: 0.6 s was seen in a hiccup of a whole machine."""

SLOW_REQUESTS = 10
"""In an interval: requests of which etcd itself says so."""

SLOW_REQUESTS_SHARE = 0.1
"""Of a member's requests. On healthy members 0 to 1 percent were seen, with slow links 50."""

USUAL_READ_SECONDS = 0.04
"""A read that the ways between members alone have always made take that long takes more than 100 ms now and then, as
one that comes while another is confirmed waits for both; and etcd smooths round trips, from 0 on after a start."""

SLOW_SECONDS = 0.016
"""What took longer was held up by something: the first bound of etcd's buckets above the 10 ms of its FAQ."""

FEWEST_SLOW = 3
"""Less often than that in an interval is chance."""

LOST_SECONDS = 0.5
"""The slow ones took this much together, where they are few among many: a busy machine holds up all its members for
some 0.2 s now and then (3 syncs of 60 ms were seen in 15 s on healthy ones)."""

ENOUGH_WRITES = 20
"""With fewer, the median counts only when so many of them were slow: the first write after a rest takes longer."""

SLOW_TIME_SHARE = 0.2
"""When the slow ones take this much of all the time that was spent, the interval has trouble in it, though it may be
too short a part of it to move the p99."""

LONG_SECONDS = 0.04
"""And then they take that long on average: three times what was seen on a healthy machine."""

MOSTLY_FAST_SECONDS = 0.004
"""A median below is that of a disk that does its work: 0.4 to 0.9 ms were seen on healthy ones."""

TWICE = 1.6
"""A commit does two syncs. When syncs are slow its slow ones take about twice as long (2.0 to 2.9 seen); when the
process does not get to run they take no longer (1.0 to 1.5 seen)."""

RTT = Limit(0.03, 0.08)
"""Seconds of the mean: where both ends see it, or all others of one member; and where only one end sees it. For etcd
smooths what it probed, and after a restart 43 ms were seen at one end of a link that took 1 ms. Between members of
a machine that had been overloaded, 31 ms was seen at one end and 23 ms at the other."""

ENOUGH_RTT = 4
"""Measurements of one link in an interval, a minute's: etcd smooths them, so that few do not show what is new."""

ELECTION_ROUND_TRIPS = 10
"""How many round trips an election time-out must have room for (etcd: tuning)."""

RTT_STANDS_OUT = 3.0
"""How many times the fastest link a slow one has, unless all are slow alike. 50 ms more at one member made it 4."""

RTT_GREW = 2.0
"""How many times what it was before. Members that are far from each other always were."""

STARVED_RTT_SECONDS = 0.02
"""To members that got to run up to 16 ms were seen, on a busy machine; to starved ones from 23 ms on."""

STARVED_RTT = 2.0
"""How many times the others' it is at least, when a member does not get to run: 2.5 and 3.4 were seen."""

PAGE_SECONDS = 0.05
"""A page takes 5 to 25 ms; one of a member that was starved took 96 to 290 ms."""

KEPT_DESCRIPTORS = 150
"""etcd keeps so many back from its clients (server/embed/etcd.go: reservedInternalFDNum)."""

DESCRIPTORS_USED = Limit(0.8, 0.95)
"""Shares. At 80 percent there is time to act; at 860 of 850 new clients were seen to hang."""

QUOTA_USED = Limit(0.8, 0.95)
"""Shares. The mixin pages at 95 percent; at 100 etcd refuses every write until an operator steps in."""

FEWEST_REFUSED = 10
"""Requests in an interval that were refused for want of space."""

APPLY_LAG = Limit(1000, 5000)
"""Entries. From 5000 on etcd refuses requests (server/etcdserver/v3_server.go: maxGapBetweenApplyAndCommitIndex)."""

PENDING_PROPOSALS = 1000
"""Of all members. Each is a client that waits for its write."""

LEADER_CHANGES = 3
"""In one interval. One is a change of hands, or a restart."""

"""The frozen values that pass from one stage of a run to the next."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal
from urllib.parse import urlencode

from etcd_latency.errors import TargetError

Kind = Literal["member", "apiserver", "controller_manager"]

Key = tuple[Kind, str]
"""What a target keeps when it is given another name: its kind and its URL."""

NameOf = Callable[[int], str]
"""What people call the member with an id."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that is asked over HTTP in every run."""

    name: str
    """What people call it: the value of the tag `etcd_member`, `apiserver` or `controller_manager`."""
    url: str
    """Where its clients connect: the value of the tag `endpoint`."""
    page_url: str
    """Where its metrics page is."""
    tags: tuple[str, ...]
    """The tags of everything that is submitted about it."""
    kind: Kind = "member"

    @property
    def key(self) -> Key:
        """See `Key`."""
        return self.kind, self.url

    def __str__(self) -> str:
        return f"{self.name} ({self.url})"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How a metrics page is asked for."""

    accept: str
    """The format, as a value of the header Accept."""
    encoding: str
    """`identity` or `gzip`, as a value of the header Accept-Encoding."""
    families: tuple[str, ...] = ()
    """All that is wanted, by the names on the page; empty for the whole page."""

    def url(self, page: str) -> str:
        """Where the page is, with what is wanted of it (client_golang 1.24, promhttp: `name[]`).

        A server that does not know this gives the whole page.
        """
        query = urlencode([("name[]", family) for family in self.families])
        return f"{page}{'&' if '?' in page else '?'}{query}" if query else page


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of etcd's own authentication."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """A metrics page as it came over the wire, or what was cut out of it on the way."""

    body: bytes
    content_type: str
    size: int = field(default=0, compare=False)
    """Bytes before anything was cut out."""
    taken: float = field(default=0.0, compare=False)
    """When it was complete, as `time.monotonic()` has it."""
    seconds: float | None = field(default=None, compare=False)
    """From sending the request until the page began to come."""
    numbers: Any = field(default=None, compare=False, repr=False)
    """What a scraper has taken out of it already, in the place of the body."""
    reader: Any = field(default=None, compare=False, repr=False)
    """That scraper, which alone knows what the numbers are."""
    is_packed: bool = False
    """Whether the body is compressed, to wait in a tenth of the room."""

    def packed(self) -> Page:
        """It as it waits until the pages of all are there."""
        return replace(self, body=zlib.compress(self.body, zlib.Z_BEST_SPEED), is_packed=True) if self.body else self

    def unpacked(self) -> Page:
        """It as it came."""
        return replace(self, body=zlib.decompress(self.body), is_packed=False) if self.is_packed else self


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer: failure is a value, so that everything else goes on."""

    error: TargetError


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer, whatever its status."""

    status: int
    phrase: str
    """What stands behind the status, such as `Not Found`."""
    location: str | None
    """Where a redirect points."""
    body: bytes
    seconds: float
    """From sending the request to the last byte of the answer."""
    warm: bool
    """Whether the connection was there already, so that no handshake is in `seconds`."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of etcd's gRPC gateway, read."""

    fields: Mapping[str, Any]
    """The JSON object; 64-bit integers are texts in it, and what is zero is left out."""
    seconds: float
    """As in `Reply`."""
    warm: bool
    """As in `Reply`."""


@dataclass(frozen=True, slots=True)
class Read:
    """The key `health` was read, or would have been but for the rights."""

    seconds: float
    """From sending the request to the last byte of the answer."""
    permitted: bool
    """Whether this user may read the key; a quorum was asked either way."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm that is active in the cluster."""

    kind: str
    """As etcd spells it: NOSPACE or CORRUPT."""
    member_id: int
    """Who raised it."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a member says of itself, without asking the others (etcd: Maintenance.Status)."""

    cluster_id: int
    member_id: int
    version: str
    db_size: int
    """Bytes."""
    db_size_in_use: int
    """Bytes; the difference is what a defragmentation would give back."""
    db_size_quota: int | None
    """Bytes; 3.6 and later."""
    leader: int
    """The id of the leader that it follows, 0 when it knows none."""
    raft_term: int
    """The term of the last entry that it applied; an election shows only after that."""
    raft_index: int
    """The last committed entry."""
    raft_applied_index: int
    is_learner: bool
    errors: tuple[str, ...]
    """Etcd's words: no leader, and every active alarm."""
    alarms: tuple[Alarm, ...]
    """The alarms among the errors."""

    @property
    def is_leader(self) -> bool:
        return self.leader == self.member_id


@dataclass(frozen=True, slots=True)
class AlarmList:
    """The active alarms, by a request that went through raft as a write does."""

    alarms: tuple[Alarm, ...]
    seconds: float
    """From sending the request to the last byte of the answer."""


@dataclass(frozen=True, slots=True)
class ListedMember:
    """One entry of a member list."""

    id: int
    name: str
    """Empty for a member that was added and has not started yet."""
    client_urls: tuple[str, ...]
    is_learner: bool


@dataclass(frozen=True, slots=True)
class MemberList:
    """Who belongs to the cluster, as one member has it."""

    cluster_id: int
    asked_id: int
    """The id of the member that gave this list."""
    members: tuple[ListedMember, ...]
    """By id, so that lists with the same members are equal."""


@dataclass(frozen=True, slots=True)
class HttpHealth:
    """The answer of a health page: etcd's own, or an API server's."""

    status_code: int
    passed: bool
    reason: str
    """The server's words, where it did not pass."""
    seconds: float
    """From sending the request to the last byte of the answer."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that somebody relies on."""

    kind: Literal["server", "client", "ca"]
    what: str
    """For people: which one it is."""
    ends: datetime
    """Its last moment, UTC."""


class Level(IntEnum):
    """The statuses of a service check, with Datadog's numbers."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an answer is judged, and why; what is in order needs no reason."""

    level: Level
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number to submit; its name is without the namespace."""

    name: str
    value: float
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A service check to submit; its name is without the namespace."""

    name: str
    level: Level
    tags: tuple[str, ...]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, to submit."""

    title: str
    text: str
    alert_type: Literal["error", "warning", "success"]
    aggregation_key: str
    tags: tuple[str, ...]


Finding = Gauge | Judgement | Event

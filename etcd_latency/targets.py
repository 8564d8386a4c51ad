"""Which members there are and what they are called: those that are written down, and the cluster's own list.

etcd gives a member three names: an id (hexadecimal in metrics, decimal in the gateway's answers), a name, and
its client URLs. The member list ties them together; every member has its own copy of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from etcd_latency.config import Config
from etcd_latency.model import ListedMember, MemberList, Target


@dataclass(frozen=True, slots=True)
class Roster:
    """The member list that most of those who were asked agree on."""

    members: tuple[ListedMember, ...]

    @property
    def started(self) -> tuple[ListedMember, ...]:
        """Those that have told the others where their clients connect, which a member does when it starts."""
        return tuple(member for member in self.members if member.client_urls)

    def by_url(self, url: str) -> ListedMember | None:
        """The member whose clients connect there."""
        return next((member for member in self.members if url in map(same_form, member.client_urls)), None)

    def by_id(self, number: int) -> ListedMember | None:
        """The member with this id."""
        return next((member for member in self.members if member.id == number), None)

    def name_of(self, member: ListedMember) -> str | None:
        """Its name, where it has one that no other member has, too."""
        names = [one.name for one in self.members]
        return member.name if member.name and names.count(member.name) == 1 else None


def agreed(lists: Iterable[MemberList]) -> Roster | None:
    """What most lists say; where none has more than another, the first."""
    counted = Counter(one.members for one in lists)
    return Roster(counted.most_common(1)[0][0]) if counted else None


class Directory:
    """The members of one cluster, from run to run."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._ids: dict[str, int] = {}
        self._shifting: set[str] = set()
        self._is_current = False
        self.roster: Roster | None = None

    def learn(self, ids: Mapping[str, int], lists: Iterable[MemberList]) -> None:
        """Take in who answered at which client URL, and the lists that came in this run."""
        self._shifting |= {url for url, number in ids.items() if self._ids.get(url, number) != number}
        self._ids |= ids
        newest = agreed(lists)
        self._is_current = newest is not None
        self.roster = newest or self.roster

    def members(self) -> tuple[Target, ...]:
        """Whom to ask: what is written down; with `discover_members`, what the list has, once there is one.

        When none of those answers any more they may have moved, and what is written down is asked, too.
        """
        written = tuple(map(self._called, self._config.members))
        if not self._config.discover or not self.roster or not self.roster.started:
            return written
        found = tuple(map(self._found, self.roster.started))
        urls = {target.url for target in found}
        return found if self._is_current else (*found, *(target for target in written if target.url not in urls))

    def peers(self) -> dict[str, str] | None:
        """The names of all members by their ids as metrics have them; None while there is no list."""
        if self.roster is None:
            return None
        labels = {number: target.name for target in self.members() if (number := self._id_of(target))}
        return {f"{one.id:x}": labels.get(one.id) or self._unasked(one, labels.values()) for one in self.roster.members}

    def name_of(self, number: int) -> str:
        """What people call the member with this id."""
        return (self.peers() or {}).get(f"{number:x}", f"{number:x}")

    def _called(self, target: Target) -> Target:
        """A member that is written down, under the name that the list has for it."""
        number = self._id_of(target)
        listed = self.roster.by_id(number) if self.roster and number else None
        name = self.roster.name_of(listed) if self.roster and listed else None
        if name is None or target.url in self._config.named or self._taken(name):
            return target
        return self._config.member(target.url, target.page_url, name)

    def _unasked(self, listed: ListedMember, taken: Collection[str]) -> str:
        """What to call a member that is somebody's peer and is not asked itself; its id where its name is taken."""
        name = self.roster.name_of(listed) if self.roster else None
        return name if name and name not in taken else f"{listed.id:x}"

    def _taken(self, name: str) -> bool:
        """Whether the user gave this name to a member; it may be to another one than etcd did."""
        return any(target.name == name for target in self._config.members if target.url in self._config.named)

    def _found(self, listed: ListedMember) -> Target:
        """A member of the list, with what is written down about it if anything is."""
        urls = tuple(map(same_form, listed.client_urls))
        written = next((target for target in self._config.members if target.url in urls), None)
        if written:
            return self._called(written)
        name = self.roster.name_of(listed) if self.roster else None
        url = urls[0]
        return self._config.member(
            url, f"{url}/metrics", name if name and not self._taken(name) else urlsplit(url).netloc
        )

    def _id_of(self, target: Target) -> int | None:
        """By who answers there, else by the list; behind a load balancer now one answers, now another."""
        if target.url in self._ids and target.url not in self._shifting:
            return self._ids[target.url]
        listed = self.roster.by_url(target.url) if self.roster else None
        return listed.id if listed else None


def same_form(url: str) -> str:
    """A client URL as the configuration has it: small letters, no path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"

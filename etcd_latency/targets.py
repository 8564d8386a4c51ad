"""Which members there are and what they are called: those that are written down, and the cluster's own list.

etcd gives a member three names: an id (hexadecimal in metrics, decimal in the gateway's answers), a name, and
its client URLs. The member list ties them together; every member has its own copy of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
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
        """The member whose clients connect there, if there is only one."""
        found = [member for member in self.members if url in member.client_urls]
        return found[0] if len(found) == 1 else None

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
        self._answering: dict[str, set[int]] = {}
        self._is_confirmed = False
        self.roster: Roster | None = None
        self._decide()

    def learn(self, ids: Mapping[str, int], lists: Mapping[str, MemberList]) -> None:
        """Take in, by client URL, who answered there last, and the last lists of those who stand by them."""
        self.roster = agreed(lists.values()) or self.roster
        if self.roster is None:
            return
        advertised = {url for member in self.roster.members for url in member.client_urls}
        self._is_confirmed = not advertised.isdisjoint(lists)
        members = {member.id for member in self.roster.members}
        for url, number in ids.items():
            self._answering.setdefault(url, set()).add(number)
        self._answering = {url: numbers & members for url, numbers in self._answering.items()}
        self._decide()

    def members(self) -> tuple[Target, ...]:
        """Whom to ask: what is written down; with `discover_members`, what the list has, once there is one.

        What is written down is asked, too, while nobody answers at the URLs of the list, for they may lead
        nowhere from here, or where several advertise one URL, as they do by default.
        """
        return self._members

    def peers(self) -> Mapping[str, str] | None:
        """The names of all members by their ids as metrics have them; None while there is no list."""
        return self._peers

    def name_of(self, number: int) -> str:
        """What people call the member with this id."""
        return (self._peers or {}).get(f"{number:x}", f"{number:x}")

    def _decide(self) -> None:
        """Settle until the next lesson who is asked and what everybody is called."""
        self._members = self._whom_to_ask()
        self._peers = self._what_peers_are_called()

    def _whom_to_ask(self) -> tuple[Target, ...]:
        if not self._config.discover or not self.roster or not self.roster.started:
            return tuple(self._named(self._config.members))
        found = {target.url: target for target in map(self._found, self.roster.started)}
        if not self._is_confirmed or len(found) < len(self.roster.started):
            found |= {target.url: target for target in self._config.members}
        return tuple(self._named(found.values()))

    def _what_peers_are_called(self) -> dict[str, str] | None:
        if self.roster is None:
            return None
        labels = {number: target.name for target in reversed(self._members) if (number := self._id_of(target))}
        taken = {target.name for target in self._members}
        return {f"{one.id:x}": labels.get(one.id) or self._unasked(one, taken) for one in self.roster.members}

    def _named(self, targets: Iterable[Target]) -> Iterator[Target]:
        """Targets by names of their own: the user's, else the list's, else host and port; the first comes first."""
        targets = tuple(targets)
        taken = {target.name for target in targets if target.url in self._config.named}
        for target in targets:
            if target.url in self._config.named:
                yield target
                continue
            names = (self._listed_name(target), target.name, target.url)
            name = next(name for name in names if name and name not in taken)
            taken.add(name)
            yield self._config.member(target.url, target.page_url, name)

    def _listed_name(self, target: Target) -> str | None:
        number = self._id_of(target)
        listed = self.roster.by_id(number) if self.roster and number else None
        return self.roster.name_of(listed) if self.roster and listed else None

    def _unasked(self, listed: ListedMember, taken: Collection[str]) -> str:
        """What to call a member that is somebody's peer and is not asked itself; its id where its name is taken."""
        name = self.roster.name_of(listed) if self.roster else None
        return name if name and name not in taken else f"{listed.id:x}"

    def _found(self, listed: ListedMember) -> Target:
        """A member of the list, as it is written down if it is, without its name from the list yet."""
        urls = listed.client_urls
        written = next((target for target in self._config.members if target.url in urls), None)
        return written or self._config.member(urls[0], f"{urls[0]}/metrics", urlsplit(urls[0]).netloc)

    def _id_of(self, target: Target) -> int | None:
        """By who answers there, else by the list; behind a load balancer now one answers, now another."""
        answering = self._answering.get(target.url, set())
        if len(answering) == 1:
            return next(iter(answering))
        listed = self.roster.by_url(target.url) if self.roster else None
        return listed.id if listed else None

"""Whom to ask and what they are called: what is written down, against the cluster's own list."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from etcd_latency.model import ListedMember, MemberList
from etcd_latency.targets import Directory, Roster, agreed
from tests.test_config import decided

URLS = {number: f"https://10.0.0.{number}:2379" for number in range(1, 10)}
IDS = {1: 0x9F2DC2F1E7D4FF29, 2: 0x6E94CA746CB88B7A, 3: 0x3E3ED9B7DD83E6D9, 4: 0xA4, 5: 0xA5}


def member(number: int, name: str | None = None, *urls: str, learner: bool = False) -> ListedMember:
    client_urls = urls or (URLS[number],)
    return ListedMember(IDS[number], f"m{number}" if name is None else name, client_urls, is_learner=learner)


def unstarted(number: int) -> ListedMember:
    return ListedMember(IDS[number], "", (), is_learner=True)


def listing(*members: ListedMember) -> MemberList:
    return MemberList(9, members[0].id, members)


THREE = listing(member(1), member(2), member(3))


def directory(*members: Any, discover: bool = False) -> Directory:
    return Directory(decided(*members, discover_members=discover))


def learn(one: Directory, ids: dict[str, int], lists: Sequence[MemberList]) -> None:
    """Lists come from the first members of the cluster, at the URLs that they advertise."""
    one.learn(ids, {URLS[number]: each for number, each in enumerate(lists, 1)})


def called(one: Directory) -> dict[str, str]:
    """Whom it says to ask, by URL."""
    return {target.url: target.name for target in one.members()}


def test_before_anything_is_known() -> None:
    """What is written down is asked, under host and port where it has no name; a list of peers there is none."""
    one = directory(URLS[1], {"url": URLS[2], "name": "second"})
    assert called(one) == {URLS[1]: "10.0.0.1:2379", URLS[2]: "second"}
    assert one.peers() is None
    assert one.name_of(IDS[1]) == "9f2dc2f1e7d4ff29"
    assert one.roster is None


def test_members_are_called_as_the_list_calls_them() -> None:
    """By their client URLs, though none has answered itself; tags and page follow, and the key stays."""
    one = directory({"url": URLS[1], "metrics_url": "http://10.0.0.1:2381"}, URLS[2])
    before = one.members()
    learn(one, {}, [THREE])
    assert called(one) == {URLS[1]: "m1", URLS[2]: "m2"}
    assert one.members()[0].tags == ("etcd_cluster:prod", "etcd_member:m1", f"endpoint:{URLS[1]}")
    assert one.members()[0].page_url == "http://10.0.0.1:2381/metrics"
    assert [target.key for target in one.members()] == [target.key for target in before]


def test_a_member_behind_another_address_is_known_by_its_id() -> None:
    """Who answers at a URL that the list does not have says itself who it is."""
    one = directory("https://etcd.example:2379", URLS[2])
    learn(one, {"https://etcd.example:2379": IDS[3]}, [THREE])
    assert called(one) == {"https://etcd.example:2379": "m3", URLS[2]: "m2"}


def test_the_answer_counts_more_than_the_list() -> None:
    """Behind the address of one member another may answer, as with a port that is forwarded."""
    one = directory(URLS[1])
    learn(one, {URLS[1]: IDS[2]}, [THREE])
    assert called(one) == {URLS[1]: "m2"}


def test_who_answered_once_keeps_its_name_while_it_is_down() -> None:
    """Neither its id nor the list is lost in a run that brings nothing."""
    one = directory("https://etcd.example:2379")
    learn(one, {"https://etcd.example:2379": IDS[3]}, [THREE])
    learn(one, {}, [])
    assert called(one) == {"https://etcd.example:2379": "m3"}
    assert one.roster == Roster(THREE.members)


def test_names_that_are_not_unique_are_no_names() -> None:
    """All called `default`, as etcd does by itself, members are told apart by host and port, or by id."""
    one = directory(URLS[1], URLS[2])
    learn(one, {}, [listing(member(1, "default"), member(2, "default"), member(3, "default"), member(4, "four"))])
    assert called(one) == {URLS[1]: "10.0.0.1:2379", URLS[2]: "10.0.0.2:2379"}
    assert one.peers() == {
        "9f2dc2f1e7d4ff29": "10.0.0.1:2379",
        "6e94ca746cb88b7a": "10.0.0.2:2379",
        "3e3ed9b7dd83e6d9": "3e3ed9b7dd83e6d9",
        "a4": "four",
    }


def test_a_name_of_the_user_s_counts() -> None:
    """What the user wrote is the name, in the tags of the member and in those of its peers."""
    one = directory({"url": URLS[1], "name": "zone-a"}, URLS[2])
    learn(one, {}, [THREE])
    assert called(one) == {URLS[1]: "zone-a", URLS[2]: "m2"}
    assert one.peers() == {"9f2dc2f1e7d4ff29": "zone-a", "6e94ca746cb88b7a": "m2", "3e3ed9b7dd83e6d9": "m3"}
    assert one.name_of(IDS[1]) == "zone-a"


def test_a_name_that_the_user_gave_to_another_is_not_given_again() -> None:
    """Two members with one name would be one in every graph."""
    one = directory({"url": URLS[1], "name": "m2"}, URLS[2])
    learn(one, {}, [THREE])
    assert called(one) == {URLS[1]: "m2", URLS[2]: "10.0.0.2:2379"}
    assert one.peers() == {"9f2dc2f1e7d4ff29": "m2", "6e94ca746cb88b7a": "10.0.0.2:2379", "3e3ed9b7dd83e6d9": "m3"}


def test_peers_never_share_a_name() -> None:
    """Also where the member that etcd calls so is not asked, and is only somebody's peer."""
    one = directory({"url": URLS[1], "name": "m2"})
    learn(one, {}, [THREE])
    peers = one.peers()
    assert peers is not None
    assert peers["9f2dc2f1e7d4ff29"] == "m2"
    assert peers["6e94ca746cb88b7a"] != "m2"


def test_a_seed_finds_the_others() -> None:
    """With `discover_members` one URL is enough; the others' pages are below their client URLs, with the same tags."""
    one = directory(URLS[1], discover=True)
    assert called(one) == {URLS[1]: "10.0.0.1:2379"}
    learn(one, {URLS[1]: IDS[1]}, [THREE])
    assert called(one) == {URLS[1]: "m1", URLS[2]: "m2", URLS[3]: "m3"}
    assert one.members()[2].page_url == f"{URLS[3]}/metrics"
    assert one.members()[2].tags == ("etcd_cluster:prod", "etcd_member:m3", f"endpoint:{URLS[3]}")


def test_without_discovery_only_what_is_written_down_is_asked() -> None:
    """The list gives names, and asks nobody who was not written down."""
    one = directory(URLS[1])
    learn(one, {}, [THREE])
    assert called(one) == {URLS[1]: "m1"}


def test_a_found_member_keeps_what_is_written_down_about_it() -> None:
    """Its name and its page; whichever of its URLs the user wrote."""
    written = {"url": URLS[8], "name": "zone-a", "metrics_url": "http://10.0.0.8:2381"}
    one = directory(written, discover=True)
    learn(one, {}, [listing(member(1, "m1", URLS[1], URLS[8]), member(2))])
    assert called(one) == {URLS[8]: "zone-a", URLS[2]: "m2"}
    assert one.members()[0].page_url == "http://10.0.0.8:2381/metrics"


def test_a_seed_that_is_a_load_balancer_is_no_member() -> None:
    """Once the list is there the members are asked, each by itself, and the seed no more."""
    one = directory("https://etcd.example:2379", discover=True)
    learn(one, {"https://etcd.example:2379": IDS[2]}, [THREE])
    assert called(one) == {URLS[1]: "m1", URLS[2]: "m2", URLS[3]: "m3"}
    assert one.peers() == {"9f2dc2f1e7d4ff29": "m1", "6e94ca746cb88b7a": "m2", "3e3ed9b7dd83e6d9": "m3"}


def test_a_found_member_whose_name_is_taken_or_not_unique() -> None:
    """It is called by host and port."""
    one = directory({"url": URLS[1], "name": "m2"}, discover=True)
    learn(one, {}, [listing(member(1), member(2), member(3, "default"), member(4, "default"))])
    assert called(one) == {
        URLS[1]: "m2",
        URLS[2]: "10.0.0.2:2379",
        URLS[3]: "10.0.0.3:2379",
        URLS[4]: "10.0.0.4:2379",
    }


def test_a_removed_member_is_asked_no_more() -> None:
    """Found or written down, who is not in the list any more is none with `discover_members`, and nobody's peer."""
    one = directory(URLS[1], URLS[3], discover=True)
    learn(one, {URLS[1]: IDS[1], URLS[3]: IDS[3]}, [THREE, THREE])
    learn(one, {}, [listing(member(1), member(2))])
    assert called(one) == {URLS[1]: "m1", URLS[2]: "m2"}
    assert one.peers() == {"9f2dc2f1e7d4ff29": "m1", "6e94ca746cb88b7a": "m2"}
    assert one.name_of(IDS[3]) == "3e3ed9b7dd83e6d9"


def test_a_removed_member_that_is_written_down_is_still_asked_without_discovery() -> None:
    """The user's list counts; that it fails is told."""
    one = directory(URLS[1], URLS[3])
    learn(one, {URLS[3]: IDS[3]}, [listing(member(1), member(2))])
    assert called(one) == {URLS[1]: "m1", URLS[3]: "10.0.0.3:2379"}


def test_a_replaced_member_at_the_same_address() -> None:
    """Its id is another as soon as it answers."""
    one = directory(URLS[1], URLS[3])
    learn(one, {URLS[3]: IDS[3]}, [THREE])
    learn(one, {URLS[3]: IDS[5]}, [listing(member(1), ListedMember(IDS[5], "new", (URLS[3],), is_learner=False))])
    assert called(one) == {URLS[1]: "m1", URLS[3]: "new"}
    assert one.peers() == {"9f2dc2f1e7d4ff29": "m1", "a5": "new"}


def test_a_member_that_has_not_started_is_a_peer_and_not_asked() -> None:
    """It has neither name nor client URL; its peers already talk to it, by its id."""
    one = directory(URLS[1], discover=True)
    learn(one, {}, [listing(member(1), unstarted(4))])
    assert called(one) == {URLS[1]: "m1"}
    assert one.peers() == {"9f2dc2f1e7d4ff29": "m1", "a4": "a4"}


def test_a_list_without_any_started_member_finds_nobody() -> None:
    """Then what is written down is asked, rather than nobody."""
    one = directory(URLS[1], discover=True)
    learn(one, {}, [listing(unstarted(4), unstarted(5))])
    assert called(one) == {URLS[1]: "10.0.0.1:2379"}


def test_a_learner_is_found_like_any_other() -> None:
    """It has a page and a status."""
    one = directory(URLS[1], discover=True)
    learn(one, {}, [listing(member(1), member(2, learner=True))])
    assert called(one) == {URLS[1]: "m1", URLS[2]: "m2"}


def test_most_lists_count() -> None:
    """One member that did not get a change does not decide; where none is ahead, the first does."""
    stale = listing(member(1), member(2))
    assert agreed([stale, THREE, THREE]) == Roster(THREE.members)
    assert agreed([stale, THREE]) == Roster(stale.members)
    assert agreed([]) is None


def test_lists_with_the_same_members_are_one_answer() -> None:
    """Who gave a list does not make it another list."""
    stale = listing(member(1), member(2))
    others = [MemberList(9, IDS[number], THREE.members) for number in (1, 2, 3)]
    assert agreed([stale, stale, *others]) == Roster(THREE.members)


def test_ids_are_hexadecimal_in_metrics() -> None:
    """Small letters, no zeros in front, as etcd writes them."""
    one = directory(URLS[1])
    learn(one, {}, [listing(ListedMember(0x0ABCDEF012345678, "m1", (URLS[1],), is_learner=False))])
    assert one.peers() == {"abcdef012345678": "m1"}
    assert one.name_of(0x0ABCDEF012345678) == "m1"
    assert one.name_of(0xFF) == "ff"


def test_seeds_are_asked_again_when_nobody_stands_by_the_list() -> None:
    """The members may have moved; a seed does not take the name of a member that is asked elsewhere."""
    seed = "https://10.9.9.9:2379"
    one = directory(seed, discover=True)
    learn(one, {seed: IDS[1]}, [THREE])
    assert seed not in called(one)
    learn(one, {}, [])
    assert called(one) == {URLS[1]: "m1", URLS[2]: "m2", URLS[3]: "m3", seed: "10.9.9.9:2379"}
    learn(one, {}, [THREE])
    assert seed not in called(one)


def test_members_that_advertise_one_url_are_asked_once() -> None:
    """As they do by default, where nobody says better: then the seeds are asked, too."""
    one = directory(URLS[1], discover=True)
    learn(one, {}, [listing(member(1, "m1", "http://localhost:2379"), member(2, "m2", "http://localhost:2379"))])
    assert called(one) == {"http://localhost:2379": "localhost:2379", URLS[1]: "10.0.0.1:2379"}


def test_a_member_that_was_replaced_keeps_its_name() -> None:
    """Removed, wiped and added again at its URL it has another id; that is no load balancer."""
    url = "https://etcd-1.example:2379"
    one = directory(url)
    replaced = replace(member(1, "m1"), id=7)
    learn(one, {url: IDS[1]}, [listing(member(1, "m1"), member(2, "m2"))])
    learn(one, {url: 7}, [listing(member(1, "m1"), member(2, "m2"))])
    learn(one, {url: 7}, [listing(replaced, member(2, "m2"))])
    assert called(one) == {url: "m1"}


def test_a_seed_stays_while_nobody_answers_where_members_advertise() -> None:
    """Behind NAT the URLs of the list may lead nowhere from here; the seed that gave the list still answers."""
    seed = "https://10.9.9.9:2379"
    one = directory(seed, discover=True)
    one.learn({seed: IDS[1]}, {seed: THREE})
    assert called(one) == {URLS[1]: "m1", URLS[2]: "m2", URLS[3]: "m3", seed: "10.9.9.9:2379"}


@pytest.mark.parametrize("seed", range(50))
def test_no_name_is_given_twice(seed: int) -> None:
    """Whatever is written down, listed and answered: two targets, or two peers, of one name would be one series."""
    chance = random.Random(seed)  # noqa: S311 - a test needs no cryptography, but the same numbers again
    urls = [*URLS.values(), "http://localhost:2379"]
    names = ["m1", "m2", "m3", "peer", None]
    given = chance.sample(names, 3)
    written = [{"url": url, "name": name} for url, name in zip(chance.sample(urls, 3), given, strict=True)]
    one = directory(*written, discover=chance.random() < 0.7)
    for _ in range(3):
        members = [replace(member(number), client_urls=(chance.choice(urls),)) for number in IDS]
        answering = {url: chance.choice(list(IDS.values())) for url in chance.sample(urls, 3)}
        one.learn(answering, {chance.choice(urls): listing(*members)})
        called_so = [target.name for target in one.members()]
        peers = one.peers()
        assert len(called_so) == len(set(called_so)), called_so
        assert peers is not None
        assert len(peers) == len(set(peers.values())), peers

"""Do members agree: the figures, who says what, and what is told when it begins, changes or ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_latency.derive import agreement
from etcd_latency.derive.agreement import Agreement, Disagreement, News, Standing, compared, news
from etcd_latency.model import ListedMember, MemberList, Status
from tests.test_derive_health import named
from tests.test_derive_health import status as healthy

ONE = ListedMember(1, "etcd-1", ("https://10.0.0.1:2379",), is_learner=False)
TWO = ListedMember(2, "etcd-2", (), is_learner=False)
NEW = ListedMember(0xA3, "", (), is_learner=True)
MANY = ListedMember(3, "etcd-3", ("https://10.0.0.3:2379", "https://10.0.0.4:2379"), is_learner=True)


def status(version: str = "3.5.16", term: int = 2, leader: int = 1, cluster: int = 0xC1) -> Status:
    return replace(healthy(version, leader), raft_term=term, cluster_id=cluster)


def listing(*members: ListedMember, cluster: int = 0xC1) -> MemberList:
    return MemberList(cluster, 1, members)


URLS = " ".join(MANY.client_urls)

SAME = {"a": status(), "b": status(), "c": status()}
SAME_LISTS = dict.fromkeys("abc", listing(ONE, TWO))
AGREED = {
    "cluster.versions": 1,
    "cluster.ids": 1,
    "cluster.member_lists": 1,
    "cluster.raft_term.spread": 0,
    "cluster.leaders": 1,
}
LIST_12 = "etcd-1 (1 at https://10.0.0.1:2379), etcd-2 (2)"


def test_members_that_agree() -> None:
    """Each figure is 1, the terms are not spread, and nothing is told."""
    found = compared(SAME, SAME, SAME_LISTS, named)
    assert found.figures == AGREED
    assert found.disagreements == ()


def test_nothing_is_known() -> None:
    """Without an answer there is no figure; 0 would be one."""
    assert compared({}, {}, {}, named) == Agreement({}, (), frozenset(agreement.KINDS))


@pytest.mark.parametrize(
    ("changed", "lists", "figures", "told"),
    [
        (
            {"b": status(version="3.4.23")},
            {},
            {"cluster.versions": 2},
            [("version", "b: 3.4.23; a, c: 3.5.16")],
        ),
        (
            {"a": status(version="3.4.23"), "b": status(version="3.6.0")},
            {},
            {"cluster.versions": 3},
            [("version", "a: 3.4.23; c: 3.5.16; b: 3.6.0")],
        ),
        (
            {"c": status(term=9)},
            {},
            {"cluster.raft_term.spread": 7},
            [("term", "a, b: term 2; c: term 9")],
        ),
        (
            {"c": status(leader=2)},
            {},
            {"cluster.leaders": 2},
            [("leader", "a, b: leader etcd-1 in term 2; c: leader etcd-2 in term 2")],
        ),
        (
            {"a": status(leader=3), "c": status(leader=2)},
            {},
            {"cluster.leaders": 3},
            [("leader", "b: leader etcd-1 in term 2; c: leader etcd-2 in term 2; a: leader etcd-3 in term 2")],
        ),
        (
            {"c": status(term=3, leader=2)},
            {},
            {"cluster.raft_term.spread": 1},
            [("term", "a, b: term 2; c: term 3")],
        ),
        ({"c": status(leader=0)}, {}, {}, []),
        (dict.fromkeys("abc", status(leader=0)), {}, {"cluster.leaders": 0}, []),
        (
            {},
            {"b": listing(ONE, TWO, NEW)},
            {"cluster.member_lists": 2},
            [("member_list", f"a, c: {LIST_12}; b: {LIST_12}, not started (a3, learner)")],
        ),
        (
            {},
            {"a": listing(MANY), "b": listing(replace(MANY, is_learner=False)), "c": listing(replace(MANY, name="x"))},
            {"cluster.member_lists": 3},
            [
                (
                    "member_list",
                    f"b: etcd-3 (3 at {URLS}); a: etcd-3 (3, learner at {URLS}); c: x (3, learner at {URLS})",
                )
            ],
        ),
    ],
)
def test_members_that_differ(
    changed: dict[str, Status],
    lists: dict[str, MemberList],
    figures: dict[str, float],
    told: list[tuple[str, str]],
) -> None:
    """Who says what, by their names; a leader that a member does not know yet is no second leader."""
    statuses = SAME | changed
    found = compared(statuses, statuses, SAME_LISTS | lists, named)
    assert found.figures == AGREED | figures
    assert [(one.kind, one.text) for one in found.disagreements] == told


def test_who_is_down_keeps_its_version_but_not_its_term() -> None:
    """A version does not change back because its member is down; a term and a leader are of the moment."""
    down = status(version="3.4.23", term=9, leader=3)
    found = compared(SAME, SAME | {"d": down}, SAME_LISTS, named)
    assert found.figures == AGREED | {"cluster.versions": 2}
    assert [(one.kind, one.text) for one in found.disagreements] == [("version", "d: 3.4.23; a, b, c: 3.5.16")]


def test_members_of_two_clusters_have_nothing_else_to_agree_on() -> None:
    """Their terms, leaders and lists are two by right; which versions run is told all the same."""
    statuses = SAME | {"c": status(version="3.4.23", cluster=0xFF, term=9, leader=2)}
    found = compared(statuses, statuses, SAME_LISTS | {"c": listing(ONE, cluster=0xFF)}, named)
    assert found.figures == {"cluster.versions": 2, "cluster.ids": 2}
    assert [(one.kind, one.text) for one in found.disagreements] == [
        ("version", "c: 3.4.23; a, b: 3.5.16"),
        ("cluster_id", "a, b: cluster c1; c: cluster ff"),
    ]


def test_a_cluster_id_is_known_from_a_list_alone() -> None:
    """Where a member does not let us ask for its status, its list says which cluster it is of."""
    found = compared({}, {}, {"a": listing(ONE), "b": listing(ONE, cluster=2)}, named)
    assert found.figures == {"cluster.ids": 2}
    assert [(one.kind, one.text) for one in found.disagreements] == [("cluster_id", "b: cluster 2; a: cluster c1")]


def test_terms_that_grow_are_the_same_disagreement() -> None:
    """A member that keeps calling elections is told once: who differs from whom counts, not the numbers."""
    first, second = (
        compared({"a": status(term=2), "b": status(term=term)}, {}, {}, named).disagreements for term in (7, 8)
    )
    assert first[0].identity == second[0].identity
    assert first[0].text != second[0].text


def differing(kind: str, identity: str = "x") -> Disagreement:
    return Disagreement(kind, f"text {identity}", identity)


def told(*runs: list[Disagreement]) -> list[list[tuple[str, str | None]]]:
    """What is told in each of these runs."""
    standing: Standing = {}
    said: list[list[tuple[str, str | None]]] = []
    for found in runs:
        standing, fresh = news(standing, Agreement({}, tuple(found), frozenset()))
        said.append([(one.kind, one.text) for one in fresh])
    return said


AT_ONCE = ("cluster_id",)
SEEN_TWICE = ("leader", "member_list", "term", "version")


def test_which_disagreements_must_be_seen_twice() -> None:
    """What changes, or is told in two steps, may be seen to differ for a moment; a cluster's id never may."""
    assert {kind: one.runs for kind, one in agreement.KINDS.items()} == dict.fromkeys(AT_ONCE, 1) | dict.fromkeys(
        SEEN_TWICE, 2
    )
    assert {kind for kind, one in agreement.KINDS.items() if one.alert_type == "error"} == {"cluster_id", "leader"}


@pytest.mark.parametrize("kind", AT_ONCE)
def test_what_may_never_be_is_told_at_once(kind: str) -> None:
    """Its begin, each change and its end are told in their run, and once."""
    x, y = [differing(kind)], [differing(kind, "y")]
    assert told([], x, x, x, y, y, [], [], x) == [
        [],
        [(kind, "text x")],
        [],
        [],
        [(kind, "text y")],
        [],
        [(kind, None)],
        [],
        [(kind, "text x")],
    ]


@pytest.mark.parametrize("kind", SEEN_TWICE)
def test_what_may_be_for_a_moment_is_told_in_the_second_run(kind: str) -> None:
    """Its begin and each change are told when they are seen again, and its end at once."""
    x, y = [differing(kind)], [differing(kind, "y")]
    assert told(x, x, x, x, y, y, y, [], []) == [
        [],
        [(kind, "text x")],
        [],
        [],
        [],
        [(kind, "text y")],
        [],
        [(kind, None)],
        [],
    ]


@pytest.mark.parametrize("kind", SEEN_TWICE)
def test_what_comes_and_goes_is_not_told(kind: str) -> None:
    """Neither a moment, nor one after the other, begins anything; so nothing ends either."""
    x, y = [differing(kind)], [differing(kind, "y")]
    assert told(x, [], x, [], x, y, x, y, []) == [[]] * 9


@pytest.mark.parametrize("kind", SEEN_TWICE)
def test_what_was_told_has_an_end(kind: str) -> None:
    """Also where it changed for a moment before members agreed again: no event stays without its end."""
    x, y = [differing(kind)], [differing(kind, "y")]
    assert told(x, x, y, []) == [[], [(kind, "text x")], [], [(kind, None)]]


@pytest.mark.parametrize("kind", SEEN_TWICE)
def test_what_was_told_is_not_told_again_after_a_moment(kind: str) -> None:
    """A change for one run, and back, is no news: the operator knows it already."""
    x, y = [differing(kind)], [differing(kind, "y")]
    assert told(x, x, y, x, x, [])[1] == [(kind, "text x")]
    assert told(x, x, y, x, x, [])[-1] == [(kind, None)]


def test_kinds_do_not_mix() -> None:
    """Two disagreements begin and end each by itself."""
    version, term = differing("cluster_id"), differing("term")
    assert told([version, term], [version, term], [term], []) == [
        [("cluster_id", "text x")],
        [("term", "text x")],
        [("cluster_id", None)],
        [("term", None)],
    ]


def test_two_leaders_in_two_terms_are_told_once() -> None:
    """Four members may split so; that it goes on is no news in any later run."""
    now = {
        "a": status(term=1, leader=1),
        "b": status(term=1, leader=2),
        "c": status(term=2, leader=1),
        "d": status(term=2, leader=2),
    }
    found = [one for one in compared(now, {}, {}, named).disagreements if one.kind == "leader"]
    assert len(found) == 2 or "term 1" in found[0].text
    first, second, third = told(found, found, found)
    assert (first, third) == ([], [])
    assert second != []


def test_what_cannot_be_told_has_not_ended() -> None:
    """With one member left to answer, or with members of two clusters, what differed may still differ."""
    differs = compared({"a": status(term=2), "b": status(term=5)}, {}, {}, named)
    standing, _ = news({}, differs)
    standing, begun = news(standing, differs)
    standing, alone = news(standing, compared({"a": status(term=2)}, {}, {}, named))
    standing, mixed = news(standing, compared({}, {"a": status(), "b": status(cluster=9)}, {}, named))
    _, again = news(standing, compared({"a": status(term=5), "b": status(term=5)}, {}, {}, named))
    assert [one.kind for one in begun] == ["term"]
    assert alone == ()
    assert [one.kind for one in mixed] == ["cluster_id"]
    assert again == (News("term", None),)

"""etcd's gateway over real sockets: prefixes, errors as ours, one token for all, and where it does not go."""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from etcd_latency.client import Client
from etcd_latency.errors import BadPage, Denied, Moved, NotOffered, NotPermitted, Refused, TargetError, Unhealthy
from etcd_latency.gateway import BAD_COMMON_NAME, NO_GATEWAY, Gateway, Login
from etcd_latency.model import Credentials
from etcd_latency.schedule import Schedule
from etcd_latency.sites import credentials_for, held_back, options_for
from lab.pki import Pki
from tests.gateway_server import Fake, Script, scripted
from tests.test_config import decided
from tests.test_fetch import LOG, client

ROOT = Credentials("root", "hunter2")
LOGIN, RANGE, STATUS = "/v3/auth/authenticate", "/v3/kv/range", "/v3/maintenance/status"
TOKEN = (200, '{"header":{"cluster_id":"1"},"token":"tok.1"}')
NEXT_TOKEN = (200, '{"token":"tok.2"}')
NO_AUTH = (400, '{"code":9,"message":"etcdserver: authentication is not enabled"}')
STALE = (401, '{"error":"etcdserver: invalid auth token","code":16,"message":"etcdserver: invalid auth token"}')
NOBODY = (400, '{"code":3,"message":"etcdserver: user name is empty"}')
ANSWER = (200, '{"header":{"member_id":"7"}}')

MakeFake = Callable[[Script], Fake]


@pytest.fixture
def fake() -> Iterator[MakeFake]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(scripted(script))


def gateway(one: Fake, login: Login | None = None, **options: Any) -> Gateway:
    return Gateway(client(one.url, **options), login or Login(None))


def test_an_answer_is_read(fake: MakeFake) -> None:
    """The JSON object arrives as it is, with the time, and whether the connection was there already."""
    asking = gateway(fake({RANGE: (200, '{"header":{"member_id":"7"},"count":"1"}')}))
    started = time.monotonic()
    first, second = (asking.call("kv/range", {"key": "aGVhbHRo"}) for _ in range(2))
    assert first.fields == second.fields == {"header": {"member_id": "7"}, "count": "1"}
    assert (first.warm, second.warm) == (False, True)
    assert 0 < first.seconds < time.monotonic() - started


def test_what_is_asked(fake: MakeFake) -> None:
    """A POST of the fields as JSON, and no header for authorization where there is no user."""
    one = fake({RANGE: ANSWER})
    gateway(one).call("kv/range", {"key": "aGVhbHRo", "serializable": True})
    ((asked),) = one.asked
    assert (asked.path, asked.fields, asked.token) == (RANGE, {"key": "aGVhbHRo", "serializable": True}, None)


def test_etcd_3_3_is_asked_under_its_own_prefix(fake: MakeFake) -> None:
    """What is not below /v3 is asked below /v3beta."""
    one = fake({"/v3beta/kv/range": ANSWER})
    assert gateway(one).call("kv/range", {}).fields == {"header": {"member_id": "7"}}
    assert one.paths == [RANGE, "/v3beta/kv/range"]


def test_the_other_prefix_is_for_what_is_not_found_alone(fake: MakeFake) -> None:
    """A refusal below /v3 is the answer."""
    one = fake({RANGE: (403, '{"code":7,"message":"etcdserver: permission denied"}'), "/v3beta/kv/range": ANSWER})
    with pytest.raises(Denied):
        gateway(one).call("kv/range", {})
    assert one.paths == [RANGE]


EMPTY_USER = "etcd's authentication is on; set `username` and `password` of an etcd user (user name is empty)"
WRONG_PASSWORD = (
    "etcd does not accept `username` and `password`; correct them (authentication failed, invalid user ID or password)"
)
UNKNOWN_METHOD = "this version of etcd does not know the method"
NO_CLIENT_USAGE = (
    "etcd's gateway cannot reach etcd itself: the server certificate (--cert-file) lacks the extended key usage "
    "clientAuth"
)
MOVED = (
    "HTTP 302, moved to https://***@other.example/v3/kv/range: redirects are not followed; configure that URL, "
    "or set `allow_redirects`"
)
NO_LEADER_34 = (
    500,
    '{"error":"context deadline exceeded","code":2,"message":"context deadline exceeded"}',
)
COMMON_NAME = "CommonName of client sending a request against gateway will be ignored and not used as expected"
BAD_CERTIFICATE = (
    'connection error: desc = "transport: authentication handshake failed: remote error: tls: bad certificate"'
)


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        (
            (503, '{"code":14,"message":"etcdserver: request timed out"}'),
            Unhealthy,
            "request timed out: etcd took the question and could not do it",
        ),
        (
            (504, '{"code":4,"message":"context deadline exceeded"}'),
            Unhealthy,
            "context deadline exceeded: etcd took the question and could not do it",
        ),
        (NO_LEADER_34, Unhealthy, "context deadline exceeded: etcd took the question and could not do it"),
        (
            (429, '{"code":8,"message":"etcdserver: mvcc: database space exceeded"}'),
            Unhealthy,
            "mvcc: database space exceeded: etcd took the question and could not do it",
        ),
        (
            (403, '{"code":7,"message":"etcdserver: permission denied"}'),
            Denied,
            "this etcd user may not ask it; grant it the role, or do without (permission denied)",
        ),
        (NOBODY, NotPermitted, EMPTY_USER),
        (
            (400, '{"code":3,"message":"etcdserver: authentication failed, invalid user ID or password"}'),
            NotPermitted,
            WRONG_PASSWORD,
        ),
        (
            STALE,
            NotPermitted,
            "etcd does not accept the token; is the clock of a member wrong? (invalid auth token)",
        ),
        ((400, f"{COMMON_NAME}\n"), NotPermitted, BAD_COMMON_NAME),
        ((404, "404 page not found\n"), NotOffered, NO_GATEWAY),
        ((404, '{"code":5,"message":"Not Found"}'), NotOffered, f"{UNKNOWN_METHOD} (Not Found)"),
        ((501, '{"code":12,"message":"unknown method X"}'), NotOffered, f"{UNKNOWN_METHOD} (unknown method X)"),
        (
            (503, json.dumps({"code": 14, "message": BAD_CERTIFICATE})),
            NotOffered,
            f"{NO_CLIENT_USAGE} ({BAD_CERTIFICATE})",
        ),
        (
            (400, '{"code":3,"message":"etcdserver: key is not provided"}'),
            Refused,
            "etcd refuses /v3/kv/range (key is not provided)",
        ),
        ((418, '{"code":99}'), Refused, "etcd refuses /v3/kv/range ()"),
        ((500, '{"code":"x"}'), Refused, "HTTP 500 Internal Server Error: look into the log of the server"),
        ((502, "<html>"), Refused, "HTTP 502 Bad Gateway: look into the log of the server"),
        ((500, "[1]"), Refused, "HTTP 500 Internal Server Error: look into the log of the server"),
        (
            (302, "", {"Location": "https://root:hunter2@other.example/v3/kv/range"}),
            Moved,
            MOVED,
        ),
        ((200, "not JSON"), BadPage, "the answer to /v3/kv/range is not a JSON object; is this an etcd member?"),
        ((200, ""), BadPage, "the answer to /v3/kv/range is not a JSON object; is this an etcd member?"),
        ((200, "[]"), BadPage, "the answer to /v3/kv/range is not a JSON object; is this an etcd member?"),
        ((200, "null"), BadPage, "the answer to /v3/kv/range is not a JSON object; is this an etcd member?"),
        ((200, "\udcff\udcfe"), BadPage, "the answer to /v3/kv/range is not a JSON object; is this an etcd member?"),
    ],
)
def test_what_a_refusal_means(reply: Any, kind: type[TargetError], text: str, fake: MakeFake) -> None:
    """Down, not permitted, not offered and moved are told apart, each with what to do and etcd's own words."""
    with pytest.raises(TargetError) as caught:
        gateway(fake({RANGE: reply, "/v3beta/kv/range": reply})).call("kv/range", {})
    assert type(caught.value) is kind
    assert str(caught.value) == text


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, DEEP, BadPage),
        (200, "7", BadPage),
        (500, DEEP, Refused),
        (500, "7", Refused),
        (500, '{"code":1e999}', Refused),
        (500, '{"code":null}', Refused),
        (500, '{"code":[]}', Refused),
        (500, '{"message":"m"}', Refused),
    ],
    ids=["deep", "number", "deep-500", "number-500", "endless-code", "no-code", "list-code", "without-code"],
)
def test_no_answer_breaks_the_check(status: int, body: str, kind: type[TargetError], fake: MakeFake) -> None:
    """Whatever stands in an answer, it is refused as the server's; it is never a mistake of the check."""
    with pytest.raises(kind):
        gateway(fake({RANGE: (status, body)})).call("kv/range", {})


def test_a_denial_knows_how_long_it_took(fake: MakeFake) -> None:
    """The quorum was asked before the rights, so the time of a denied read counts, once the connection is there."""
    asking = gateway(fake({RANGE: (403, '{"code":7,"message":"etcdserver: permission denied"}')}))
    for warm in (False, True):
        started = time.monotonic()
        with pytest.raises(Denied) as caught:
            asking.call("kv/range", {})
        assert 0 < caught.value.seconds < time.monotonic() - started
        assert caught.value.warm is warm


def test_a_token_is_fetched_once_and_kept(fake: MakeFake) -> None:
    """The first question fetches it with user and password; the header of every question is the bare token."""
    one = fake({LOGIN: TOKEN, RANGE: ANSWER, STATUS: ANSWER})
    asking = gateway(one, Login(ROOT))
    for path in ("kv/range", "maintenance/status", "kv/range"):
        asking.call(path, {})
    assert [(asked.path, asked.token) for asked in one.asked] == [
        (LOGIN, None),
        (RANGE, "tok.1"),
        (STATUS, "tok.1"),
        (RANGE, "tok.1"),
    ]
    assert one.asked[0].fields == {"name": "root", "password": "hunter2"}


def test_clients_of_one_member_share_its_token(fake: MakeFake) -> None:
    """Eight clients that ask at the same moment cost one password check, which is etcd's most expensive request."""
    one, login = fake({LOGIN: TOKEN, RANGE: ANSWER}), Login(ROOT)
    together = threading.Barrier(8)
    tokens: list[str | None] = []

    def ask() -> None:
        together.wait()
        tokens.append(login.token(client(one.url)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tokens == ["tok.1"] * 8
    assert one.paths == [LOGIN]


def test_a_stale_token_is_renewed_once(fake: MakeFake) -> None:
    """On `invalid auth token` the question is asked again, with a new token, which the others then use, too."""
    one = fake({LOGIN: [TOKEN, NEXT_TOKEN], RANGE: [ANSWER, STALE, ANSWER], STATUS: ANSWER})
    login = Login(ROOT)
    first, second = gateway(one, login), gateway(one, login)
    for _ in range(2):
        assert first.call("kv/range", {}).fields == {"header": {"member_id": "7"}}
    second.call("maintenance/status", {})
    assert [(asked.path, asked.token) for asked in one.asked] == [
        (LOGIN, None),
        (RANGE, "tok.1"),
        (RANGE, "tok.1"),
        (LOGIN, None),
        (RANGE, "tok.2"),
        (STATUS, "tok.2"),
    ]


def test_who_was_late_takes_the_token_that_another_renewed(fake: MakeFake) -> None:
    """Two clients that hold the same stale token fetch one new token between them."""
    one, login = fake({LOGIN: [TOKEN, NEXT_TOKEN, (200, '{"token":"tok.3"}')]}), Login(ROOT)
    assert login.token(client(one.url)) == "tok.1"
    assert [login.renewed(client(one.url), "tok.1") for _ in range(2)] == ["tok.2", "tok.2"]
    assert one.paths == [LOGIN, LOGIN]


def test_a_token_that_is_never_accepted_is_not_renewed_for_ever(fake: MakeFake) -> None:
    """Refused twice, the question is given up until the next run."""
    one = fake({LOGIN: [TOKEN, NEXT_TOKEN], RANGE: STALE})
    with pytest.raises(NotPermitted, match="is the clock of a member wrong"):
        gateway(one, Login(ROOT)).call("kv/range", {})
    assert one.paths == [LOGIN, RANGE, LOGIN, RANGE]


def test_where_authentication_is_off_no_token_is_asked_for_again(fake: MakeFake) -> None:
    """etcd says so once; user and password do not travel with every run."""
    one = fake({LOGIN: NO_AUTH, RANGE: ANSWER})
    asking = gateway(one, Login(ROOT))
    for _ in range(3):
        asking.call("kv/range", {})
    assert [(asked.path, asked.token) for asked in one.asked] == [(LOGIN, None)] + [(RANGE, None)] * 3


def test_authentication_that_is_turned_on_later_is_noticed(fake: MakeFake) -> None:
    """Where it was off at the first question, the user is tried once etcd asks for one; no restart is needed."""
    one = fake({LOGIN: [NO_AUTH, TOKEN], RANGE: [ANSWER, NOBODY, ANSWER]})
    asking = gateway(one, Login(ROOT))
    asking.call("kv/range", {})
    with suppress(TargetError):
        asking.call("kv/range", {})
    assert asking.call("kv/range", {}).fields == {"header": {"member_id": "7"}}
    assert one.asked[-1].token == "tok.1"


def test_a_learner_that_takes_no_login_is_asked_again(fake: MakeFake) -> None:
    """A learner refuses it with the code of `authentication is not enabled`, and is promoted some day."""
    learner = (400, '{"code":9,"message":"etcdserver: rpc not supported for learner"}')
    one = fake({LOGIN: [learner, TOKEN], RANGE: ANSWER})
    asking = gateway(one, Login(ROOT))
    with suppress(TargetError):
        asking.call("kv/range", {})
    assert asking.call("kv/range", {}).fields == {"header": {"member_id": "7"}}
    assert one.asked[-1].token == "tok.1"


def test_a_login_without_a_quorum_is_tried_again_later(fake: MakeFake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile questions are asked without a token, for some want none; those that do fail for the login's reason."""
    no_quorum = (503, '{"code":14,"message":"etcdserver: request timed out"}')
    one = fake({LOGIN: [no_quorum, TOKEN], RANGE: [NOBODY, ANSWER], STATUS: ANSWER})
    asking = gateway(one, Login(ROOT))
    assert asking.call("maintenance/status", {}).fields == {"header": {"member_id": "7"}}
    with pytest.raises(Refused, match=r"^the login of `username` failed: request timed out: etcd took"):
        asking.call("kv/range", {})
    assert one.paths == [LOGIN, STATUS, RANGE]
    monkeypatch.setattr("etcd_latency.gateway.time.monotonic", lambda: 1e9)
    asking.call("kv/range", {})
    assert one.paths[3:] == [LOGIN, RANGE]
    assert one.asked[-1].token == "tok.1"


def test_a_token_from_before_a_change_of_users_is_renewed(fake: MakeFake) -> None:
    """With --auth-token=jwt etcd wants another one then, with a code that it uses for other mistakes, too."""
    old = (400, '{"code":3,"message":"etcdserver: revision of auth store is old"}')
    one = fake({LOGIN: [TOKEN, NEXT_TOKEN], RANGE: [old, ANSWER]})
    gateway(one, Login(ROOT)).call("kv/range", {})
    assert one.paths == [LOGIN, RANGE, LOGIN, RANGE]


def test_a_password_that_was_refused_is_not_tried_with_every_question(fake: MakeFake) -> None:
    """To compare it costs etcd a lot, by design; the questions of the next minute fail in the same words."""
    wrong = (400, '{"code":3,"message":"etcdserver: authentication failed, invalid user ID or password"}')
    one = fake({LOGIN: [wrong, TOKEN], RANGE: ANSWER})
    asking = gateway(one, Login(ROOT))
    for _ in range(3):
        with pytest.raises(NotPermitted) as caught:
            asking.call("kv/range", {})
        assert str(caught.value) == WRONG_PASSWORD
    assert one.paths == [LOGIN]


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        (
            (400, '{"code":3,"message":"etcdserver: authentication failed, invalid user ID or password"}'),
            NotPermitted,
            WRONG_PASSWORD,
        ),
        ((200, '{"header":{}}'), BadPage, "etcd's answer to `username` and `password` holds no token"),
        ((200, '{"token":5}'), BadPage, "etcd's answer to `username` and `password` holds no token"),
        ((404, "404 page not found\n"), NotOffered, NO_GATEWAY),
        ((302, "", {"Location": "/elsewhere"}), Moved, "moved to /elsewhere"),
        ((400, COMMON_NAME), NotPermitted, BAD_COMMON_NAME),
    ],
)
def test_no_secret_is_told(
    reply: Any, kind: type[TargetError], text: str, fake: MakeFake, caplog: pytest.LogCaptureFixture
) -> None:
    """A login that fails says what to do; the password stands in no message, traceback or log."""
    caplog.set_level(logging.DEBUG)
    one = fake({LOGIN: reply, "/v3beta/auth/authenticate": reply})
    login = Login(ROOT)
    with pytest.raises(TargetError) as caught:
        gateway(one, login, log_requests=True).call("kv/range", {})
    assert type(caught.value) is kind
    assert text in str(caught.value)
    assert RANGE not in one.paths
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(ROOT) + repr(vars(login))
    assert "hunter2" not in told


def test_no_token_is_told(fake: MakeFake, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does a token that works, or one that is refused."""
    caplog.set_level(logging.DEBUG)
    one = fake({LOGIN: [TOKEN, NEXT_TOKEN], RANGE: [ANSWER, STALE]})
    asking = gateway(one, Login(ROOT), log_requests=True)
    asking.call("kv/range", {})
    with pytest.raises(NotPermitted) as caught:
        asking.call("kv/range", {})
    assert "tok." not in "".join(traceback.format_exception(caught.value)) + caplog.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("redirects", [False, True])
def test_no_redirect_is_followed_with_a_question(status: int, redirects: bool, fake: MakeFake) -> None:  # noqa: FBT001
    """Neither a token nor a password goes where a redirect points, whatever `allow_redirects` says for pages."""
    elsewhere = fake({RANGE: ANSWER, LOGIN: TOKEN, "/": ANSWER})
    for path in (RANGE, LOGIN):
        one = fake({LOGIN: TOKEN} | {path: (status, "", {"Location": f"{elsewhere.url}{path}"})})
        with pytest.raises(Moved):
            gateway(one, Login(ROOT), allow_redirects=redirects).call("kv/range", {})
    assert elsewhere.asked == []


BEARER = {"headers": {"Authorization": "Bearer hunter2", "X-Team": "a"}, "extra_headers": {"proxy-authorization": "x"}}
AUTH_TOKEN = {"auth_token": {"reader": {"type": "file", "path": "/t"}, "writer": {"type": "header", "name": "X"}}}


def test_credentials_stay_away_from_plain_http() -> None:
    """Over http:// neither token, nor header for authorization, nor etcd's user is sent; over https:// all are."""
    config = decided(
        "http://10.0.0.1:2379", username="root", password="hunter2", allow_redirects=True, **BEARER, **AUTH_TOKEN
    )
    (target,) = config.members
    site = config.site(target)
    plain, secure = (options_for(f"{scheme}://10.0.0.1:2379", site) for scheme in ("http", "https"))
    assert (plain["headers"], plain["extra_headers"]) == ({"X-Team": "a"}, {})
    assert "auth_token" not in plain
    assert {option: secure[option] for option in (*BEARER, *AUTH_TOKEN)} == BEARER | AUTH_TOKEN
    assert credentials_for("http://10.0.0.1:2379", site) is None
    assert credentials_for("https://10.0.0.1:2379", site) == Credentials("root", "hunter2")
    assert plain["allow_redirects"] is secure["allow_redirects"] is False


def test_redirects_are_followed_where_no_token_could_go_along() -> None:
    """`allow_redirects` holds for a page that is asked for without a token."""
    config = decided("https://10.0.0.1:2379", allow_redirects=True, headers={"X-Team": "a"})
    assert options_for("https://10.0.0.1:2379/metrics", config.site(config.members[0]))["allow_redirects"] is True


def test_what_is_held_back_is_said() -> None:
    """An operator reads which option has no effect, for which URL, and what to write instead."""
    config = decided("http://10.0.0.1:2379", username="root", password="hunter2", **BEARER, **AUTH_TOKEN)
    why = "not sent to http://10.0.0.1:2379, because anybody on the way could read it; write https://"
    assert list(held_back(config.members[0], config.found_site)) == [
        f"`auth_token`: {why}",
        f"the authorization in `headers`: {why}",
        f"the authorization in `extra_headers`: {why}",
        f"`username` and `password`: {why}",
    ]
    assert list(config.warnings) == list(held_back(config.members[0], config.found_site))


def test_only_what_is_held_back_is_said() -> None:
    """Over https:// all is sent; etcd's user never goes to a page of its own, so nothing of it is held back there."""
    options: dict[str, Any] = {"username": "root", "password": "hunter2", **AUTH_TOKEN}
    assert decided("https://10.0.0.1:2379", **options).warnings == ()
    (warning,) = decided({"url": "https://10.0.0.1:2379", "metrics_url": "http://10.0.0.1:2381"}, **options).warnings
    assert warning.startswith("`auth_token`: not sent to http://10.0.0.1:2381/metrics, because anybody on the way")
    assert decided("http://10.0.0.1:2379", headers={"X-Team": "a"}).warnings == ()


def test_a_login_never_travels_over_plain_http(fake: MakeFake) -> None:
    """Written down or found, a member at http:// is asked without a user, as a whole schedule asks it."""
    one = fake({LOGIN: TOKEN, STATUS: ANSWER})
    for seed in (one.url, "https://127.0.0.1:1"):
        config = decided(seed, username="root", password="hunter2", discover_members=True, skip_proxy=True)
        target = config.member(one.url, f"{one.url}/metrics", "m1")
        schedule = Schedule(config, {}, LOG)
        schedule.keep([target])
        for lane in schedule.due(0.0):
            lane.server.gateway.call("maintenance/status", {})
    assert {(asked.path, asked.token) for asked in one.asked} == {(STATUS, None)}


def test_a_login_travels_over_tls(tmp_path: Path) -> None:
    """Over https:// the lanes of one member fetch one token between them."""
    pki = Pki(tmp_path)
    with scripted({LOGIN: TOKEN, STATUS: ANSWER}, pki.issue("server")) as one:
        config = decided(one.url, username="root", password="hunter2", tls_ca_cert=str(pki.ca), skip_proxy=True)
        schedule = Schedule(config, {}, LOG)
        schedule.keep(config.members)
        for lane in schedule.due(0.0):
            assert isinstance(lane.server.http, Client)
            lane.server.gateway.call("maintenance/status", {})
    assert [(asked.path, asked.token) for asked in one.asked] == [(LOGIN, None)] + [(STATUS, "tok.1")] * 4

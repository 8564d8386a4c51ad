"""Each question against recorded answers of etcd, and against answers that no etcd gives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from etcd_latency.client import Client
from etcd_latency.errors import BadPage, Moved, NotOffered, NotPermitted, Refused, TargetError, TlsRefused, Unreachable
from etcd_latency.gateway import Gateway, Login
from etcd_latency.model import (
    Alarm,
    AlarmList,
    Certificate,
    HttpHealth,
    ListedMember,
    MemberList,
    Page,
    PageRequest,
    Read,
    Status,
    Target,
)
from etcd_latency.probes import (
    ALARM_LIST,
    APISERVER_LIVEZ,
    APISERVER_READYZ,
    CERTIFICATE,
    HEALTH,
    LINEARIZABLE_READ,
    LIVEZ,
    MEMBER_LIST,
    PAGE,
    READYZ,
    SERIALIZABLE_READ,
    STATUS,
    Probe,
    Server,
)
from lab.pki import Pki
from tests.conftest import FIXTURES
from tests.gateway_server import Fake, Reply, Script, scripted
from tests.test_fetch import LOG, client

VERSIONS = ("3.4.23", "3.5.16")
RANGE, ALARMS, LIST, SAYS = "/v3/kv/range", "/v3/maintenance/alarm", "/v3/cluster/member/list", "/v3/maintenance/status"

MakeFake = Callable[[Script], Fake]


@pytest.fixture
def fake() -> Iterator[MakeFake]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(scripted(script))


def recorded(version: str) -> dict[str, Reply]:
    """What a real member answered, by path; of several questions for one path the check's own."""
    answers: dict[str, Any] = json.loads((FIXTURES / f"etcd-{version}/http.json").read_text())
    wanted = {
        "GET client /health",
        "GET client /livez",
        "GET client /readyz",
        "POST /v3/maintenance/status {}",
        'POST /v3/maintenance/alarm {"action": "GET"}',
        "POST /v3/cluster/member/list {}",
        'POST /v3/kv/range {"key": "aGVhbHRo"}',
    }
    return {question.split(" {")[0].split()[-1]: tuple(answers[question]) for question in wanted}


def server(one: Client) -> Server:
    return Server(one.target, one, Gateway(one, Login(None)))


def asked(url: str, probe: Probe[Any], **options: Any) -> Any:
    return probe.ask(server(client(url, **options)))


STATUSES = {
    "3.4.23": Status(
        cluster_id=1765011413163319104,
        member_id=12941430909030043983,
        version="3.4.23",
        db_size=5447680,
        db_size_in_use=5447680,
        db_size_quota=None,
        leader=12941430909030043983,
        raft_term=2,
        raft_index=7994,
        raft_applied_index=7994,
        is_learner=False,
        errors=(),
        alarms=(),
    ),
    "3.5.16": Status(
        cluster_id=10810461629239035839,
        member_id=11470038170214924073,
        version="3.5.16",
        db_size=5091328,
        db_size_in_use=5091328,
        db_size_quota=None,
        leader=11470038170214924073,
        raft_term=2,
        raft_index=7460,
        raft_applied_index=7460,
        is_learner=False,
        errors=(),
        alarms=(),
    ),
}


def listed(number: int, name: str, port: int) -> ListedMember:
    return ListedMember(number, name, (f"https://127.0.0.1:{port}",), is_learner=False)


LISTS = {
    "3.4.23": MemberList(
        1765011413163319104,
        12941430909030043983,
        (
            listed(6236921588760730536, "m1", 24201),
            listed(12941430909030043983, "m3", 24203),
            listed(17702025219984807549, "m2", 24202),
        ),
    ),
    "3.5.16": MemberList(
        10810461629239035839,
        11470038170214924073,
        (
            listed(4485261662626244313, "m3", 24303),
            listed(7968216242114300794, "m2", 24302),
            listed(11470038170214924073, "m1", 24301),
        ),
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_member_says_of_itself(version: str, fake: MakeFake) -> None:
    """A recorded status arrives field by field, ids and sizes as numbers."""
    one = fake(recorded(version))
    assert asked(one.url, STATUS) == STATUSES[version]
    assert STATUSES[version].is_leader
    assert [(request.path, request.fields) for request in one.asked] == [(SAYS, {})]


@pytest.mark.parametrize("version", VERSIONS)
def test_who_belongs_to_the_cluster(version: str, fake: MakeFake) -> None:
    """A recorded member list arrives by id; it is asked of the member alone, so that lists can be compared."""
    one = fake(recorded(version))
    assert asked(one.url, MEMBER_LIST) == LISTS[version]
    assert [(request.path, request.fields) for request in one.asked] == [(LIST, {"linearizable": False})]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_alarm(version: str, fake: MakeFake) -> None:
    """A cluster in order has an empty list; 3.4 even leaves the header out."""
    one = fake(recorded(version))
    started = time.monotonic()
    found: AlarmList = asked(one.url, ALARM_LIST)
    assert found.alarms == ()
    assert 0 < found.seconds < time.monotonic() - started
    assert [(request.path, request.fields) for request in one.asked] == [(ALARMS, {"action": "GET"})]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("probe", "serializable"), [(LINEARIZABLE_READ, False), (SERIALIZABLE_READ, True)])
def test_a_read_and_its_time(probe: Probe[Read], serializable: bool, version: str, fake: MakeFake) -> None:  # noqa: FBT001
    """The key `health`, as etcdctl reads it; once more where the first read had to make its connection."""
    one = fake(recorded(version))
    asking = server(client(one.url))
    for total in (2, 3):
        started = time.monotonic()
        read = probe.ask(asking)
        assert read.permitted
        assert 0 < read.seconds < time.monotonic() - started
        assert len(one.asked) == total
    assert {(request.path, *request.fields.items()) for request in one.asked} == {
        (RANGE, ("key", "aGVhbHRo"), ("serializable", serializable))
    }


def test_a_read_that_is_denied_has_its_time(fake: MakeFake) -> None:
    """etcd asks the quorum first and looks at the rights then, so the time of a warm denial counts as a read's."""
    one = fake({RANGE: (403, '{"code":7,"message":"etcdserver: permission denied"}')})
    asking = server(client(one.url))
    for total in (2, 3):
        started = time.monotonic()
        read = LINEARIZABLE_READ.ask(asking)
        assert not read.permitted
        assert 0 < read.seconds < time.monotonic() - started
        assert len(one.asked) == total


HEADER = '"header":{"cluster_id":"9","member_id":"7"}'


def test_alarms_and_learners_and_what_is_left_out(fake: MakeFake) -> None:
    """Without a leader and with alarms; a number that is left out is 0, and 3.6's quota is read."""
    errors = '["etcdserver: no leader","memberID:7 alarm:NOSPACE ","memberID:18446744073709551615 alarm:CORRUPT "]'
    one = fake(
        {
            SAYS: (200, f'{{{HEADER},"version":"3.6.0","dbSizeQuota":"10","isLearner":true,"errors":{errors}}}'),
            ALARMS: (
                200,
                f'{{{HEADER},"alarms":[{{"memberID":"7","alarm":"NOSPACE"}},{{"memberID":"8"}},{{"alarm":"CORRUPT"}}]}}',
            ),
            LIST: (200, f'{{{HEADER},"members":[{{"ID":"8","isLearner":true}},{{"ID":"7","name":"m"}}]}}'),
        }
    )
    status: Status = asked(one.url, STATUS)
    assert status == Status(
        cluster_id=9,
        member_id=7,
        version="3.6.0",
        db_size=0,
        db_size_in_use=0,
        db_size_quota=10,
        leader=0,
        raft_term=0,
        raft_index=0,
        raft_applied_index=0,
        is_learner=True,
        errors=("etcdserver: no leader", "memberID:7 alarm:NOSPACE ", "memberID:18446744073709551615 alarm:CORRUPT "),
        alarms=(Alarm("NOSPACE", 7), Alarm("CORRUPT", 2**64 - 1)),
    )
    assert not status.is_leader
    assert asked(one.url, ALARM_LIST).alarms == (Alarm("NOSPACE", 7), Alarm("CORRUPT", 0))
    assert asked(one.url, MEMBER_LIST).members == (
        ListedMember(7, "m", (), is_learner=False),
        ListedMember(8, "", (), is_learner=True),
    )


NO_INTEGER = "etcd's answer holds {}, which is not an integer"


@pytest.mark.parametrize(
    ("probe", "path", "body", "words"),
    [
        (STATUS, SAYS, f'{{{HEADER},"dbSize":"big"}}', NO_INTEGER.format("dbSize: 'big'")),
        (STATUS, SAYS, f'{{{HEADER},"raftTerm":null}}', NO_INTEGER.format("raftTerm: 'None'")),
        (STATUS, SAYS, f'{{{HEADER},"leader":[1]}}', NO_INTEGER.format("leader: '[1]'")),
        (STATUS, SAYS, f'{{{HEADER},"raftIndex":"{"9" * 50}x"}}', NO_INTEGER.format(f"raftIndex: '{'9' * 40}'")),
        (STATUS, SAYS, f'{{{HEADER},"dbSizeQuota":"x"}}', NO_INTEGER.format("dbSizeQuota: 'x'")),
        (STATUS, SAYS, f'{{{HEADER},"dbSize":1e999}}', "which is not an integer"),
        (STATUS, SAYS, '{"header":{"member_id":"me"}}', NO_INTEGER.format("member_id: 'me'")),
        (STATUS, SAYS, f'{{{HEADER},"errors":"x"}}', "etcd's answer holds errors, which is not a list"),
        (STATUS, SAYS, '{"version":"3.5.16","leader":"7"}', ""),
        (STATUS, SAYS, '{"header":[],"version":"3.5.16"}', ""),
        (STATUS, SAYS, "{}", ""),
        (STATUS, SAYS, '{"header":{},"version":"3.5.16"}', "does not say who gave it; is this an etcd member?"),
        (
            MEMBER_LIST,
            LIST,
            f'{{{HEADER},"members":[{",".join(["{}"] * 51)}]}}',
            "etcd's member list has more than 50 members; is this an etcd member?",
        ),
        (MEMBER_LIST, LIST, f"{{{HEADER}}}", "etcd's member list is empty; is this an etcd member?"),
        (MEMBER_LIST, LIST, f'{{{HEADER},"members":[]}}', "etcd's member list is empty; is this an etcd member?"),
        (MEMBER_LIST, LIST, f'{{{HEADER},"members":{{"a":1}}}}', "holds members, which is not a list of objects"),
        (MEMBER_LIST, LIST, f'{{{HEADER},"members":[7]}}', "holds members, which is not a list of objects"),
        (MEMBER_LIST, LIST, f'{{{HEADER},"members":null}}', "holds members, which is not a list of objects"),
        (MEMBER_LIST, LIST, f'{{{HEADER},"members":[{{"ID":"m1"}}]}}', NO_INTEGER.format("ID: 'm1'")),
        (
            MEMBER_LIST,
            LIST,
            f'{{{HEADER},"members":[{{"ID":"1","clientURLs":"u"}}]}}',
            "clientURLs, which is not a list",
        ),
        (MEMBER_LIST, LIST, '{"members":[{"ID":"1","name":"m1"}]}', ""),
        (ALARM_LIST, ALARMS, f'{{{HEADER},"alarms":"x"}}', "holds alarms, which is not a list of objects"),
        (ALARM_LIST, ALARMS, f'{{{HEADER},"alarms":["x"]}}', "holds alarms, which is not a list of objects"),
        (
            ALARM_LIST,
            ALARMS,
            f'{{{HEADER},"alarms":[{{"alarm":"NOSPACE","memberID":"x"}}]}}',
            NO_INTEGER.format("memberID: 'x'"),
        ),
        *(
            (probe, path, body, "is not a JSON object; is this an etcd member?")
            for probe, path, body in (
                (STATUS, SAYS, "<html>"),
                (MEMBER_LIST, LIST, "[]"),
                (ALARM_LIST, ALARMS, '"x"'),
                (LINEARIZABLE_READ, RANGE, "7"),
                (SERIALIZABLE_READ, RANGE, ""),
            )
        ),
        (LINEARIZABLE_READ, RANGE, '{"message":"welcome"}', ""),
    ],
)
def test_what_no_etcd_answers(probe: Probe[Any], path: str, body: str, words: str, fake: MakeFake) -> None:
    """Whatever else answers 200, it is told as that; nothing is taken for a member's word, and nothing breaks."""
    with pytest.raises(BadPage) as caught:
        asked(fake({path: (200, body)}).url, probe)
    assert words in str(caught.value)


def health(one: Fake, probe: Probe[HttpHealth]) -> HttpHealth:
    """The answer without its time, which is looked at here."""
    started = time.monotonic()
    found = asked(one.url, probe)
    assert 0 < found.seconds < time.monotonic() - started
    return replace(found, seconds=0.0)


PASSED = HttpHealth(200, passed=True, reason="", seconds=0.0)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("probe", [HEALTH, LIVEZ, READYZ], ids=lambda probe: probe.name)
def test_recorded_health_pages(probe: Probe[HttpHealth], version: str, fake: MakeFake) -> None:
    """A member in order passes; 3.4.23 has neither /livez nor /readyz, which is no failure."""
    one = fake(recorded(version))
    if version == "3.4.23" and probe is not HEALTH:
        with pytest.raises(NotOffered) as caught:
            asked(one.url, probe)
        assert str(caught.value) == f"HTTP 404 Not Found: there is no /{probe.name} at this URL"
    else:
        assert health(one, probe) == PASSED
    assert one.paths == [f"/{probe.name}"]


READYZ_BODY = """\
[-]linearizable_read failed: context deadline exceeded
[+]serializable_read ok
[-]data_corruption failed: corrupt alarm
"""
KUBE_BODY = "internal server error: etcd failed: error getting data from etcd: context deadline exceeded\n"


@pytest.mark.parametrize(
    ("probe", "path", "status", "body", "reason"),
    [
        (HEALTH, "/health", 503, '{"health":"false","reason":"RAFT NO LEADER"}', "RAFT NO LEADER"),
        (HEALTH, "/health", 503, '{"health":"false","reason":"ALARM NOSPACE"}', "ALARM NOSPACE"),
        (HEALTH, "/health", 503, '{"health":"false"}', ""),
        (
            READYZ,
            "/readyz",
            503,
            READYZ_BODY,
            "linearizable_read failed: context deadline exceeded; data_corruption failed: corrupt alarm",
        ),
        (LIVEZ, "/livez", 503, "[-]serializable_read failed: x\n", "serializable_read failed: x"),
        (APISERVER_LIVEZ, "/livez/etcd", 500, KUBE_BODY, KUBE_BODY.strip()),
        (
            APISERVER_READYZ,
            "/readyz/etcd",
            500,
            "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n",
            "etcd failed: reason withheld",
        ),
    ],
)
def test_why_a_health_page_did_not_pass(
    probe: Probe[HttpHealth], path: str, status: int, body: str, reason: str, fake: MakeFake
) -> None:
    """The server's own words, in each of the forms that etcd and Kubernetes have for them."""
    assert health(fake({path: (status, body)}), probe) == HttpHealth(status, passed=False, reason=reason, seconds=0.0)


def test_a_reason_fits_a_screen_and_obeys_nobody(fake: MakeFake) -> None:
    """It becomes the message of a service check, so it is cut, and stripped of what a terminal would obey."""
    reason = asked(fake({"/readyz/etcd": (500, "\x1b[31m" + "x" * 100_000)}).url, APISERVER_READYZ).reason
    assert len(reason) < 1000
    assert "\x1b" not in reason


@pytest.mark.parametrize("body", ["", "[]", "[" * 100_000, "\udcff", "<html>No backend is up</html>"])
def test_a_balancer_knows_nothing_of_health(body: str, fake: MakeFake) -> None:
    """A 503 that is not in etcd's words is not etcd's: the member is not unhealthy for it."""
    with pytest.raises(Refused, match="HTTP 503 Service Unavailable: look into the log of the server"):
        asked(fake({"/health": (503, body)}).url, HEALTH)


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        ((401, "Unauthorized"), NotPermitted, "HTTP 401 Unauthorized: set credentials, or correct them"),
        ((403, "no"), NotPermitted, "HTTP 403 Forbidden: let this user read /readyz/etcd (Kubernetes: bind"),
        ((404, "no"), NotOffered, "HTTP 404 Not Found: there is no /readyz/etcd at this URL"),
        ((302, "", {"Location": "https://sso.example/"}), Moved, "HTTP 302, moved to https://sso.example/: redirects"),
        ((429, "later"), Refused, "HTTP 429 Too Many Requests: look into the log of the server"),
    ],
)
def test_a_health_page_that_is_no_answer(reply: Any, kind: type[TargetError], words: str, fake: MakeFake) -> None:
    """Not permitted, not there and moved are told apart, and none of them is unhealthy."""
    with pytest.raises(TargetError) as caught:
        asked(fake({"/readyz/etcd": reply}).url, APISERVER_READYZ)
    assert type(caught.value) is kind
    assert words in str(caught.value)


def test_health_is_asked_beside_the_page(fake: MakeFake) -> None:
    """Where etcd has a listener for metrics, its health pages are asked there, and the gateway at the client URL."""
    clients, metrics = (
        fake({SAYS: (200, f'{{{HEADER},"version":"3.5.16"}}')}),
        fake({"/health": (200, "{}"), "/metrics": (200, "a 1\n")}),
    )
    target = Target("m1", clients.url, f"{metrics.url}/metrics", ())
    options = {"timeout": 5, "skip_proxy": True}
    one = Client(target, options, page=PageRequest("text/plain", "identity"), agent={}, log=LOG)
    assert HEALTH.ask(server(one)).passed
    assert PAGE.ask(server(one)) == Page(b"a 1\n", "")
    assert STATUS.ask(server(one)).member_id == 7
    assert (clients.paths, metrics.paths) == ([SAYS], ["/health", "/metrics"])


def ends(path: Path) -> datetime:
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


@pytest.mark.parametrize("expires_in", [timedelta(days=20), -timedelta(days=2)], ids=["good", "expired"])
def test_until_when_certificates_are_good(expires_in: timedelta, tmp_path: Path) -> None:
    """The server's, the client's and the CA's; an expired server certificate is shown, too, for its date is wanted."""
    pki = Pki(tmp_path)
    shown, own = pki.issue("server", expires_in=expires_in), pki.issue("client", expires_in=timedelta(days=5))
    options = {"tls_ca_cert": str(pki.ca), "tls_cert": str(own.cert), "tls_private_key": str(own.key)}
    with scripted({}, shown) as one:
        found = asked(one.url, CERTIFICATE, **options)
    assert found == (
        Certificate("server", "the server's certificate", ends(shown.cert)),
        Certificate("ca", f"the CA in {pki.ca}", ends(pki.ca)),
        Certificate("client", f"the client certificate {own.cert}", ends(own.cert)),
    )
    assert abs(ends(shown.cert) - (datetime.now(UTC) + expires_in)) < timedelta(minutes=1)
    assert one.asked == []


def test_plain_http_has_no_certificates(fake: MakeFake) -> None:
    """Nothing is asked where nothing is shown, whatever files are configured."""
    one = fake({})
    assert asked(one.url, CERTIFICATE, tls_ca_cert="/nowhere") == ()


def test_through_a_proxy_certificates_are_not_looked_at(tmp_path: Path) -> None:
    """A handshake past the proxy might be with another server, or with none; that is no failure."""
    with scripted({}, Pki(tmp_path).issue("server")) as one, pytest.raises(NotOffered):
        asked(one.url, CERTIFICATE, skip_proxy=False, proxy={"https": "http://127.0.0.1:1"})


def test_a_server_of_another_ca_is_refused(tmp_path: Path) -> None:
    """Only what has expired is looked at unverified; a stranger's dates are not wanted."""
    pki, other = Pki(tmp_path / "a"), Pki(tmp_path / "b")
    for days in (20, -2):
        with scripted({}, other.issue("server", expires_in=timedelta(days=days))) as one, pytest.raises(TlsRefused):
            asked(one.url, CERTIFICATE, tls_ca_cert=str(pki.ca))


def test_a_host_that_is_down_shows_nothing() -> None:
    """The error is the connection's."""
    with pytest.raises(Unreachable, match="nothing listens there"):
        asked("https://127.0.0.1:1", CERTIFICATE)


def authority(subject: x509.Name, key: Any, year: int) -> bytes:
    """A CA's certificate that ends in the middle of this year, as PEM."""
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(year, 6, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    ("whose", "year", "expected"),
    [("stranger", 2030, 3000), ("stranger", 3500, 3000), ("renewed", 2030, 3000), ("renewed", 3500, 3500)],
)
def test_of_a_bundle_the_ca_that_signed_counts(
    whose: str, year: int, expected: int, order: tuple[int, int], tmp_path: Path
) -> None:
    """A bundle may hold strangers; of the signer itself, before and after its renewal, the longer term counts."""
    pki = Pki(tmp_path)
    assert ends(pki.ca).year == 3000
    if whose == "renewed":
        key: Any = serialization.load_pem_private_key(pki._authority.private_key_pem.bytes(), None)
        other = authority(x509.load_pem_x509_certificate(pki.ca.read_bytes()).subject, key, year)
    else:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another")])
        other = authority(name, ec.generate_private_key(ec.SECP256R1()), year)
    both, bundle = (pki.ca.read_bytes(), other), tmp_path / "bundle.crt"
    bundle.write_bytes(b"".join(both[place] for place in order))
    with scripted({}, pki.issue("server")) as one:
        found = asked(one.url, CERTIFICATE, tls_ca_cert=str(bundle))
    assert [(one.kind, one.what, one.ends.year) for one in found[1:]] == [("ca", f"the CA in {bundle}", expected)]


@pytest.mark.parametrize(
    ("advertised", "kept"),
    [
        (["https://ETCD-1.example:2379/"], ("https://etcd-1.example:2379",)),
        (["https://[FD00::1]:2379"], ("https://[fd00::1]:2379",)),
        (["unix://etcd", "http://10.0.0.1:2379"], ("http://10.0.0.1:2379",)),
        (["http://[::1", "http://10.0.0.1:99999", "http://u:p@10.0.0.1:2379", "ftp://x", "https://", ""], ()),
    ],
)
def test_addresses_of_members(advertised: list[str], kept: tuple[str, ...], fake: MakeFake) -> None:
    """A client URL has the form that the configuration's have; one that cannot be dialled is none."""
    members = [{"ID": "1", "name": "m1", "clientURLs": advertised}]
    one = fake({LIST: (200, json.dumps({"header": {"member_id": "1"}, "members": members}))})
    assert asked(one.url, MEMBER_LIST).members[0].client_urls == kept

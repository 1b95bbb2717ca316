"""Hrefs, multistatus documents, challenges, records, settings: what is read and written, without a server."""

import hashlib
from collections.abc import AsyncIterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import Damaged, Unavailable
from backends.http.dates import seconds_of
from backends.registry import construct
from backends.webdav.authorizing import FRESH_S, Bearer, Nobody, Password
from backends.webdav.challenges import Challenge, Digest, challenges, digest
from backends.webdav.dialect import Validator
from backends.webdav.hrefs import below, decoded, encoded
from backends.webdav.multistatus import MAX_RESPONSE, Resource, only, resources
from backends.webdav.records import packed, unpacked
from backends.webdav.settings import webdav_settings
from backends.webdav.states import state_of
from tests.backends.http.test_words import IMPOSSIBLE
from tests.backends.making import as_stored

NAMES = st.text(alphabet="a/b%+&?#;~ é\u0301\U0001f600", min_size=1, max_size=12)


@given(path=NAMES)
def test_a_path_survives_a_url(path: str) -> None:
    url = encoded(path)
    assert set(url) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-._~%")
    if "//" not in path:
        assert decoded(f"http://h:80/{url}") == decoded(f"/{url}") == f"/{path}".replace("//", "/")


@pytest.mark.parametrize(
    ("href", "path"),
    [
        ("/dav/b/k", "b/k"),
        ("http://other.example/dav/b/k", "b/k"),
        ("https://me@h:8443/dav/b/k/", "b/k"),
        ("\n /dav/b/k \n", "b/k"),
        ("/dav", ""),
        ("/dav/", ""),
        ("/dav//b/k", "b/k"),
        ("/%64av/%62/k", "b/k"),
        ("/dav/a%cc%81+b&c=%2B", "a\u0301+b&c=+"),
        ("/dav/a%CC%81", "a\u0301"),
        ("/dav/a\u0301", "a\u0301"),
        ("/dav/a?b#c", "a?b#c"),
        ("/dav/100%", "100%"),
        ("/dav/a%2Fb", "a/b"),
        ("/davenport/k", None),
        ("/other/k", None),
        ("b/k", None),
        ("/dav/%e9", None),
        ("/dav/%ff%fe", None),
    ],
)
def test_an_href_names_what_is_below_a_folder(href: str, path: str | None) -> None:
    assert below("/dav/", href) == path


DOCUMENT = """<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:n="urn:other">
<D:response xmlns:l="DAV:"><D:href>/d/</D:href><D:propstat><D:prop><l:resourcetype><D:collection/>
</l:resourcetype><l:getetag>W/"1000-66"</l:getetag>
<l:getlastmodified n:dt="dateTime.rfc1123">Thu, 26 Nov 2026 19:17:38 GMT</l:getlastmodified></D:prop>
<D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop><l:getcontentlength>4096</l:getcontentlength>
</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
<n:unknown><n:more/></n:unknown>
<D:response><D:href>/d/\u00e9%20f</D:href><D:propstat><D:prop><D:resourcetype/>
<D:getcontentlength> 3 </D:getcontentlength><D:getetag>9989800-1795720675-3</D:getetag>
<stamp xmlns="urn:s3front">abc</stamp><stamp xmlns="urn:nobody">x</stamp>
<D:getlastmodified>yesterday</D:getlastmodified></D:prop></D:propstat></D:response>
<D:response><D:href>/d/closed</D:href><D:status>HTTP/1.1 403 Forbidden</D:status></D:response>
<D:response><D:href>/d/odd</D:href><D:propstat><D:prop><D:getcontentlength>-1</D:getcontentlength>
<D:getetag>""</D:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
</D:multistatus>
""".encode()

FOUND = [
    Resource(href="/d/", is_folder=True, etag="1000-66", is_weak=True, modified_s=1795720658),
    Resource(href="/d/\u00e9%20f", size=3, etag="9989800-1795720675-3", kept={"stamp": "abc"}),
    Resource(href="/d/closed", status=403),
    Resource(href="/d/odd"),
]


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


async def read(*data: bytes) -> list[Resource]:
    return [resource async for resource in resources(pieces(*data))]


@given(cuts=st.lists(st.integers(0, len(DOCUMENT)), max_size=6).map(sorted))
async def test_a_document_may_be_cut_anywhere(cuts: list[int]) -> None:
    edges = [0, *cuts, len(DOCUMENT)]
    data = [DOCUMENT[edges[n] : edges[n + 1]] for n in range(len(edges) - 1)]
    assert await read(*data) == FOUND


@pytest.mark.parametrize("end", [0, 1, 200, 900, len(DOCUMENT) - 20])
async def test_a_document_that_is_cut_off_is_none(end: int) -> None:
    with pytest.raises(Unavailable):
        await read(DOCUMENT[:end])


@pytest.mark.parametrize(
    "document",
    [
        b"<html></html>",
        b"not XML",
        b'<multistatus xmlns="DAV;"/>',
        b'<multistatus xmlns="DAV:"><response></response></multistatus>',
        b'<multistatus xmlns="DAV:"><response><href/></response></multistatus>',
        b'<multistatus xmlns="DAV:"><response><href>/&#1;</href></response></multistatus>',
        b'<multistatus xmlns="DAV:"></multistatus><more/>',
    ],
)
async def test_what_is_no_multistatus_is_refused(document: bytes) -> None:
    with pytest.raises(Unavailable):
        await read(document)
    with pytest.raises(Unavailable):
        only(document)


@pytest.mark.parametrize(
    "declared",
    ["", '<!ENTITY a "x">', '<!ENTITY a SYSTEM "file:///etc/passwd">'],
)
async def test_a_document_with_entities_of_its_own_is_refused(declared: str) -> None:
    text = f'<!DOCTYPE multistatus [{declared}]><multistatus xmlns="DAV:"></multistatus>'
    with pytest.raises(Unavailable):
        await read(text.encode())
    with pytest.raises(Unavailable):
        only(text.encode())


@pytest.mark.parametrize("number", range(len(FOUND)))
def test_a_document_of_one_resource_is_read_at_once(number: int) -> None:
    one = DOCUMENT
    for each in DOCUMENT.split(b"<D:response")[1:]:
        whole = b"<D:response" + each.partition(b"</D:response>")[0] + b"</D:response>"
        if each != DOCUMENT.split(b"<D:response")[number + 1]:
            one = one.replace(whole, b"<!-- -->")
    assert only(one) == FOUND[number]
    for end in (0, 1, 200, len(one) - 20):
        with pytest.raises(Unavailable):
            only(one[:end])


def test_a_document_of_none_or_of_several_is_told_apart() -> None:
    assert only(b'<multistatus xmlns="DAV:"><responsedescription/></multistatus>') is None
    with pytest.raises(Unavailable, match="more"):
        only(DOCUMENT)


@pytest.mark.parametrize("etag", ["x" * 2000, "a&#10;b", "a&#x202e;b"])
async def test_an_etag_that_no_condition_can_be_made_of_is_refused(etag: str) -> None:
    text = (
        '<multistatus xmlns="DAV:"><response><href>/x</href><propstat><prop>'
        f'<getetag>"{etag}"</getetag></prop></propstat></response></multistatus>'
    )
    with pytest.raises(Unavailable, match="ETag"):
        only(text.encode())


@pytest.mark.parametrize("status", ["2", "0200", "1" * 5000, "\u0662\u0660\u0660", "x"])
def test_a_status_that_is_none_is_a_failure(status: str) -> None:
    text = (
        '<multistatus xmlns="DAV:"><response><href>/x</href>'
        f"<status>HTTP/1.1 {status} OK</status></response></multistatus>"
    )
    found = only(text.encode())
    assert found is not None
    assert found.status == 500


def test_a_long_name_is_not_told_whole() -> None:
    for seen in (Resource(href="/" + "x" * 100_000), Resource(href="/" + "x" * 100_000, size=1)):
        with pytest.raises(Unavailable) as refused:
            state_of(seen, Validator.STRONG)
        assert len(str(refused.value)) < 400


async def test_a_resource_has_a_bound_and_many_have_none() -> None:
    one = b"<response><href>/" + b"x" * 1000 + b"</href></response>"
    many = 3 * MAX_RESPONSE // len(one)
    begin, end = b'<multistatus xmlns="DAV:">', b"</multistatus>"
    assert len(await read(begin, *[one] * many, end)) == many
    endless = [b"<propstat><prop/></propstat>" * 1000] * (2 * MAX_RESPONSE // 28_000)
    with pytest.raises(Unavailable):
        await read(begin, b"<response><href>/x</href>", *endless, b"</response>", end)


async def test_a_name_that_no_document_can_hold_does_not_hide_the_others() -> None:
    found = await read(
        b'<multistatus xmlns="DAV:"><response><href>/a\x01b</href></response>'
        b"<response><href>/c</href></response></multistatus>"
    )
    assert [resource.href for resource in found] == ["/a\x7fb", "/c"]


@pytest.mark.parametrize(
    ("date", "unix"),
    [
        ("Thu, 26 Nov 2026 19:17:38 GMT", 1795720658),
        ("Thu, 26 Nov 2026 20:17:38 +0100", 1795720658),
        ("Thursday, 26-Nov-26 19:17:38 GMT", 1795720658),
        ("", None),
        ("2026", None),
        ("Thu, 99 Nov 2026 19:17:38 GMT", None),
        *((date, None) for date in IMPOSSIBLE),
    ],
)
def test_dates_are_read(date: str, unix: int | None) -> None:
    assert seconds_of(date) == unix


def test_challenges_are_read_from_one_header_or_several() -> None:
    basic = Challenge(scheme="basic", parameters={"realm": 'a "quoted", one', "charset": "UTF-8"})
    bearer = Challenge(scheme="bearer", parameters={})
    negotiate = Challenge(scheme="negotiate", parameters={"realm": "x"})
    texts = ['Basic realm="a \\"quoted\\", one", charset=UTF-8', "Bearer", 'Negotiate realm="x"']
    assert challenges(texts) == [basic, bearer, negotiate]
    assert challenges([", ".join(texts)]) == [basic, bearer, negotiate]
    assert challenges(["", '"', "=", "Basic realm=x"])[-1].scheme == "basic"


@given(text=st.text(max_size=60))
def test_any_challenge_is_read_somehow(text: str) -> None:
    challenges([text])


RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", '
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
    ],
)
def test_digest_answers_as_in_rfc_7616(
    monkeypatch: pytest.MonkeyPatch, algorithm: str, response: str
) -> None:
    offered = [one for one in challenges([RFC_7616]) if one.parameters["algorithm"] == algorithm]
    answer = digest(offered, "Mufasa", "Circle of Life")
    assert answer is not None
    client = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    monkeypatch.setattr("backends.webdav.challenges.secrets.token_hex", lambda _: client)
    header = answer.header("GET", "/dir/index.html")
    assert f'response="{response}"' in header
    assert 'nc=00000001, cnonce="' in header
    assert "nc=00000002" in answer.header("GET", "/dir/index.html")


def test_a_realm_that_is_no_utf_8_is_given_back_as_it_came() -> None:
    realm = b"f\xfcr uns".decode("utf-8", "surrogateescape")
    answer = digest(challenges([f'Digest realm="{realm}", nonce="n"']), "Mufasa", "Circle of Life")
    assert answer is not None
    secret = hashlib.md5(b"Mufasa:f\xfcr uns:Circle of Life").hexdigest()
    asked = hashlib.md5(b"GET:/x").hexdigest()
    response = hashlib.md5(f"{secret}:n:{asked}".encode()).hexdigest()
    header = answer.header("GET", "/x")
    assert f'realm="{realm}"' in header
    assert f'response="{response}"' in header


def test_the_strongest_digest_is_taken_and_what_is_unknown_left() -> None:
    strongest = digest(reversed(challenges([RFC_7616])), "u", "p")
    assert strongest is not None
    assert strongest.algorithm == "SHA-256"
    assert digest(challenges(['Digest nonce="x", algorithm=SHA-512-256']), "u", "p") is None
    assert digest(challenges(['Digest nonce="x", qop="auth-int"']), "u", "p") is None
    old = digest(challenges(['Digest realm="r", nonce="x"']), "u", "p")
    assert old is not None
    assert "qop" not in old.header("GET", "/")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_password_is_not_sent_before_it_is_asked_for() -> None:
    someone = Password("ann", "secret")
    assert someone.header("GET", "/") is None
    assert not someone.certain()
    assert someone.refused(['Basic realm="x"'])
    assert someone.header("GET", "/") == "Basic YW5uOnNlY3JldA=="
    assert not someone.certain()
    someone.accepted()
    assert someone.certain()
    assert not someone.refused(['Basic realm="x"'])


def test_where_digest_is_offered_the_password_never_leaves() -> None:
    someone = Password("ann", "secret")
    assert someone.refused(['Basic realm="x"', 'Digest realm="x", nonce="1", qop="auth"'])
    header = someone.header("GET", "/")
    assert header is not None
    assert header.startswith("Digest ")
    someone.accepted()
    assert someone.refused(['Basic realm="x"', 'Digest realm="x", nonce="2", qop="auth"'])
    assert not someone.refused(['Digest realm="x", nonce="3", qop="auth"'])
    assert someone.refused(['Digest realm="x", nonce="4", qop="auth", stale=TRUE'])


def test_a_nonce_is_trusted_with_a_body_for_a_while() -> None:
    clock = Clock()
    someone = Password("ann", "secret", clock=clock)
    someone.refused(['Digest realm="x", nonce="1", qop="auth"'])
    assert not someone.certain()
    someone.accepted()
    assert someone.certain()
    clock.now += FRESH_S
    assert not someone.certain()


def test_others_are_certain_at_once() -> None:
    for someone, header in ((Bearer("t0k"), "Bearer t0k"), (Nobody(), None)):
        assert someone.header("GET", "/") == header
        assert someone.certain()
        assert not someone.refused(["Bearer"])


@given(of=st.text(alphabet="ab 1\u00e9", max_size=8), description=st.binary(max_size=40))
def test_a_record_is_read_as_it_was_written(of: str, description: bytes) -> None:
    record = packed(of, description)
    assert unpacked(record, of) == description
    assert unpacked(record, f"{of}x") is None
    for at in range(len(record)):
        changed = bytearray(record)
        changed[at] ^= 1
        with pytest.raises(Damaged):
            unpacked(bytes(changed), of)
    for end in range(len(record)):
        with pytest.raises(Damaged):
            unpacked(record[:end], of)


ENDPOINT = {"endpoint": "https://cloud.example/dav"}


@pytest.mark.parametrize(("said", "means"), [("true", True), ("False", False), (True, True)])
def test_the_environment_says_in_words_that_a_private_address_is_meant(
    *, said: object, means: bool
) -> None:
    assert webdav_settings({**ENDPOINT, "allow_private": said}).allow_private is means


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "needs the setting 'endpoint'"),
        ({"endpoint": "https://ann:pw@cloud.example/"}, "there are settings for them"),
        ({**ENDPOINT, "username": "ann"}, "go together"),
        ({**ENDPOINT, "password": "pw"}, "go together"),
        ({**ENDPOINT, "username": "a:b", "password": "pw"}, "colon"),
        ({**ENDPOINT, "username": "ann", "password": "p\nw"}, "cannot be sent"),
        ({**ENDPOINT, "token": "a b"}, "cannot be sent"),
        ({**ENDPOINT, "token": "t", "username": "ann", "password": "pw"}, "stands alone"),
        ({**ENDPOINT, "token": 7}, "token is text"),
        ({**ENDPOINT, "prefix": "a/../b"}, "prefix is a folder"),
        ({**ENDPOINT, "prefix": ".s3front"}, "prefix is a folder"),
        ({**ENDPOINT, "allow_private": "yes"}, "true or false"),
        ({**ENDPOINT, "link_mode": "redirect"}, "link_mode is"),
        ({**ENDPOINT, "link_mode": "direct"}, "needs url"),
        ({**ENDPOINT, "prefixes": "x"}, "did you mean 'prefix'"),
        ({"endpoint": "http://nas", "token": "t"}, "in the clear"),
        ({"endpoint": "http://nas", "username": "a", "password": "p"}, "in the clear"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_remedy(
    settings: Mapping[str, object], told: str
) -> None:
    with pytest.raises(ValueError, match=told) as refused:
        construct("webdav", settings)
    assert "pw" not in str(refused.value).replace("password", "")


def test_settings_say_where_and_who() -> None:
    set_ = webdav_settings({**ENDPOINT, "prefix": "/my files/", "token": "t0k"})
    assert str(set_.origin) == "https://cloud.example/dav"
    assert set_.prefix == "my files"
    assert set_.authorizer.header("GET", "/") == "Bearer t0k"
    assert set_.links is None
    assert isinstance(webdav_settings(ENDPOINT).authorizer, Nobody)


def test_links_lead_to_the_same_folder_elsewhere() -> None:
    storage = construct(
        "webdav",
        {**ENDPOINT, "prefix": "p q", "url": "https://cdn.example/x/", "link_mode": "direct"},
    )
    url = storage.link(as_stored("b/é?"), seconds=60, answer_with={})
    assert url == "https://cdn.example/x/p%20q/b/%C3%A9%3F"


def test_no_secret_is_shown() -> None:
    for secrets in ({"username": "ann", "password": "s3cret"}, {"token": "s3cret"}):
        set_ = webdav_settings({**ENDPOINT, **secrets})
        assert set_.authorizer.header("GET", "/") != ""
        set_.authorizer.refused(['Digest realm="x", nonce="1"'])
        shown = f"{set_!r} {set_.authorizer!r} {set_.authorizer} {construct('webdav', {**ENDPOINT, **secrets})!r}"
        assert "s3cret" not in shown
    answer = Digest(
        realm="r",
        nonce="n",
        algorithm="MD5",
        opaque=None,
        qop=True,
        username="ann",
        password="s3cret",
    )
    assert "s3cret" not in repr(answer)

"""Several requests on one connection, and what is expected."""

from tests.hostile.writing import (
    CHUNKED,
    FIVE,
    HIDDEN,
    answered,
    get,
    plain,
    post,
    put,
    refused,
    rewritten,
)

ORDER = (
    answered("two requests", get(then=HIDDEN), 404, 403),
    answered(
        "a request behind one that closes",
        get("Connection: close", then=HIDDEN),
        404,
        closes=True,
        follows=1,
    ),
    answered(
        "a request behind one of HTTP/1.0",
        rewritten(get(then=HIDDEN), b"HTTP/1.1", b"HTTP/1.0"),
        404,
        closes=True,
        follows=1,
    ),
    answered(
        "a request behind a refused body",
        put("Content-MD5: none", FIVE, body=b"12345", then=HIDDEN),
        400,
        403,
    ),
    refused("a request behind a broken one", plain(b"GET / HTTP/9.9\r\n\r\n" + HIDDEN), follows=1),
    refused("a request behind a broken chunk", post(CHUNKED, body=b"zz\r\n\r\n", then=HIDDEN)),
    answered(
        "a connection that names framing as its own",
        put("Connection: close, Content-Length", FIVE, body=b"12345"),
        200,
        closes=True,
        stores=b"12345",
    ),
    answered("Expect", put("Expect: 100-continue", FIVE, body=b"12345"), 200, stores=b"12345"),
    answered(
        "Expect in capitals", put("Expect: 100-CONTINUE", FIVE, body=b"12345"), 200, stores=b"12345"
    ),
    answered(
        "Expect of something else",
        put("Expect: miracles", FIVE, body=b"12345"),
        200,
        stores=b"12345",
    ),
    refused(
        "Expect twice", put("Expect: 100-continue", "Expect: 100-continue", FIVE, body=b"12345")
    ),
    answered(
        "Expect two things",
        put("Expect: 100-continue, miracles", FIVE, body=b"12345"),
        200,
        stores=b"12345",
    ),
    answered("Expect without a body", get("Expect: 100-continue"), 404),
    answered(
        "Expect in HTTP/1.0",
        rewritten(put("Expect: 100-continue", FIVE, body=b"12345"), b"HTTP/1.1", b"HTTP/1.0"),
        200,
        closes=True,
        stores=b"12345",
    ),
    refused(
        "a refused body that was waited for",
        put(
            "Expect: 100-continue",
            "Content-MD5: none",
            f"Content-Length: {len(HIDDEN)}",
            body=HIDDEN,
        ),
    ),
)

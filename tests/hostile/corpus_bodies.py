"""How long a body is: lengths and codings that two servers may read differently."""

from tests.hostile.writing import (
    CHUNKED,
    DELETE,
    END,
    FIVE,
    GOOD,
    HIDDEN,
    answered,
    get,
    in_chunks,
    post,
    put,
    refused,
    rewritten,
)

LENGTHS = (
    refused("two lengths that differ", put(FIVE, "Content-Length: 6", body=b"123456")),
    refused("two lengths that agree", put(FIVE, FIVE, body=b"12345")),
    refused("lengths in one header", put("Content-Length: 5, 5", body=b"12345")),
    refused("lengths in one header that differ", put("Content-Length: 5, 6", body=b"12345")),
    refused("a signed length", put("Content-Length: +5", body=b"12345")),
    refused("a negative length", put("Content-Length: -5", body=b"12345")),
    refused("a hexadecimal length", put("Content-Length: 0x5", body=b"12345")),
    refused("a length with a fraction", put("Content-Length: 5.0", body=b"12345")),
    refused("a length with an underscore", put("Content-Length: 1_0", body=b"1234567890")),
    refused("a length of other digits", put("Content-Length: ٥", body=b"12345")),
    refused("an empty length", put("Content-Length:", body=b"", then=HIDDEN)),
    refused("a length in quotes", put('Content-Length: "5"', body=b"12345")),
    refused("a length with a blank inside", put("Content-Length: 5 5", body=b"12345")),
    refused("a length with letters behind", put("Content-Length: 5abc", body=b"12345")),
    refused(
        "a length of more than 64 bits", put("Content-Length: 18446744073709551621", body=b"12345")
    ),
    refused("a length of a hundred digits", put("Content-Length: " + "9" * 100, body=b"12345")),
    refused("a length with a tab before the colon", put("Content-Length\t: 5", body=b"12345")),
    refused("a length with a blank before the colon", put("Content-Length : 5", body=b"12345")),
    refused("a length behind a vertical tab", put("Content-Length: \x0b5", body=b"12345")),
    answered(
        "a length with leading zeros",
        put("Content-Length: 0005", body=b"12345"),
        200,
        stores=b"12345",
    ),
    answered(
        "a length too small",
        put("Content-Length: 2", body=b"12345"),
        200,
        400,
        closes=True,
        stores=b"12",
        follows=0,
    ),
    answered(
        "a length too small before a request",
        put("Content-Length: 5", body=b"12345", then=HIDDEN),
        200,
        403,
        stores=b"12345",
    ),
    refused("a length too large", put("Content-Length: 9", body=b"12345")),
    answered(
        "a length in an underscored name", put("Content_Length: 5", body=b"", then=HIDDEN), 411, 403
    ),
)

CODINGS = (
    refused("a length and chunks", put(FIVE, CHUNKED, body=in_chunks(b"12345"))),
    refused("chunks and a length", put(CHUNKED, FIVE, body=in_chunks(b"12345"))),
    refused(
        "a length and chunks that hide a request",
        post("Content-Length: 6", CHUNKED, body=END, then=HIDDEN),
    ),
    answered("chunks", post(CHUNKED, body=GOOD), 200),
    answered("chunks of an object without a length", put(CHUNKED, body=in_chunks(b"12345")), 501),
    answered("chunks in capitals", post("Transfer-Encoding: CHUNKED", body=GOOD), 200),
    refused("xchunked", post("Transfer-Encoding: xchunked", body=GOOD, then=HIDDEN), 501),
    refused("identity", post("Transfer-Encoding: identity", body=DELETE), 501),
    refused("identity and a length", put("Transfer-Encoding: identity", FIVE, body=b"12345")),
    refused("chunked, identity", post("Transfer-Encoding: chunked, identity", body=GOOD)),
    refused("identity, chunked", post("Transfer-Encoding: identity, chunked", body=GOOD), 501),
    refused("gzip, chunked", post("Transfer-Encoding: gzip, chunked", body=GOOD), 501),
    refused("chunked twice in one header", post("Transfer-Encoding: chunked, chunked", body=GOOD)),
    refused("chunked in two headers", post(CHUNKED, CHUNKED, body=GOOD)),
    refused(
        "chunked and identity in two headers",
        post(CHUNKED, "Transfer-Encoding: identity", body=GOOD),
    ),
    refused(
        "an empty transfer encoding",
        post("Transfer-Encoding:", "Content-Length: 46", body=DELETE),
    ),
    refused("chunked in quotes", post('Transfer-Encoding: "chunked"', body=GOOD), 501),
    refused("chunked with a parameter", post("Transfer-Encoding: chunked;q=1", body=GOOD), 501),
    refused("chunked behind a vertical tab", post("Transfer-Encoding: \x0bchunked", body=GOOD)),
    refused(
        "chunked with a blank before the colon", post("Transfer-Encoding : chunked", body=GOOD)
    ),
    refused("chunked behind a line feed", post("Transfer-Encoding:\n chunked", body=GOOD)),
    refused("chunked on a folded line", post("Transfer-Encoding:\r\n chunked", body=GOOD)),
    refused("chunked after a carriage return", post("X: y\rTransfer-Encoding: chunked", body=GOOD)),
    refused(
        "chunked in HTTP/1.0", rewritten(post(CHUNKED, body=GOOD), b"HTTP/1.1", b"HTTP/1.0"), 501
    ),
    answered("chunked on a GET", get(CHUNKED, body=in_chunks(b"12345")), 404),
    answered("a length on a GET", get(FIVE, body=b"12345"), 404),
    answered(
        "a request as the body of a GET", get(f"Content-Length: {len(HIDDEN)}", body=HIDDEN), 404
    ),
    answered(
        "a request as the body of a PUT",
        put(f"Content-Length: {len(HIDDEN)}", body=HIDDEN),
        200,
        stores=HIDDEN,
    ),
    answered(
        "a request as the body of an upgrade",
        put(
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Key1: x",
            f"Content-Length: {len(HIDDEN)}",
            body=HIDDEN,
        ),
        200,
        stores=HIDDEN,
    ),
    answered(
        "chunks of an upgrade",
        post("Connection: Upgrade", "Upgrade: tcp", CHUNKED, body=GOOD, then=HIDDEN),
        200,
        403,
    ),
    answered(
        "an upgrade to HTTP/2",
        put(
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
            FIVE,
            body=b"12345",
        ),
        200,
        stores=b"12345",
    ),
    answered(
        "an upgrade to tcp",
        put("Connection: Upgrade", "Upgrade: tcp", FIVE, body=b"12345"),
        200,
        stores=b"12345",
    ),
)

"""Bodies chunked by HTTP, badly."""

from tests.hostile.writing import (
    CHUNKED,
    DELETE,
    END,
    GOOD,
    HIDDEN,
    answered,
    in_chunks,
    post,
    refused,
)

CHUNKS = (
    answered("a chunk extension", post(CHUNKED, body=in_chunks(DELETE, b";a=b")), 200),
    refused("a line feed in a chunk extension", post(CHUNKED, body=in_chunks(DELETE, b";a\nb"))),
    refused(
        "a carriage return in a chunk extension", post(CHUNKED, body=in_chunks(DELETE, b";a\rb"))
    ),
    refused(
        "a chunk extension that hides a request",
        post(CHUNKED, body=in_chunks(DELETE, b";\n" + HIDDEN.rstrip(b"\r\n") + b";")),
    ),
    refused("a NUL in a chunk extension", post(CHUNKED, body=in_chunks(DELETE, b";a\x00b"))),
    refused(
        "a chunk extension of 64 KiB",
        post(CHUNKED, body=in_chunks(DELETE, b";a=" + b"x" * 65536)),
    ),
    refused(
        "a chunk that ends with a line feed", post(CHUNKED, body=b"2e\r\n" + DELETE + b"\n" + END)
    ),
    refused("a chunk that ends with nothing", post(CHUNKED, body=b"2e\r\n" + DELETE + END)),
    refused(
        "a chunk that is longer than its size",
        post(CHUNKED, body=b"2d\r\n" + DELETE + b"\r\n" + END),
    ),
    refused(
        "a chunk size that ends with a line feed",
        post(CHUNKED, body=b"2e\n" + DELETE + b"\r\n" + END),
    ),
    refused(
        "a chunk size that ends with a carriage return",
        post(CHUNKED, body=b"2e\r" + DELETE + b"\r\n" + END),
    ),
    refused("a chunk size with 0x", post(CHUNKED, body=b"0x2e\r\n" + DELETE + b"\r\n" + END)),
    refused("a chunk size with a plus", post(CHUNKED, body=b"+2e\r\n" + DELETE + b"\r\n" + END)),
    refused("a chunk size with a minus", post(CHUNKED, body=b"-2e\r\n" + DELETE + b"\r\n" + END)),
    refused(
        "a chunk size with an underscore", post(CHUNKED, body=b"2_e\r\n" + DELETE + b"\r\n" + END)
    ),
    refused("a chunk size behind a blank", post(CHUNKED, body=b" 2e\r\n" + DELETE + b"\r\n" + END)),
    refused("a chunk size of nothing", post(CHUNKED, body=b"\r\n" + DELETE + b"\r\n" + END)),
    answered(
        "a chunk size with zeros before it",
        post(CHUNKED, body=b"000000000002e\r\n" + DELETE + b"\r\n" + END),
        200,
    ),
    refused(
        "a chunk size of 2 to the 64th",
        post(CHUNKED, body=b"1000000000000002e\r\n" + DELETE + b"\r\n" + END),
    ),
    refused(
        "a chunk size of 2 to the 63rd",
        post(CHUNKED, body=b"8000000000000000\r\n" + DELETE + b"\r\n" + END),
    ),
    answered(
        "a last chunk of many zeros",
        post(CHUNKED, body=in_chunks(DELETE, end=b"0" * 30 + b"\r\n\r\n")),
        200,
    ),
    refused("no last chunk", post(CHUNKED, body=in_chunks(DELETE, end=b""))),
    answered(
        "a request behind the last chunk",
        post(CHUNKED, body=GOOD, then=HIDDEN),
        200,
        403,
    ),
    answered(
        "a trailer",
        post(CHUNKED, body=in_chunks(DELETE, end=b"0\r\nx-trailer: a\r\n\r\n")),
        200,
    ),
    refused(
        "a length in the trailer",
        post(CHUNKED, body=in_chunks(DELETE, end=b"0\r\nContent-Length: 5\r\n\r\n")),
    ),
    refused(
        "a transfer encoding in the trailer",
        post(CHUNKED, body=in_chunks(DELETE, end=b"0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    ),
    answered(
        "a host in the trailer",
        post(CHUNKED, body=in_chunks(DELETE, end=b"0\r\nHost: other\r\n\r\n")),
        200,
    ),
    answered(
        "a signature in the trailer",
        post(
            CHUNKED, body=in_chunks(DELETE, end=b"0\r\nAuthorization: AWS4-HMAC-SHA256 x\r\n\r\n")
        ),
        200,
    ),
    refused(
        "a trailer with a NUL", post(CHUNKED, body=in_chunks(DELETE, end=b"0\r\na: \x00\r\n\r\n"))
    ),
    refused(
        "a trailer with a line feed",
        post(CHUNKED, body=in_chunks(DELETE, end=b"0\r\na: b\nc: d\r\n\r\n")),
    ),
    refused(
        "ten thousand trailers",
        post(CHUNKED, body=in_chunks(DELETE, end=b"0\r\n" + b"a: b\r\n" * 10_000 + b"\r\n")),
    ),
    answered(
        "five thousand chunks of a byte",
        post(CHUNKED, body=b"1\r\n \r\n" * 5000 + GOOD),
        200,
    ),
)

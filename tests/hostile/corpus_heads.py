"""Lines, targets and hosts that are not what RFC 9112 asks for."""

from tests.hostile.writing import answered, get, plain, refused

LINES = (
    refused("line feeds alone", plain(b"GET /-/live HTTP/1.1\nHost: {host}\n\n")),
    refused(
        "a line feed after a header", plain(b"GET /-/live HTTP/1.1\r\nHost: {host}\nX: y\r\n\r\n")
    ),
    refused(
        "a line feed at the end of the head", plain(b"GET /-/live HTTP/1.1\r\nHost: {host}\r\n\n")
    ),
    refused("carriage returns alone", plain(b"GET /-/live HTTP/1.1\rHost: {host}\r\r")),
    refused("a carriage return in a value", get("X: a\rb")),
    refused("two carriage returns at a line's end", get("X: a\r")),
    refused("a folded line", get("X: a\r\n b")),
    refused("a folded first line", plain(b"GET /-/live HTTP/1.1\r\n X: y\r\nHost: {host}\r\n\r\n")),
    refused("a NUL in a value", get("X: a\x00b")),
    refused("a NUL in a name", get("X\x00Y: b")),
    refused("a control character in a value", get("X: a\x01b")),
    refused("a delete character in a value", get("X: a\x7fb")),
    refused("a blank in a name", get("X Y: b")),
    refused("a header without a colon", get("X")),
    refused("a header without a name", get(": value")),
    refused("a name with a slash", get("X/Y: b")),
    refused("a name that is not ASCII", get("Xé: b")),
    answered(
        "empty lines before the request",
        plain(b"\r\n\r\nGET /-/live HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        200,
    ),
    answered(
        "a line feed before the request",
        plain(b"\nGET /-/live HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        200,
    ),
    refused("a header of 64 KiB", get("X: " + "y" * 65536)),
    refused("a thousand headers", get(*(f"X-{number}: y" for number in range(1000)))),
    refused("the preface of HTTP/2", plain(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
    refused("a TLS hello", plain(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 60)),
    refused("nonsense", plain(b"\x00\xff\xfe\xfd\r\n\r\n")),
)

TARGETS = (
    refused("no version", plain(b"GET /-/live\r\n\r\n"), 505),
    refused("version 0.9", plain(b"GET /-/live HTTP/0.9\r\nHost: {host}\r\n\r\n"), 505),
    answered(
        "version 1.0", plain(b"GET /-/live HTTP/1.0\r\nHost: {host}\r\n\r\n"), 200, closes=True
    ),
    refused("version 1.2", plain(b"GET /-/live HTTP/1.2\r\nHost: {host}\r\n\r\n")),
    refused("version 2.0", plain(b"GET /-/live HTTP/2.0\r\nHost: {host}\r\n\r\n"), 505),
    refused("version 1.10", plain(b"GET /-/live HTTP/1.10\r\nHost: {host}\r\n\r\n")),
    refused("a version in small letters", plain(b"GET /-/live http/1.1\r\nHost: {host}\r\n\r\n")),
    answered(
        "two blanks before the version",
        plain(b"GET /-/live  HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        200,
    ),
    refused("a tab before the version", plain(b"GET /-/live\tHTTP/1.1\r\nHost: {host}\r\n\r\n")),
    refused("a blank in the target", plain(b"GET /-/live x HTTP/1.1\r\nHost: {host}\r\n\r\n")),
    refused("a method in small letters", plain(b"get /-/live HTTP/1.1\r\nHost: {host}\r\n\r\n")),
    refused("a method nobody knows", plain(b"SMUGGLE /-/live HTTP/1.1\r\nHost: {host}\r\n\r\n")),
    refused("CONNECT", plain(b"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n")),
    refused("OPTIONS of everything", plain(b"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n")),
    answered(
        "TRACE", plain(b"TRACE /bucket/key HTTP/1.1\r\nHost: {host}\r\nSecret: s3cr3t\r\n\r\n"), 403
    ),
    refused("a target without a slash", plain(b"GET bucket/key HTTP/1.1\r\nHost: {host}\r\n\r\n")),
    answered(
        "a fragment in the target", plain(b"GET /-/live#x HTTP/1.1\r\nHost: {host}\r\n\r\n"), 404
    ),
    answered(
        "an absolute target",
        plain(b"GET http://{host}/-/live HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        200,
    ),
    refused(
        "an absolute target of another host",
        plain(b"GET http://other.example/-/live HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ),
    refused(
        "an absolute target with a user",
        plain(b"GET http://user@{host}/-/live HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ),
    refused(
        "an absolute target of another scheme",
        plain(b"GET ftp://{host}/-/live HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ),
    refused("no host", plain(b"GET /-/live HTTP/1.1\r\n\r\n")),
    answered("no host in HTTP/1.0", plain(b"GET /-/live HTTP/1.0\r\n\r\n"), 200, closes=True),
    refused("an empty host", plain(b"GET /-/live HTTP/1.1\r\nHost:\r\n\r\n")),
    refused(
        "two hosts", plain(b"GET /-/live HTTP/1.1\r\nHost: {host}\r\nHost: other.example\r\n\r\n")
    ),
    refused(
        "two hosts that agree",
        plain(b"GET /-/live HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"),
    ),
    refused(
        "hosts in one header", plain(b"GET /-/live HTTP/1.1\r\nHost: {host}, other.example\r\n\r\n")
    ),
    refused("a host with a path", plain(b"GET /-/live HTTP/1.1\r\nHost: {host}/x\r\n\r\n")),
    refused("a host with a user", plain(b"GET /-/live HTTP/1.1\r\nHost: user@{host}\r\n\r\n")),
    refused("a host with a blank", plain(b"GET /-/live HTTP/1.1\r\nHost: {host} x\r\n\r\n")),
    refused(
        "a host with a port that is none",
        plain(b"GET /-/live HTTP/1.1\r\nHost: localhost:80x\r\n\r\n"),
    ),
    refused(
        "a request line of 64 KiB",
        plain(b"GET /" + b"x" * 65536 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ),
)

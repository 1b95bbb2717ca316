"""What clients send: keys that trouble file systems, parsers and listings, and everything else."""

from hypothesis import strategies as st

from tests.model.told import Conditions, Sent, Wish

KEYS = (
    # Prefixes of each other, folders, nothing between slashes, and what paths mean
    "a", "a/", "a/b", "a/b/", "a/b/c", "a//b", "/", "//", "/a", ".", "..", "./a", "a/.", "a/..",
    "a/../b", "../../a", "a.", "a ", " a", "-a", "~", "*", "a\\b", "a:b", "b",
    # Case, and one letter in several spellings
    "A", "A/b", "\u00e9", "e\u0301", "\u00c9", "\u00e9/a", "\ufb01", "fi", "\u212b", "\U0001f600/x",
    # What is written otherwise in URLs, XML and headers
    "a b", "a+b", "a%2Fb", "%", "?", "a?b=c", "#", "&amp;", "<a>", "\"'", ";", "\u2028",
    # Characters that no document can hold
    "\x01", "a\x7fb", "\n", "\r\n", "\t", "\x00", "a\x00b",
    # Lengths: of a name, of a path, of a key
    "n" * 255, "n" * 256, "a/" + "n" * 300, "k" * 1024, "\u00e9" * 512, "d/" * 511 + "ab",
    # Ours
    ".s3front", ".s3front/catalog.db", ".S3Front/x", "\uff0es3front/x", ".s3front/staged/x",
)  # fmt: skip
TOO_LONG = "k" * 1025

keys = st.one_of(
    st.sampled_from(KEYS[:12]),  # often the same ones, so that they meet
    st.sampled_from(KEYS),
    st.text(st.sampled_from("ab/.\u00e9"), min_size=1, max_size=4),
)


def fits_xml(text: str) -> bool:
    """Whether a document can hold it: XML 1.0 has no way to write most control characters."""
    return all(character >= " " or character in "\t\n\r" for character in text) and not {
        "\ufffe",
        "\uffff",
    } & set(text)


MIN_PART = 1_000
bodies = st.builds(
    lambda what, size: (what * size)[:size],
    st.binary(min_size=1, max_size=4),
    st.sampled_from([0, 1, 7, 999, 1_000, 1_000, 2_500, 70_000]),
)

headers = st.dictionaries(
    st.sampled_from(["cache-control", "content-disposition", "content-language", "content-type"]),
    st.sampled_from(["no-cache", "text/plain", 'inline; filename="a"', "de"]),
    max_size=2,
)
metadata = st.dictionaries(
    st.sampled_from(["a", "b-c", "x-amz-meta-a", "etag"]),
    st.sampled_from(["", "1", "a b", "=?x", '"q"']),
    max_size=2,
)
tags = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c d", "\u00e9:/"]), st.sampled_from(["", "1", "x y", "@"])
    ),
    max_size=2,
    unique_by=lambda tag: tag[0],
).map(tuple)
sent = st.builds(
    Sent,
    headers=headers,
    metadata=metadata,
    tags=tags,
    storage_class=st.sampled_from([None, None, "STANDARD", "GLACIER_IR"]),
    algorithm=st.sampled_from([None, None, "CRC32", "SHA256"]),
)

spans = st.one_of(
    st.none(),
    st.builds(
        lambda first, last: f"bytes={first}-{last}", st.integers(0, 1200), st.integers(0, 9000)
    ),
    st.builds(lambda first: f"bytes={first}-", st.integers(0, 1200)),
    st.builds(lambda count: f"bytes=-{count}", st.integers(0, 1200)),
    st.sampled_from(["bytes=-", "bytes=0-0,2-3", "lines=1-2", "bytes=x-y", "bytes=5-2"]),
)
wishes = st.builds(
    Wish,
    prefix=st.one_of(st.just(""), st.sampled_from(["a", "a/", "/", "\u00e9", "."]), keys),
    delimiter=st.sampled_from(["", "", "/", "/", "b", "//", "\u00e9"]),
    after=st.one_of(st.just(""), st.just(""), keys),
    limit=st.sampled_from([None, None, 0, 1, 2, 3, 5, 1000, 5000]),
    encoded=st.booleans(),
)
"""ETags in conditions: the object's own, another one, or any."""
matches = st.sampled_from([None, None, None, "right", "wrong", "*"])
dates = st.sampled_from([None, None, None, "past", "future", "exact"])


def conditions_of(etag: str | None, match: str | None, none_match: str | None) -> Conditions:
    """With the ETags that ``right`` and ``wrong`` mean."""
    named = {"right": etag or "0" * 32, "wrong": "f" * 32, "*": "*"}
    return Conditions(
        if_match=named[match] if match else None,
        if_none_match=named[none_match] if none_match else None,
    )

"""Which paths and names may exist, without any storage."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import NameRefused
from backends.interface import RESERVED, Limits
from backends.local.folding import Folding
from backends.naming import coarse, looks_reserved, natural, segments

LIMITS = Limits()


@pytest.mark.parametrize(
    "name",
    [
        ".s3front",
        ".S3FRONT",
        ".s3Front",
        ".S3front.",
        ".s3front...",
        ".s3front ",
        " .s3front",
        "\u00a0.s3front\u3000",
        ".\uff533\uff46ront",
        "\uff0es3front",
        ".\u017f3front",
        ".s\u00b3front",
        ".s3fron\U0001d42d",
        ".s3front\u200b",
        ".s3\u200dfront",
        ".s3\u00adfront",
        "\ufeff.s3front",
        ".s3fr\ufe0font",
        ".s3fr\u034font",
        ".s3front::$INDEX_ALLOCATION",
        "S3FRON~1",
        ".s3fro~12",
    ],
)
def test_what_a_file_system_could_take_for_the_reserved_folder(name: str) -> None:
    assert looks_reserved(name)
    assert natural(name, "catalog.db", LIMITS) is None
    if name != RESERVED:
        with pytest.raises(NameRefused):
            segments(f"{name}/o/aa/x", LIMITS)
    with pytest.raises(NameRefused):
        segments(f"{name}/catalog.db", LIMITS)


@pytest.mark.parametrize("name", ["s3front", ".s3fron", ".s3front2", ".s3-front", "x.s3front", "."])
def test_what_no_file_system_takes_for_it(name: str) -> None:
    assert not looks_reserved(name)


@given(
    st.text(alphabet="ab.\u00e9", max_size=6),
    st.text(alphabet="ab./\u00e9\n\udc80\U0001f600", max_size=40),
    st.integers(1, 30),
)
def test_a_natural_name_is_a_path_that_says_bucket_and_key(
    bucket: str, key: str, longest: int
) -> None:
    limits = Limits(max_segment=longest, max_path=60)
    path = natural(bucket, key, limits)
    if path is None:
        return
    assert path == f"{bucket}/{key}"
    parts = segments(path, limits)
    assert parts[0] == bucket
    assert "/".join(parts[1:]) == key
    assert not {"", ".", ".."} & set(parts)
    assert all(len(part.encode()) <= longest for part in parts)
    assert len(path.encode()) <= 60


@given(st.text())
def test_coarse_folding_folds_what_it_made_no_further(text: str) -> None:
    assert coarse(coarse(text)) == coarse(text)


@given(st.characters(exclude_categories=["Cs"]))
def test_coarse_folding_joins_all_spellings(letter: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        for spelling in (letter, letter.upper(), letter.lower(), letter.casefold()):
            turned = unicodedata.normalize(form, spelling)
            assert coarse(turned) == coarse(spelling)
    assert coarse(letter.casefold()) == coarse(letter)


def test_an_exact_file_system_claims_what_is_said() -> None:
    exact = Folding()
    assert exact.claim("B/É") == "B/É"
    assert exact.exact("B/E\u0301")


@pytest.mark.parametrize("folding", [Folding(case=True), Folding(unicode=True)])
def test_a_folding_file_system_claims_alike_what_it_confuses(folding: Folding) -> None:
    assert folding.claim("b/\u00c9.TXT") == folding.claim("b/e\u0301.txt")
    assert folding.claim("b/a") != folding.claim("b/b")


def test_names_a_file_system_alters_are_not_exact() -> None:
    assert not Folding(stores="NFD").exact("b/\u00e9")
    assert Folding(stores="NFD").exact("b/e\u0301")
    assert not Folding(stores="NFC").exact("b/e\u0301")
    assert not Folding(case=True, lowers=True).exact("b/A")
    assert Folding(case=True).exact("b/A")

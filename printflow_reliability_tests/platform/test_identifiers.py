"""Identifiers: one that is too long for an index stands for itself all the same, and every other stays as it is."""

from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.platform.identifiers import MOST_BYTES, checksum_of, kept

repeated = st.builds(lambda text, times: text * times, st.text(min_size=1), st.integers(0, 900))


@given(st.text(max_size=20) | repeated)
def test_what_is_kept_fits_and_is_kept_as_it_is(identifier: str) -> None:
    name = kept(identifier)
    assert len(name.encode(errors="surrogatepass")) <= MOST_BYTES
    assert kept(name) == name
    assert (name == identifier) is (checksum_of(name) is None)


def test_long_identifiers_that_begin_alike_stay_two() -> None:
    assert kept("ß" * 500 + "1") != kept("ß" * 500 + "2")
    assert checksum_of("order ...sha256:7") is None

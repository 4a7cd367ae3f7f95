"""No secret is shown, in whatever form it reaches a text, and no other text is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.redaction import redacted
from printflow_reliability_tests.secret_forms import FORMS, shown

SECRETS = [
    "s3cret-Passw0rd!",
    "p@ss/w:rd with spaces",
    "quote'and\"and\\backslash",
    "pass%40word%25",
    "gr\u00fc\u00dfe-\U0001f511-schl\u00fcssel",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "<tag>&amp;=100%",
    "+++===///+++===",
]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=8, max_size=40)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_replaced_in_every_form(secret: str, form: str) -> None:
    text = redacted(f"cannot log in with {FORMS[form](secret)} at db.example", [secret])

    assert "[secret]" in text
    assert text.startswith("cannot log in with ")
    assert text.endswith(" at db.example")
    assert not shown(text, secret)


@given(secret=secrets, form=st.sampled_from(sorted(FORMS)), before=texts, behind=texts)
def test_any_secret_is_replaced_in_any_form_within_any_text(secret: str, form: str, before: str, behind: str) -> None:
    text = redacted(f"{before} {FORMS[form](secret)} {behind}", [secret])

    assert FORMS[form](secret) not in text or secret in f"{before}{behind}[secret]"
    assert secret not in text or secret in "[secret]"


@given(secret=st.text(st.sampled_from("abcdefghijklmnop0123456789-_/+%"), min_size=16, max_size=60), data=st.data())
def test_a_secret_that_a_limit_cut_in_two_is_replaced(secret: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(8, len(secret) - 1))
    for text in (f"log in with {secret[:cut]}", f"log in with {secret[:cut]}...", f"in {secret[:cut]}\u2026 failed"):
        assert secret[:cut] not in redacted(text, [secret])
    for text in (f"{secret[-cut:]} is wrong", f"...{secret[-cut:]} is wrong", f"why: \u2026{secret[-cut:]}"):
        assert secret[-cut:] not in redacted(text, [secret])
    assert secret[2 : cut + 2] not in redacted(f"a...{secret[2 : cut + 2]}...b", [secret])


@given(text=texts)
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert redacted(text, ["wJalrXUtnFEMI/K7MDENG", "postgresql://u:hunter22@localhost/records"]) == text


def test_what_a_url_and_a_text_have_in_common_is_no_secret() -> None:
    url = "postgresql://printflow:hunter22@db.example/live_db"
    for text in ("printflow", "no answer from postgresql://", "/live_db", "db.example/live_db does not answer"):
        assert redacted(text, [url, "hunter22"]) == text


def test_a_short_secret_is_replaced_only_as_it_is() -> None:
    assert redacted("ab cd %61b", ["ab"]) == "[secret] cd %61b"


def test_a_large_text_with_many_secrets_is_searched_once_for_all() -> None:
    text = "a line of a log with 100% of its \\ and & characters\n" * 20_000
    known = [f"secret-number-{number:04}-of-many" for number in range(60)]
    assert redacted(text + known[7], known).endswith("[secret]")


def test_halves_of_characters_are_kept() -> None:
    assert redacted("\udcff %41 secret-word", ["secret-word"]) == "\udcff %41 [secret]"

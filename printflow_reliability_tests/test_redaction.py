"""No secret is shown, in whatever form it reaches a text, and no other text is lost."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.redaction import redacted
from printflow_reliability_tests.secret_forms import FORMS, WITHIN, WRAPPED, shown

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


@pytest.mark.parametrize("form", WITHIN)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_replaced_within_what_is_encoded_or_wrapped(secret: str, form: str) -> None:
    given = WITHIN[form](secret)
    text = redacted(f"cannot log in with {given} at db.example", [secret])

    assert text.startswith("cannot log in with ")
    assert text.endswith(" at db.example")
    assert _left(text, given) == []


LETTERED = [secret for secret in SECRETS if secret.isascii() and sum(map(str.isalnum, secret)) >= 14]


@pytest.mark.parametrize("form", WRAPPED)
@pytest.mark.parametrize("secret", LETTERED)
def test_a_secret_is_replaced_whatever_stands_between_its_letters(secret: str, form: str) -> None:
    given = WRAPPED[form](secret)
    text = redacted(f"cannot log in with {given} at db.example", [secret])

    assert text.startswith("cannot log in with ")
    assert text.endswith(" at db.example")
    assert _left(text, given) == []


def _left(text: str, given: str, least: int = 10) -> list[str]:
    """What of a form is still shown, in pieces of so many letters and digits; a beginning tells nothing."""
    plain, form = ("".join(filter(str.isalnum, each)) for each in (text, given[given.find(",") + 1 :]))
    behind = form[len(form) // 3 :] if len(form) > 3 * least else form
    return [behind[at : at + least] for at in range(len(behind) - least + 1) if behind[at : at + least] in plain]


CODED = st.binary(min_size=12, max_size=60)


@given(raw=CODED, text=texts)
def test_what_is_encoded_and_holds_no_secret_stays(raw: bytes, text: str) -> None:
    for coded in (base64.b64encode(raw).decode(), raw.hex(), base64.b64encode(text.encode()).decode()):
        assert (
            redacted(f"key {coded} is there", ["wJalrXUtnFEMI/K7MDENG", "hunter22-of-live"]) == f"key {coded} is there"
        )


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


@pytest.mark.parametrize(
    "line",
    [
        "tenants/7f3a91c2-0b5d-4411-8111-111111111111/orders/10482/print-ready.pdf\n",
        "a" * 1000,
        "0f" * 500,
        "YWJj" * 19 + "\n",
    ],
)
def test_a_large_text_that_looks_encoded_takes_no_longer_than_its_size(line: str) -> None:
    known = [f"secret-number-{number:04}-of-many" for number in range(20)]

    def seconds(size: int) -> float:
        began = time.process_time()
        redacted(line * (size // len(line)), known)
        return time.process_time() - began

    assert seconds(400_000) < 16 * seconds(50_000) + 1


def test_halves_of_characters_are_kept() -> None:
    assert redacted("\udcff %41 secret-word", ["secret-word"]) == "\udcff %41 [secret]"

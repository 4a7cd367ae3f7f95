"""Personal data and credentials are found by what they look like, and identifiers of this product stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.personal_data import without_personal_data

TENANT = "7f3a91c2-0b5d-4411-8111-111111111111"
PERSONAL = [
    "ada.lovelace@example.org",
    "ada+print%40example.org",
    "o'brien@mail.example.co.uk",
    "\u00e4da@m\u00fcller.example",
    "+49 30 1234567",
    "+44 (0)20 7946 0958",
    "0049-30-1234567",
    "%2B49301234567",
    "030/1234567",
    "0151 23456789",
    "01512345678",
    "(415) 555-2671",
    "415-555-2671",
    "06 12 34 56 78",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "5555555555554444",
    "378282246310005",
    "6011000990139424",
    "2223003122003222",
    "DE89 3704 0044 0532 0130 00",
    "GB82WEST12345698765432",
    "12 Example Street",
    "Musterstra\u00dfe 12",
    "221b Baker Street",
    "Bearer 0d1e6b7f4a11secrettoken",
    "Basic YXBwOmh1bnRlcjI=",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXX",
]
HARMLESS = [
    TENANT,
    f"tenants/{TENANT}/orders/10482/print-ready.pdf",
    "00000001000000020000004A",
    "0/5A000148",
    "20261128-172012F_20261128-180000I",
    "2026-11-28 17:20:12 UTC",
    "2026-11-28T17:20:12.123456+00:00",
    "order 10482 was paid 14 min ago",
    "printflow orders repair 10482",
    f"printflow files heal --tenant {TENANT} --apply",
    "1,284,113 rows in 41 tables",
    "1764350412123",
    "4111111111111112 bytes",
    "127.0.0.1:5432",
    "host db-1.example port 5433",
    "printflow-reliability@0.1.0+abcdef0",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "live_db repo1: full backup 20261128-172012F, 15 s old, 1.2 GB",
    'the column "email" of table users is not there',
    "the route refused the login (535)",
    "its certificate is not trusted: look at the ca_file of the route",
    "3 of 4 repositories have a recent, sound backup (oldest 15 s)",
    "100 200 300 400",
]


@pytest.mark.parametrize("personal", PERSONAL)
@pytest.mark.parametrize("text", ["the customer's {} is not taken", "{}", 'in "{}", here', "key=x {}"])
def test_personal_data_is_replaced(personal: str, text: str) -> None:
    said = without_personal_data(text.format(personal))
    assert personal not in said
    assert "[" in said


@pytest.mark.parametrize("text", HARMLESS)
def test_identifiers_stay(text: str) -> None:
    assert without_personal_data(text) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgresql://app:hunter2@db/shop", "hunter2"),
        ("https://0123456789abcdef@sentry.example/3", "0123456789abcdef"),
        ("DETAIL:  Failing row contains (1, Ada Lovelace, London).", "Ada"),
        ("DETAIL:  Key (name)=(Ada Lovelace) already exists.", "Ada"),
        ('invalid input syntax for type uuid: "Ada Lovelace"', "Ada"),
        ('CONTEXT:  COPY users, line 3, column name: "Ada Lovelace"', "Ada"),
        ("CONTEXT:  unnamed portal with parameters: $1 = 'Ada Lovelace'", "Ada"),
        ("{'street': 'Musterallee', 'city': 'Ada Town'}", "Ada"),
        ('{"first_name": "Ada", "order": 3}', "Ada"),
        ("password=hunter2 host=db", "hunter2"),
        ("X-Amz-Signature=00aa11bb22", "00aa11bb22"),
        ("Set-Cookie: session=abcdef123456", "abcdef123456"),
        ('{"api_key": "abc def"}', "abc"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAK\n", "MIIEpAIBAAK"),
        (f"Authorization: Bearer {TENANT}", TENANT),
    ],
)
def test_what_stands_where_data_stands_is_replaced(text: str, hidden: str) -> None:
    assert hidden not in without_personal_data(text)


@given(st.text(st.sampled_from("0123456789"), min_size=3, max_size=5), st.uuids())
def test_a_tenant_stays_whatever_stands_beside_it(number: str, tenant: object) -> None:
    assert str(tenant) in without_personal_data(f"order {number} of tenant {tenant}: {number} files")


@given(st.from_regex(r"[a-z][a-z0-9._+-]{0,20}@[a-z][a-z0-9-]{0,20}\.(com|org|de|co\.uk)", fullmatch=True))
def test_any_address_of_mail_is_replaced(address: str) -> None:
    assert address not in without_personal_data(f"row ({address}) is wrong")


@given(st.text(st.sampled_from("0123456789"), min_size=14, max_size=14), st.sampled_from(["", " ", "-", "."]))
def test_any_card_number_is_replaced(digits: str, between: str) -> None:
    number = f"4{digits}"
    odd = sum(sum(divmod(2 * int(digit), 10)) for digit in number[::-2])
    number += str(-(odd + sum(map(int, number[-2::-2]))) % 10)
    groups = between.join(number[start : start + 4] for start in range(0, 16, 4))
    assert groups not in without_personal_data(f"paid with {groups}, thank you")

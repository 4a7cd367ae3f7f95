"""Personal data and credentials are found by what they look like, and identifiers of this product stay."""

import time

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
ABROAD = [
    *('"ada lovelace"@example.org', "ada \uff20 example.org", "ada\uff20example.org", "ada@example\u3002org"),
    *("ada@exa\u200bmple.org", "a\u200bda@exam\u00adple.org", "ada(at)example.org", "ada [at] example [dot] org"),
    *(
        "ada=40example=2Eorg",
        "ada@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444",
        "\u7528\u6237@\u4f8b\u5b50.\u516c\u53f8",
    ),
    *("ada@xn--e1afmkfd.xn--p1ai", "\uff41\uff44\uff41@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.org"),
    *(
        "\uff0b\uff11 \uff14\uff11\uff15 \uff15\uff15\uff15 \uff12\uff16\uff17\uff11",
        "+49\u200930\u20091234567",
        "+49%2030%201234567",
    ),
    *(
        "+\u0664\u0669 \u0663\u0660 \u0661\u0662\u0663\u0664\u0665\u0666\u0667",
        "+49 (0)30 \u2013 1234567",
        "01.23.45.67.89",
    ),
    *(
        "8 (495) 123-45-67",
        "8-800-555-35-35",
        "(11) 91234-5678",
        "1-800-555-0199",
        "+81 3-1234-5678",
        "+7 (495) 123-45-67",
    ),
    *(
        "4111\u200b1111\u200b1111\u200b1111",
        "4111\u20131111\u20131111\u20131111",
        "4111_1111_1111_1111",
        "4111/1111/1111/1111",
    ),
    *("4111  1111  1111  1111", "4111%201111%201111%201111", "4111+1111+1111+1111", "4111\n1111\n1111\n1111"),
    *("3782 822463 10005", "\uff14" + "\uff11" * 15, "\u06f4" + "\u06f1" * 15),
    *("de89370400440532013000", "DE89-3704-0044-0532-0130-00", "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000"),
    *("PL61109010140000071219812874", "123-45-6789"),
    *(
        "12 Rue de la Paix",
        "12 bis, avenue Foch",
        "Via Roma, 12",
        "via Roma 12",
        "Calle de Alcal\u00e1 5",
        "C/ Mayor 5",
    ),
    *(
        "Rua Augusta 1500",
        "ul. Marsza\u0142kowska 10",
        "\u0443\u043b\u0438\u0446\u0430 \u041b\u0435\u043d\u0438\u043d\u0430, 10",
        "Lange Stra\u00dfe 12",
    ),
    *("Keizersgracht 123", "Kungsgatan 12", "350 5th Ave", "10 downing street", "P.O. Box 1234", "Postfach 12 34 56"),
    *("sk_test_4eC39HqLyjWDarjtT1zdp7dc", "whsec_4eC39HqLyjWDarjtT1zdp7dc", "rk_test_4eC39HqLyjWDarjtT1zdp7dc"),
    *(
        "AIzaSyA-1234567890abcdefghijklmnopqrstuv",
        "ya29.a0AfH6SMBx1234567890abcdef",
        "hvs.CAESIAbcdefghijklmnopqrstuvwxyz",
    ),
    *(
        "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    ),
    *(
        "pypi-AgEIcHlwaS5vcmcCJDEyMzQ1Njc4",
        "dop_v1_abcdef0123456789abcdef0123456789",
        "glsa_abcdefghijklmnopqrstuvwxyz012345_abcdef12",
    ),
    *(
        "shpat_abcdef0123456789abcdef0123456789",
        "sq0atp-abcdefghijklmnopqrstuv",
        "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
    ),
    *(
        "sntrys_eyJpYXQiOjE2",
        "dckr_pat_abcdefghijklmnopqrstuvwxyz0",
        "xoxe.xoxp-1-Mi0yLTEyMzQ1",
        "lin_api_abcdefghijklmnopqrstuv",
    ),
    *("discord.com/api/webhooks/123456/abcdef-ghijkl", "shop.webhook.office.com/webhookb2/aa@bb/IncomingWebhook/cc/dd"),
    *("api.telegram.org/bot123456:ABC-DEF/sendMessage", "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"),
]
"""Of other countries, scripts and services, and as forms, exports and logs write them."""
HARMLESS = [
    *(
        "connected via socket on port 5432",
        "reached via repo1 2",
        "took the place of order 10482",
        "held since 07-11-2026",
    ),
    *(
        "order 0123456789 is held",
        "Paid order 01512345678 must not go to print",
        "order:4111111111111111",
        "order #0012345678",
    ),
    *(
        "printflow orders check 0151234567",
        "printflow orders repair 0049123456789 --apply",
        "printflow alerts ack order:0151234567",
    ),
    *(
        "raised 02-03-2026 10:00",
        "offsets 100 200 300 4000",
        "xids 4100 4200 4300 4400 4500",
        "sizes 41 42 43 44 45 46 47",
    ),
    *(
        "token: missing",
        "auth: failed",
        "tokens: 3",
        "password: not set",
        "the token of route pager",
        "no password was given",
    ),
    *(
        "zip: not a file",
        "fax: no",
        "address: the socket /run/postgresql",
        "cannot bind address: 0.0.0.0:8080",
        "recipient: 3 of 4",
    ),
    *(
        "email: route pager refused every recipient",
        "customer: 3 of 4",
        "capacity: 3 GB",
        "authority: unknown",
        "author=printflow",
    ),
    *(
        "printflow@watch.service",
        "printflow-watch@1.service failed",
        "files (12) 2026-11-28",
        "0049 files",
        "+00:00",
        "GB29 files",
    ),
    *(
        "key uploads/img_4eC39HqLyjWDarjtT1zdp7dc.png",
        "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo",
    ),
    *(
        "000000010000000A000000FF",
        "1/2B3C4D5E6F",
        "d41d8cd98f00b204e9800998ecf8427e-12",
        "18446744073709551615",
        "npm_config_user_agent",
    ),
    *(
        "printflow_reliability/alerts/outbox.py:123",
        "arn:aws:s3:::print-files/x",
        "01HZY3V5T7Q9K2M4N6P8R0S2T4",
        "sk-1",
        "task-runner",
    ),
    *(
        "https://host:8080/a@b",
        "http://[::1]:8080/a@b",
        "the\u2013dash and \uff46ull width stay",
        "order 17 \u2013 2 files",
    ),
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


@pytest.mark.parametrize("personal", [*PERSONAL, *ABROAD])
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
        ("postgresql://app:hunt@er2@db/shop", "er2"),
        ("postgresql://app:hunt/er2@db/shop", "er2"),
        ("redis://:hunt/er2@cache:6379/0", "er2"),
        ("PGPASSWORD=hunter2 psql", "hunter2"),
        ("mypassword=hunter2", "hunter2"),
        ("clientSecret: hunter2", "hunter2"),
        ("AccountName=a;AccountKey=hunter2==;EndpointSuffix=x", "hunter2"),
        ("printer --password hunter2 --now", "hunter2"),
        ("['printer', '--api-token', 'hunter2']", "hunter2"),
        ("ALTER ROLE app PASSWORD 'hunter2'", "hunter2"),
        ("CREATE USER app WITH PASSWORD 'hun''ter2' LOGIN", "ter2"),
        ("billingAddress=Ada Road", "Ada"),
        ("shippingCity: Adatown", "Adatown"),
        ("date_of_birth=1815-12-10", "1815"),
        ("Customer(givenName='Ada', surname='Byron')", "Byron"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----", "lQOYBF"),
        ("DETAIL:  Fehlgeschlagene Zeile enth\u00e4lt (1, Ada Lovelace, London).", "Ada"),
        ("D\u00c9TAIL : La ligne en \u00e9chec contient (1, Ada Lovelace).", "Ada"),
        ("DETAIL:  Schl\u00fcssel \u00bb(name)=(Ada Lovelace)\u00ab existiert bereits.", "Ada"),
        ("ung\u00fcltige Eingabesyntax f\u00fcr Typ uuid: \u00bbAda Lovelace\u00ab", "Ada"),
        ("syntaxe en entr\u00e9e invalide pour le type uuid : \u00ab Ada Lovelace \u00bb", "Ada"),
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


LINES = [
    *(
        "Failing row contains (",
        "Key (",
        "parameters ",
        "invalid value ",
        "COPY x, line 1",
        "DETAIL: (",
        "printflow a b -a --c ",
    ),
    *(
        "a@",
        "1 ",
        "01 ",
        'password="',
        "--password ",
        "://a:",
        "a_",
        "eyJaaaaaaaa.",
        "via Roma ",
        "Aaa Bbb 1 ",
        "-----BEGIN PRIVATE KEY-----",
    ),
]


@pytest.mark.parametrize("line", LINES)
def test_a_hostile_text_takes_no_longer_than_its_size(line: str) -> None:
    def seconds(size: int) -> float:
        began = time.process_time()
        without_personal_data(line * (size // len(line)))
        return time.process_time() - began

    assert seconds(80_000) < 20 * seconds(10_000) + 0.5

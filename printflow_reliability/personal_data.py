"""Personal data and credentials in text of any origin, found by what they look like, and replaced.

No pattern knows a name: where names may stand, such as in an unexpected error, `defects.py` keeps the program's own
words only. UUIDs stay, since they are how tenants are named.
"""

import re
from collections.abc import Callable

UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9A-Za-z])", re.IGNORECASE)

AT = r"(?:@|%(?:25)*40|&#64;|&#x40;|\\+u0040|\\+x40)"
MAIL = re.compile(rf"(?<!\w)\w[\w.+!#$*~^'%-]{{0,80}}{AT}(?:(?:[\w-]{{1,63}}\.){{1,10}}[^\W\d_][\w-]+|\[[\d.:a-f]+\])")

FIELDS = (
    r"street|address(?:_?line)?_?\d?|city|zip(?:_?code)?|post(?:al)?_?code|phone(?:_?number)?|mobile|fax|e_?mail|iban|bic"
    r"|first_?name|last_?name|full_?name|customer(?:_?name)?|recipient|birth(?:day|_?date)|vat_?id|tax_?id|house_?number"
)
CREDENTIAL_FIELDS = (
    r"pass(?:word|wd|phrase)|pwd|secret|tokens?|api[_-]?keys?|(?:access|private)[_-]?keys?(?:[_-]id)?|authorization|auth"
    r"|cookies?|session(?:_?id)?|signature|credentials?|dsn|x-amz-[a-z-]+|csrf|sig"
)
VALUE = r"(\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s\"'&,;)\]}]+)"
KEYED_SECRET = re.compile(
    rf"(?<![A-Za-z0-9])((?:[a-z0-9]{{1,20}}[_.-]){{0,4}}(?:{CREDENTIAL_FIELDS})\\*[\"']?\s*(?:=|:(?=\s*\S))\s*){VALUE}",
    re.I,
)
KEYED_PERSON = re.compile(
    rf"(?<![A-Za-z0-9])((?:{FIELDS})\\*[\"']?\s*[=:]\s*)(\"[^\"]*\"?|'[^']*'?|[^,;&)\]}}\n]+)", re.I
)
CREDENTIALS = re.compile(r"(://)[^\s/@\"'<>]+(@)")
TOKENS = re.compile(
    r"(?P<jwt>\beyJ[\w-]{8,}(?:\.[\w-]*){0,2})"
    r"|(?<![A-Za-z])(?:bearer|basic|digest|negotiate)(?:\s|%20|\+)+(?!auth|tokens?\b)[\w.~+/=%-]{6,}"
    r"|\b(?:AKIA|ASIA|AROA|AIDA|ANPA)[A-Z0-9]{12,}\b"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|xapp-|sk_live_|rk_live_|pk_live_|sk-)[\w-]{8,}"
    r"|hooks\.slack\.com/(?:services|workflows|triggers)/\S+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.IGNORECASE,
)
SERVER_TEXT = re.compile(
    r"(Failing row contains )\((?s:.{0,20000})\)"
    r"|(Key \([^\n]*?\)=)\((?s:.{0,2000}?)\)(?= (?:already|is|conflicts|is still)|\s*$)"
    r"|((?:invalid (?:input |)(?:syntax|value|byte sequence)|out of range|malformed \w+ literal)[^:\n]*: )\"[^\n]*"
    r"|(COPY [^\n]*?, line \d+[^\n:]*: )\"[^\n]*"
    r"|((?:parameters?|portal)[^\n]*?\$\d+ = )[^\n]*",
    re.MULTILINE,
)
"""PostgreSQL quotes values of rows in its messages."""

BETWEEN = r"[ .\-\u00a0\u2009\u202f]?"
CARD = re.compile(rf"(?<![\w.])(?:\d{BETWEEN}){{12,18}}\d(?![\w])")
CARD_BEGINS = re.compile(r"4|5[0-9]|2[2-7]|3[0-9]|6[0-9]")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
PHONE = re.compile(
    r"(?<![\w+])(?:\+|%2B|00)[1-9](?:[ ./()\-\u00a0]{0,2}\d){6,13}(?!\w)"
    r"|(?<![\w.-])\(?[2-9]\d\d\)?[-. ]{1,2}\d{3}[-. ]\d{4}(?![\w.-])"
    r"|(?<![\w.,:/-])\(?0[1-9]\d{0,4}\)?[ /-]{1,3}\d{2,}(?:[ -]?\d{2,}){1,4}(?![\w:])"
    r"|(?<![\w.,:/-])0[1-9]\d{8,10}(?![\w.])",
    re.IGNORECASE,
)
STREET = re.compile(
    r"\b\d{1,5}[a-z]?\s+(?:[A-Z][\w'-]{0,40}\s+){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|"
    r"Way|Square|Place|Terrace|Close)\b\.?"
    r"|\b[^\W\d_][\w'-]{0,40}(?:stra\u00dfe|strasse|str\.|gasse|weg|platz|allee|laan|straat|gatan)\s+\d{1,5}\s?[a-z]?\b"
    r"|\b(?:rue|via|calle|avenida|avenue|place)\s+(?:[\w'-]{1,40}\s+){1,4}\d{1,5}\b|\b\d{1,5},?\s+(?:rue|avenue|place)\s+[\w'\s-]{3,40}"
)


def without_personal_data(text: str) -> str:
    """The text with e-mail addresses, phone and card numbers, addresses, tokens and values of rows replaced."""
    text = SERVER_TEXT.sub(lambda found: f"{next(filter(None, found.groups()))}[values]", text)
    text = CREDENTIALS.sub(r"\1[credentials]\2", text)
    text = TOKENS.sub("[token]", text)
    text = KEYED_SECRET.sub(lambda found: f"{found[1]}[token]", text)
    text = MAIL.sub("[e-mail address]", text)
    text = KEYED_PERSON.sub(lambda found: f"{found[1]}[personal]", text)
    return _between_uuids(text, _without_numbers)


def _without_numbers(text: str) -> str:
    text = IBAN.sub(lambda found: "[bank account]" if _is_iban(found[0]) else found[0], text)
    text = CARD.sub(lambda found: "[card number]" if _is_card(found[0]) else found[0], text)
    text = PHONE.sub("[phone number]", text)
    return STREET.sub("[address]", text)


def _between_uuids(text: str, change: Callable[[str], str]) -> str:
    parts: list[str] = []
    done = 0
    for found in UUID.finditer(text):
        parts += [change(text[done : found.start()]), found[0]]
        done = found.end()
    return "".join([*parts, change(text[done:])])


def _is_card(text: str) -> bool:
    """Whether the digits are those of a card: a known beginning, and the check digit of Luhn's formula."""
    digits = [int(character) for character in text if character.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    known = CARD_BEGINS.match("".join(map(str, digits))) is not None
    return known and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """Whether the check digits of ISO 13616 are right."""
    plain = text.replace(" ", "")
    moved = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(character, 36)) for character in moved)) % 97 == 1

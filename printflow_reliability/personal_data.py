"""Personal data and credentials in text of any origin, found by what they look like, and replaced.

No pattern knows a name: where names may stand, such as in an unexpected error, `defects.py` keeps the program's own
words only. UUIDs stay, since they are how tenants are named, and so do the numbers of orders.
"""

import re
from collections.abc import Callable

from printflow_reliability import credentials
from printflow_reliability.lookalikes import replaced

UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9A-Za-z])", re.IGNORECASE)
KEPT = re.compile(
    rf"{UUID.pattern}|\border[ :#]{{1,2}}[\w-]{{1,64}}(?![\w@.])|\bprintflow [a-z]+ [a-z-]+(?: [\w-]+)*+",
    re.IGNORECASE,
)
"""Identifiers of this product, whose numbers may look like those of people."""

AT = r"(?:@{1,2}|%(?:25)*40|=40|&#64;|&#x40;|\\+u0040|\\+x40|\s?[\[(](?:at|@)[\])]\s?)"
MAY_BE_MAIL = re.compile(rf"{AT}|[\uff20\ufe6b]", re.IGNORECASE)
DOT = r"(?:\.|\s?[\[(]dot[\])]\s?|=2E)"
UNITS = r"(?:service|socket|timer|target|mount|slice|scope|path)\b"
"""Of systemd, which has an @ in the names of some."""
MAIL = re.compile(
    rf"(?:(?<!\w)\w[\w.+!#$*~^'%-]{{0,80}}|\"[^\"\n@]{{1,64}}\")\s?{AT}\s?"
    rf"(?:(?:[\w-]{{1,63}}{DOT}){{1,10}}(?!{UNITS})[^\W\d_][\w-]+|\[[\d.:a-f]+\])",
    re.IGNORECASE,
)

FIELDS = (
    r"street|address(?:_?line)?_?\d?|city|zip(?:_?code)?|post(?:al)?_?code|phone(?:_?number)?|mobile|fax|iban|bic"
    r"|e_?mail(?:_?address)?|(?:first|last|full|given|family|maiden|nick|contact|customer)_?name|surname|customer"
    r"|recipient|consignee|birth(?:day|_?date)|date_?of_?birth|dob|(?:vat|tax|national)_?id|ssn"
    r"|passport(?:_?(?:no|number))?|house_?number"
)
SAID = (
    r"(?:no|not|none|null|yes|the|an?|is|was|of|in|route|server|missing|unknown|invalid|failed)\b(?!\s*,?\s*\d)"
    r"|\d+ of \d|\d{1,3}(?:\.\d{1,3}){3}\b|\[?[0-9a-f]*::?[0-9a-f:]*\]"
)
"""What a sentence says behind such a word and a colon: of an address of a server, say."""
KEYED = re.compile(
    rf"({credentials.HUMP}(?:{FIELDS})\\*[\"']?\s*(?:=|:(?!\s*(?:{SAID})))\s*)"
    r"(\"[^\"]*\"?|'[^']*'?|[^,;&)\]}\n]+)",
    re.I,
)
DETAIL = (
    "DETAIL|D\u00c9TAIL|DETALLE|DETTAGLI|DETALHE|DETALJ|SZCZEG\u00d3\u0141Y|AYRINTI|\u0414\u0415\u0422\u0410\u041b\u0406"
    "|\u041f\u041e\u0414\u0420\u041e\u0411\u041d\u041e\u0421\u0422\u0418"
)
"""What begins the line with the row, in the languages of PostgreSQL's messages."""
MARKS = (("\u00bb", "\u00ab"), ("\u00ab", "\u00bb"), ("\u201e", "\u201c"), ("\u201c", "\u201d"), ("\u300c", "\u300d"))
QUOTED = "|".join(f"{begin}[^\n{end}]*{end}" for begin, end in MARKS)
SERVER_TEXT = re.compile(
    r"(Failing row contains )\((?s:.{0,20000})\)"
    r"|(\([^()\n]{1,200}+\)=)\((?s:.{0,2000}?)\)(?=\W|\s*$)"
    r"|((?:invalid (?:input |)(?:syntax|value|byte sequence)|out of range|malformed \w{1,40} literal)[^:\n]{0,200}+: )"
    r"\"[^\n]*"
    r"|(COPY [^\n]{0,200}?, line \d+[^\n:]{0,200}+: )\"[^\n]*"
    r"|((?:parameters?|portal)[^\n]{0,200}?\$\d+ = )[^\n]*"
    # In other languages than English: the row of the detail, and a value in quotation marks of their own.
    rf"|(^(?:{DETAIL})\b[^\n(]{{0,200}})\((?s:.{{0,20000}})\)"
    rf"|(: ?)(?:{QUOTED})",
    re.MULTILINE,
)
"""PostgreSQL quotes values of rows in its messages."""

BETWEEN = r"(?:\s{1,2}|[-._/+]|%20)"
CARD = re.compile(
    rf"(?<![\w.])(?:\d{{13,19}}|\d{{4}}(?P<four>{BETWEEN})\d{{4}}(?P=four)\d{{4}}(?P=four)\d{{1,4}}(?:(?P=four)\d{{1,3}})?"
    rf"|\d{{4}}(?P<six>{BETWEEN})\d{{6}}(?P=six)\d{{4,5}})(?!\w)"
)
CARD_BEGINS = re.compile(r"4|5[0-9]|2[2-7]|3[0-9]|6[0-9]")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b|\b[a-z]{2}\d{2}[a-z0-9]{11,30}\b")
PHONE = re.compile(
    r"(?<![\w+])(?:\+|%2B)[1-9](?:(?:[ ./()-]|%20){0,3}\d){6,13}(?!\w)"
    r"|(?<![\w+])00[1-9](?:[ ./()-]{0,2}\d){8,13}(?!\w)"
    r"|(?<![\w.-])(?<!\d )\(?[2-9]\d\d\)?[-. ]{1,2}\d{3}[-. ]\d{4}(?![\w.-])(?! \d)"
    r"|(?<![\w.-])(?:\+?1|8)[-. ]\(?[2-9]\d\d\)?[-. ]\d{3}[-. ]\d\d[-. ]?\d\d(?![\w.-])"
    r"|(?<![\w.,:/-])\(\d{2,5}\) ?(?!(?:19|20)\d\d-\d\d-\d\d)\d{3,5}(?:[ -]\d{2,4}){1,2}(?![\w:])"
    r"|(?<![\w.,:/-])(?!\d\d-\d\d-\d{4}\b)(?=(?:\D{0,3}\d){9})\(?0[1-9]\d{0,4}\)?[ /-]{1,3}\d{2,}(?:[ -]?\d{2,}){1,4}"
    r"(?![\w:])"
    r"|(?<![\w.,:/-])0[1-9](?:\.\d\d){4}(?![\w.])"
    r"|(?<![\w.,:/-])0[1-9]\d{8,10}(?![\w.])",
    re.IGNORECASE,
)
SOCIAL_SECURITY = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
OF = r"(?:(?:de la|d[eiou]|del|della|dei|des|da|dos|las?|los|le)\s+|[dl]')?"
STREET = re.compile(
    r"\b\d{1,5}[a-z]?\s+(?:(?:[A-Z][\w'-]{0,40}|\d{1,3}(?:st|nd|rd|th))\s+){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive"
    r"|Dr|Boulevard|Blvd|Court|Way|Square|Place|Terrace|Close)\b\.?"
    r"|\b\d{1,5}[a-z]?\s+[a-z'-]{3,40}\s+(?:street|avenue|boulevard|lane|road)\b"
    r"|\b(?P<apart>[^\W\d_][\w'-]{1,40})\s+(?:Stra\u00dfe|Strasse|Str\.|Gasse|Weg|Platz|Allee)\s+\d{1,5}\s?[a-z]?\b"
    r"|\b(?i:rue|via|viale|piazza|corso|calle|c/|avenida|av\.|paseo|plaza|rua|pra\u00e7a|avenue|boulevard|place|ulica|ul\.|al\."
    r"|\u0443\u043b\u0438\u0446\u0430|\u0443\u043b\.|\u043f\u0440\u043e\u0441\u043f\u0435\u043a\u0442|\u043f\u0440\.)"
    rf"\s*{OF}(?P<behind>[^\W\d_][\w'-]{{0,40}})(?:\s+[\w'-]{{1,40}}){{0,3}},?\s+(?:n\u00b0|no\.|\u0434\.)?\s?\d{{1,5}}\b"
    r"|\b\d{1,5}(?:\s?(?:bis|ter))?,?\s+(?i:rue|avenue|boulevard|place|chemin|impasse|all\u00e9e|quai)\s+"
    rf"{OF}(?P<before>[^\W\d_][\w'-]{{1,40}})(?:[ -](?!\d)[\w'-]{{1,40}}){{0,3}}"
    r"|\b(?i:P\.? ?O\.? ?Box|Postfach|Apartado(?: de Correos)?|Casella postale)\s+\d[\d ]{0,10}\b"
)
JOINED = re.compile(r"\b([^\W\d_][\w'-]{2,60}+\.?)\s+\d{1,5}\s?[a-z]?\b")
ENDS = (
    *("stra\u00dfe", "strasse", "str.", "gasse", "weg", "platz", "allee", "damm", "laan", "straat", "gracht", "kade"),
    *("plein", "gatan", "v\u00e4gen", "gade", "vej", "veien", "katu"),
)
"""Of streets whose names are one word with what they are."""
NAMES = ("apart", "behind", "before")


def without_personal_data(text: str) -> str:
    """The text with e-mail addresses, phone and card numbers, addresses, tokens and values of rows replaced."""
    text = replaced(SERVER_TEXT, lambda found: f"{next(filter(None, found.groups()))}[values]", text)
    text = replaced(credentials.IN_ADDRESS, lambda _: "://[credentials]@", text)
    text = replaced(credentials.TOKENS, lambda _: "[token]", text)
    text = replaced(credentials.IN_SQL, lambda found: f"{found[1]}[token]", text)
    text = replaced(credentials.ARGUMENT, lambda found: f"{found[1]}[token]", text)
    text = replaced(credentials.KEYED, lambda found: f"{found[1]}[token]", text)
    if MAY_BE_MAIL.search(text):
        text = replaced(MAIL, lambda _: "[e-mail address]", text)
    text = replaced(KEYED, lambda found: f"{found[1]}[personal]", text)
    return _between_identifiers(text, _without_numbers)


def _without_numbers(text: str) -> str:
    text = replaced(IBAN, lambda found: _without_iban(found[0]), text)
    text = replaced(CARD, lambda found: "[card number]" if _is_card(found[0]) else found[0], text)
    text = replaced(PHONE, lambda _: "[phone number]", text)
    text = replaced(SOCIAL_SECURITY, lambda _: "[personal]", text)
    text = replaced(JOINED, lambda found: "[address]" if _is_joined(found[1]) else found[0], text)
    return replaced(STREET, lambda found: "[address]" if _is_street(found) else found[0], text)


def _between_identifiers(text: str, change: Callable[[str], str]) -> str:
    parts: list[str] = []
    done = 0
    for found in KEPT.finditer(text):
        parts += [change(text[done : found.start()]), found[0]]
        done = found.end()
    return "".join([*parts, change(text[done:])])


def _is_joined(name: str) -> bool:
    return name[0].isupper() and name.lower().endswith(ENDS)


def _is_street(found: "re.Match[str]") -> bool:
    """Whether a name of a street, if there is one, begins with a capital letter: `via repo1 2` is none."""
    name = next(filter(None, map(found.__getitem__, NAMES)), None)
    return name is None or name[0].isupper()


def _is_card(text: str) -> bool:
    """Whether the digits are those of a card: a known beginning, and the check digit of Luhn's formula."""
    digits = [int(character) for character in text.replace("%20", "") if character.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    known = 13 <= len(digits) <= 19 and CARD_BEGINS.match("".join(map(str, digits))) is not None
    return known and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _without_iban(text: str) -> str:
    """The text without the bank account that it begins with; words in capitals may stand behind that."""
    for end in range(len(text), 14, -1):
        if (end == len(text) or not text[end].isalnum()) and _is_iban(text[:end]):
            return f"[bank account]{text[end:]}"
    return text


def _is_iban(text: str) -> bool:
    """Whether the check digits of ISO 13616 are right."""
    plain = text.replace(" ", "").replace("-", "").upper()
    moved = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(character, 36)) for character in moved)) % 97 == 1

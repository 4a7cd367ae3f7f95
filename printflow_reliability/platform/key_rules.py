"""The rules of spelling of a `[[reference]]`, as SQL: the database makes the keys, sorts by them and looks them up.

They are applied one in a subquery of the other, so that none is computed twice for a row.
"""

from collections.abc import Mapping, Sequence
from functools import reduce

from psycopg import sql

from printflow_reliability.settings.references import SpellingRule

NEEDS_UTF8 = ("percent", "nfc", "nfd")
"""The rules that PostgreSQL follows in databases with the encoding UTF8 alone."""
PLAIN = "%(?:0[1-9A-Fa-f]|[1-7][0-9A-Fa-f])"
NEXT = "%[89ABab][0-9A-Fa-f]"
ENCODED = "|".join(
    (
        "[^%]",
        "%(?![0-9A-Fa-f]{2})",
        PLAIN,
        f"%(?:[Cc][2-9A-Fa-f]|[Dd][0-9A-Fa-f]){NEXT}",
        f"%[Ee]0%[ABab][0-9A-Fa-f]{NEXT}",
        f"%[Ee](?:[1-9A-Ca-c]|[E-Fe-f]){NEXT}{NEXT}",
        f"%[Ee][Dd]%[89][0-9A-Fa-f]{NEXT}",
        f"%[Ff]0%[9ABab][0-9A-Fa-f]{NEXT}{NEXT}",
        f"%[Ff][1-3]{NEXT}{NEXT}{NEXT}",
        f"%[Ff]4%8[0-9A-Fa-f]{NEXT}{NEXT}",
    )
)
"""A text of which every percent-encoded part is UTF-8 without NUL, as RFC 3629 has it; of others nothing is decoded."""
ENTITIES = (
    ("<", "lt|#0*60|#[xX]0*3[cC]"),
    (">", "gt|#0*62|#[xX]0*3[eE]"),
    ('"', "quot|#0*34|#[xX]0*22"),
    ("''", "apos|#0*39|#[xX]0*27"),
    ("`", "#0*96|#[xX]0*60"),
    ("=", "#0*61|#[xX]0*3[dD]"),
    ("+", "#0*43|#[xX]0*2[bB]"),
    ("/", "#0*47|#[xX]0*2[fF]"),
    ("&", "amp|#0*38|#[xX]0*26"),
)
"""What PHP, Python, Twig, Go, Ruby and JavaScript write for a character, which stands here as in a literal of SQL; the
last one makes what the others would read, so that nothing is decoded twice."""
UNESCAPED = reduce(lambda text, each: f"regexp_replace({text}, '&(?:{each[1]});', '{each[0]}', 'g')", ENTITIES, "key")
URL = "^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]+"
RULES: Mapping[SpellingRule, str] = {
    "trim": r"btrim(key, E' \t\r\n\f\u000b')",
    "html": f"CASE WHEN strpos(key, '&') > 0 THEN {UNESCAPED} ELSE key END",
    "url": f"""CASE WHEN key ~ '{URL}'
THEN ltrim(regexp_replace(regexp_replace(key, '{URL}', ''), '[?#].*$', ''), '/') ELSE key END""",
    "query_string": "regexp_replace(key, '[?].*$', '')",
    "backslash": r"replace(key, E'\\', '/')",
    "percent": f"""CASE WHEN key ~ '%[0-9A-Fa-f]{{2}}' AND key ~ '^(?:{ENCODED})*$' THEN (
SELECT convert_from(string_agg(CASE WHEN part[1] ~ '^%[0-9A-Fa-f]{{2}}$' THEN decode(substr(part[1], 2), 'hex')
ELSE convert_to(part[1], 'UTF8') END, ''::bytea ORDER BY place), 'UTF8')
FROM regexp_matches(key, '%[0-9A-Fa-f]{{2}}|[^%]+|%', 'g') WITH ORDINALITY AS parts (part, place)) ELSE key END""",  # noqa: S608 - constants of this module
    "plus": "replace(key, '+', ' ')",
    "leading_slash": "ltrim(key, '/')",
    "doubled_slash": "regexp_replace(key, '/{2,}', '/', 'g')",
    "lower_case": 'lower(key COLLATE "C") COLLATE "default"',
    "nfc": "normalize(key, NFC)",
    "nfd": "normalize(key, NFD)",
}
"""Each with the column `key`: what the rule before it made."""


def spelled(key: sql.Composable, strip: Sequence[str], rules: Sequence[SpellingRule]) -> sql.Composable:
    """A scalar subquery with the key as the bucket has it.

    Args:
        key: the expression of what the row says, as text.
        strip: prefixes, of which the longest that fits is taken away.
        rules: what is done after that, in this order.
    """
    if strip:
        longest_first = sorted(strip, key=len, reverse=True)
        cases = sql.SQL(" ").join(
            sql.SQL("WHEN starts_with(key, {}) THEN substr(key, {})").format(sql.Literal(prefix), len(prefix) + 1)
            for prefix in longest_first
        )
        key = _step(key, sql.SQL("CASE {} ELSE key END").format(cases))
    for rule in rules:
        key = _step(key, sql.SQL(RULES[rule]))
    return key


def _step(before: sql.Composable, after: sql.Composable) -> sql.Composable:
    # OFFSET 0 keeps the planner from putting the expression into each place where `after` has the key.
    return sql.SQL("(SELECT {} FROM (SELECT {} AS key OFFSET 0) AS step)").format(after, before)

"""Credentials in text of any origin, found by what they look like or by the name that they stand behind."""

import re

FIELDS = (
    r"pass(?:word|wd|phrase)s?|secrets?|tokens?|api[_-]?keys?|(?:access|account|private|secret|shared|signing|encryption)"
    r"[_-]?keys?(?:[_-]id)?|authorization|cookies?|signature|credentials?|x-amz-[a-z-]+"
)
SHORT_FIELDS = r"pwd|auth|session(?:_?id)?|dsn|csrf|sig|pin|otp"
"""Parts of other words, too: they count as words of their own only."""
HUMP = r"(?:(?<![A-Za-z0-9])|(?-i:(?<=[a-z0-9])(?=[A-Z])))"
"""Where a word begins, also in camelCase."""
SAID = (
    r"(?:missing|failed|wrong|invalid|none|null|not?|the|is|was|unknown|empty|required|expired|\d{1,4})\b"
    r"(?![-_@/+=.:\\])"
)
"""What a sentence says of a credential, and no credential."""
VALUE = r"(\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s\"'&,;)\]}]+)"
KEYED = re.compile(
    # Where no such sign follows, nothing is looked at twice.
    rf"(?<![A-Za-z0-9_.-])(?=[\w.-]{{3,200}}+\\*[\"']?\s*+[=:])([\w.-]{{0,80}}?(?:(?:{FIELDS})|{HUMP}(?:{SHORT_FIELDS}))\\*[\"']?\s*"
    rf"(?:=|:(?=\s*\S)(?!\s*{SAID}))\s*){VALUE}",
    re.I,
)
ARGUMENT = re.compile(
    r"((?<!\S)[\"'\[]{0,2}--?(?:[a-z0-9]+[-_])*(?:password|passphrase|secret|token|api-?key|(?:access|private)-?key)"
    r"(?:\s+|[\"'],\s*))(?!-)([\"']?[^\s\"',\]]+)",
    re.I,
)
IN_SQL = re.compile(r"(\bpassword\s+)'(?:[^']|'')*'?", re.I)
IN_ADDRESS = re.compile(
    r"(://)[^\s/\"'<>]{1,400}(@)"
    # A password that should have been percent-encoded, and was not; no port begins so.
    r"|(://)(?!\[)[^\s/:@\"'<>]{0,100}:(?!\d*[/?#])[^\s\"'<>]{0,400}(@)"
)
TOKENS = re.compile(
    r"(?P<jwt>\beyJ[\w-]{8,}(?:\.[\w-]*){0,4})"
    r"|(?<![A-Za-z])(?:bearer|basic|digest|negotiate)(?:\s|%20|\+)+(?!auth|tokens?\b)[\w.~+/=%-]{6,}"
    r"|\b(?:AKIA|ASIA|AROA|AIDA|ANPA)[A-Z0-9]{12,}\b"
    r"|\b(?:gh[pousr]_|github_pat_|gl(?:pat|dt|rt|ptt|soat|cbt|ft)-|xox[abceoprs](?:\.xox[a-z])?-|xapp-"
    r"|[srp]k_(?:live|test|prod)_|whsec_|sk-|sntry[a-z]_|dckr_[po]at_|nvapi-|sq0[a-z]{3}-|shp[a-z]{2}_|lin_api_|glsa_"
    r"|do[op]_v1_|dor_v1_|hv[sbr]\.|pypi-Ag|PMAK-|NRAK-|tskey-|sbp_|sb_secret_|age-secret-key-|rubygems_|ATATT|ATCTT)"
    r"[\w-]{8,}"
    r"|\b(?:npm_|hf_|figd_|gsk_|r8_|ntn_|AIza[\w-]{4}|EAAA)[A-Za-z0-9_-]{20,}"
    r"|\bya29\.[\w-]{12,}|\bSG\.[\w-]{16,}\.[\w-]{16,}"
    r"|\b(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
    r"|webhook\.office\.com/webhookb2|outlook\.office\.com/webhook|chat\.googleapis\.com/v1/spaces|hc-ping\.com"
    r"|api\.telegram\.org/bot)[^\s\"'<>]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\Z)"
    r"|\bPrivate-Lines: \d+\s(?s:.{0,5000})",
    re.IGNORECASE,
)
"""By the prefixes that services give them, so that whoever finds one knows what it is."""

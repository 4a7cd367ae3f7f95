"""Secrets and personal data of every kind, to be planted in rows and errors, and looked for where they must not be."""

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote

from hypothesis import strategies as st

from printflow_reliability_tests.secret_forms import FORMS, shown

NAMES = (
    "Adalberta Lovelacexi",
    "B\u00f6rje \u00c5ngstr\u00f6mq",
    "\u0410\u043d\u043d\u0430 \u041a\u0430\u0440\u0435\u043d\u0438\u043d\u0430",
)
"""Of customers that no code knows."""
PERSONAL = (
    "adalberta.lovelacexi@example.org",
    "+49 171 5550173",
    "4111 1111 1111 1111",
    "DE89370400440532013000",
    "17 Quixotic Street",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5OTg4NzcifQ.c2lnbmF0dXJlLW9mLWl0",
    "Bearer qx81-token-of-somebody-7",
    "AKIAIOSFODNN7EXAMPLE",
    "ftp://printer:qxpass77@files.example/in",
)
PARTS = (
    *(
        "Lovelacexi",
        "lovelacexi",
        "ngstr\u00f6mq",
        "\u041a\u0430\u0440\u0435\u043d\u0438\u043d\u0430",
        "5550173",
        "1111 1111",
        "0440532013000",
    ),
    *("Quixotic", "5OTg4NzcifQ", "qx81-token", "IOSFODNN7", "qxpass77"),
)
"""What of them must be found nowhere."""
TENANT = "7f3a91c2-0b5d-4411-8111-9d2c3b4a5e6f"


def everything(secrets: Iterable[str]) -> str:
    """All personal data, and all secrets as they are."""
    return f"{TENANT} | {' | '.join([*NAMES, *PERSONAL, *secrets])} |"


def texts(secrets: Iterable[str]) -> st.SearchStrategy[str]:
    """Texts with a name, some personal data and a secret in some form."""
    return st.builds(
        lambda name, personal, secret, form: f"row ({name}, {personal}, {FORMS[form](secret)}) of {TENANT}",
        st.sampled_from(NAMES),
        st.sampled_from(PERSONAL),
        st.sampled_from(sorted(secrets)),
        st.sampled_from(sorted(FORMS)),
    )


def leaks(text: str, secrets: Iterable[str], *, parts: Iterable[str] = PARTS) -> list[str]:
    """What is shown of the planted things, as it is, escaped, encoded or in part."""
    encoded = [part for part in parts if any(form in text for form in _written(part))]
    return encoded + [secret for secret in secrets if shown(text, secret, least=min(len(secret), 10))]


def _written(part: str) -> tuple[str, ...]:
    ascii_only = json.dumps(part)[1:-1]
    return part, ascii_only, quote(part), base64.b64encode(part.encode()).decode().rstrip("=")

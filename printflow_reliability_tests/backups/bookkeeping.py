"""Files of pgBackRest's bookkeeping for tests, with the checksum that each carries."""

import hashlib
import json


def info(*labels: str, note: str = "") -> str:
    lines = [
        f'[backup:current]\n{label}={{"a":1}}' if n == 0 else f'{label}={{"a":1}}' for n, label in enumerate(labels)
    ]
    return signed("\n".join([*lines, f'\n[db]\ndb-id=1\nnote="{note}"']))


def signed(text: str) -> str:
    """With the checksum that the file must carry, which the last line of an error tells."""
    sections: dict[str, dict[str, str]] = {"backrest": {"backrest-format": "5"}}
    current = sections["backrest"]
    for line in text.splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), {})
        elif line:
            key, _, value = line.partition("=")
            current[key] = value
    inner = ",".join(
        f'"{name}":{{' + ",".join(f"{json.dumps(key)}:{value}" for key, value in values.items()) + "}"
        for name, values in sections.items()
    )
    checksum = hashlib.sha1(f"{{{inner}}}".encode(), usedforsecurity=False).hexdigest()
    return f'[backrest]\nbackrest-format=5\nbackrest-checksum="{checksum}"\n\n{text}\n'

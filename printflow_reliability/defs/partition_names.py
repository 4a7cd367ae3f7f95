"""Names of partitions for identifiers from outside: Dagster refuses some characters, and one refusal ends a whole tick.

What it refuses is percent-encoded, as is the percent sign itself, so that each name stands for one identifier.
"""

from urllib.parse import unquote


def partition_of(identifier: str) -> str:
    """The name of the partition of an identifier, which must not be empty; `identifiers.kept` keeps it short."""
    name = "".join(char if char.isprintable() and char != "%" else _encoded(char) for char in identifier)
    return name.replace("...", "%2E%2E%2E")


def identifier_of(partition: str) -> str:
    """The identifier that a partition is named for."""
    return unquote(partition, errors="surrogatepass")


def _encoded(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode(errors="surrogatepass"))

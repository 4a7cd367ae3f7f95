"""`.env` files as phpdotenv and Node's dotenv read them: quotes, comments, interpolation, duplicates.

A value of a secret is never shown: what is known of it is whether it is there, and a keyed hash to compare it by.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from printflow_reliability.posture.checkout import Checkout, Unreadable

_KEY = secrets.token_bytes(32)
"""Of this process alone: a hash that leaves it says nothing about the value."""
_NAME = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=[ \t]*")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_.]*)\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}
_SHOWN = re.compile(r"\(?[A-Za-z][A-Za-z_.-]{0,23}\)?|\d{1,6}")
"""A word, such as a driver or a mode, or a small number: keys and passwords mix letters and digits."""
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASS|DSN|CREDENTIAL|URL|CERT|PRIVATE|SALT|SIGNATURE|AUTH")
_TRUE, _FALSE = frozenset({"true", "(true)", "1", "on", "yes"}), frozenset({"false", "(false)", "0", "off", "no", ""})
_NULL = frozenset({"null", "(null)"})


@dataclass(frozen=True)
class Variable:
    """A variable of an environment file, as its last line sets it."""

    name: str
    line: int
    value: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """A hash by which two values are compared; it is of use to this process only."""
        return hmac.digest(_KEY, self.value.encode("utf-8", "surrogatepass"), hashlib.sha256)

    @property
    def shown(self) -> str:
        """The value, where it can be no secret: neither by the variable's name nor by its form."""
        if not self.value:
            return "empty"
        hidden = _SECRET.search(self.name.upper()) or not _SHOWN.fullmatch(self.value)
        return "set, to a value that is not shown" if hidden else self.value

    @property
    def flag(self) -> bool | None:
        """The value as Laravel's `env()` understands words; None where it is neither."""
        word = self.value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE | _NULL else None


@dataclass(frozen=True)
class Environment:
    """What an environment file says.

    Attributes:
        path: the file in the checkout.
        variables: by name; of a name that is given twice the last one counts.
        duplicates: names that are given twice with different values, and the line of the second.
        malformed: lines that are no assignment.
        why_unknown: why the file could not be read; empty where it was.
    """

    path: str
    variables: Mapping[str, Variable] = field(default_factory=dict)
    duplicates: Mapping[str, int] = field(default_factory=dict)
    malformed: tuple[int, ...] = ()
    why_unknown: str = ""

    def get(self, name: str) -> Variable | None:
        """The variable, where the file sets it."""
        return self.variables.get(name)


def read_environment(checkout: Checkout, root: str) -> Environment:
    """The `.env` of the application in that directory of the checkout; one that cannot be read says why."""
    path = f"{root}/.env" if root else ".env"
    try:
        return parse(path, checkout.text(path))
    except Unreadable as refused:
        return Environment(path, why_unknown=str(refused))


def parse(path: str, text: str) -> Environment:
    """What a file with this text says."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    variables: dict[str, Variable] = {}
    duplicates: dict[str, int] = {}
    malformed: list[int] = []
    position = 0
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        end = _line_end(text, position)
        start = text[position:end].strip()
        if not start or start.startswith("#"):
            position = end + 1
            continue
        match = _NAME.match(text, position)
        if match is None or match.end() > end:
            malformed.append(line)
            position = end + 1
            continue
        name = match[1]
        value, position = _value(text, match.end(), variables)
        if value is None:
            malformed.append(line)
            continue
        variable = Variable(name, line, value)
        if (earlier := variables.get(name)) and earlier.value != value:
            duplicates[name] = line
        variables[name] = variable
    return Environment(path, variables, duplicates, tuple(malformed))


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _value(text: str, position: int, known: Mapping[str, Variable]) -> tuple[str | None, int]:
    """The value that begins there and where the next line does; None where its quotes never end."""
    end = _line_end(text, position)
    quote = text[position : position + 1]
    if quote == "'":
        close = text.find("'", position + 1)
        if close < 0:
            return None, end + 1
        return text[position + 1 : close], _line_end(text, close) + 1
    if quote == '"':
        return _double_quoted(text, position + 1, known)
    bare = re.split(r"(?:^|\s)#", text[position:end], maxsplit=1)[0].strip()
    return _interpolated(bare, known), end + 1


def _double_quoted(text: str, position: int, known: Mapping[str, Variable]) -> tuple[str | None, int]:
    found: list[str] = []
    began = position
    while position < len(text):
        character = text[position]
        if character == '"':
            return "".join(found), _line_end(text, position) + 1
        if character == "\\" and position + 1 < len(text):
            escaped = text[position + 1]
            found.append(_ESCAPES.get(escaped, "\\" + escaped))
            position += 2
        elif match := _REFERENCE.match(text, position):
            found.append(_resolved(match, known))
            position = match.end()
        else:
            found.append(character)
            position += 1
    return None, _line_end(text, began) + 1


def _interpolated(value: str, known: Mapping[str, Variable]) -> str:
    return _REFERENCE.sub(lambda match: _resolved(match, known), value)


def _resolved(match: re.Match[str], known: Mapping[str, Variable]) -> str:
    variable = known.get(match[1])
    return match[0] if variable is None else variable.value

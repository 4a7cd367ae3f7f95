"""Hostile paid orders, drawn at random: of each kind some member, with what the guard must say of it."""

import string
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple

from printflow_reliability_tests.stack.counter import FAILING, PDF, TENANTS, Counter, Row

FOLDER = f"guard/{TENANTS[0]}/"
INNER = "guard-inner"
ODD_PATHS: Sequence[tuple[str | None, str | None]] = (
    (INNER, f"{FOLDER}inner/"),
    ("twice", "guard/twice/1/"),
    ("twice", "guard/twice/2/"),
    ("alike", "guard/alike/"),
    ("alike as well", "guard/alike/"),
    ("bare", "guard/bare"),
    ("rooted", "/guard/rooted/"),
    ("nowhere", None),
    (None, "guard/nobody/"),
    ("", "guard/nameless/"),
)
"""Tenants that the base paths do not tell apart, and one whose path lies within another's."""
LETTERS = string.ascii_letters + string.punctuation + " \t\n\r\x0b\x0c\x01\x1b\x7f\u00df\u20ac\u202e\u0301\U0001f600"
READY = ""


class Hostile(NamedTuple):
    """The rows of one order, and parts of which one stands in the reason that it is held with; READY: it is not."""

    rows: tuple[Row, ...]
    says: str


Kind = Callable[[Random, Counter, str], Hostile]


def text(chance: Random, least: int = 1, most: int = 40) -> str:
    """Any characters that PostgreSQL keeps in text."""
    return "".join(chance.choices(LETTERS, k=chance.randint(least, most)))


def drawn(chance: Random, counter: Counter, kinds: Sequence[str]) -> dict[str, Hostile]:
    """One order of each of these kinds, by its number; the counter gets the objects that they need."""
    found = {}
    for kind in kinds:
        order = f"{kind} {chance.randrange(10**9)}"
        if kind.startswith("order"):
            order = f"{text(chance, 1, chance.choice((3, 700)))}{order}"
        found[order] = KINDS[kind](chance, counter, order)
    return found


def _time(chance: Random) -> str | None:
    years = f"{chance.randint(1, 4712):04}-06-01 BC", f"{chance.randint(2100, 294_275)}-01-01"
    return chance.choice(("infinity", "-infinity", None, "epoch", *years))


def _object(name: str, body: Callable[[Random], bytes], says: str) -> Kind:
    def made(chance: Random, counter: Counter, order: str) -> Hostile:
        key = counter.put(f"{chance.randrange(10**9)}/{name}.pdf", body(chance))
        return Hostile((Row(order, key=key),), says)

    return made


def _row(key: Callable[[Random], str | None], says: str, tenant: str | None = TENANTS[0]) -> Kind:
    return lambda chance, _, order: Hostile((Row(order, tenant, key(chance)),), says)


def _good(chance: Random) -> str:
    return f"{FOLDER}orders/{chance.randrange(12)}/print-ready.pdf"


def _spelled(chance: Random) -> str:
    """Another spelling of a key that is there."""
    key = _good(chance)
    spellings = (
        key.replace("orders/", "orders//"),
        key.replace("orders/", "orders\\"),
        key.replace("orders/", "orders%2F"),
        key.replace("orders/", "orders/./"),
        key.upper(),
        key.replace("print", "Print"),
        f"/{key}",
        f"{key} ",
        f" {key}",
        f"{key}/",
        f"{key}?v={chance.randrange(9)}",
        f"storage/{key}",
        f"https://cdn.example/{key}",
        f"s3://print-files/{key}",
    )
    return chance.choice(spellings)


def _climbing(chance: Random) -> str:
    return FOLDER + chance.choice(("../guard-b/a.pdf", "..", "a/../b.pdf", "..\\guard-b\\a.pdf", "../../x.pdf", "a/.."))


def _two_rows(chance: Random, counter: Counter, order: str) -> Hostile:
    """An order whose number comes twice: with an item that is not right, or for two tenants."""
    other = chance.choice((Row(order), Row(order, TENANTS[1], _good(chance)), Row(order, None, _good(chance))))
    says = {None: "whose order it is", TENANTS[1]: "outside its tenant's own path"}.get(other.tenant, "never linked")
    rows = [Row(order, key=_good(chance)), other._replace(paid_at=_time(chance))]
    chance.shuffle(rows)
    return Hostile(tuple(rows), says)


def _failing(chance: Random, counter: Counter, order: str) -> Hostile:
    row = chance.choice((*(Row(order, key=key) for key in FAILING), Row(order, key=_good(chance), paid_at="soon")))
    return Hostile((row,), "orders.paid fails on its rows: ")


KINDS: Mapping[str, Kind] = {
    "paid at an odd time": lambda chance, _, order: Hostile((Row(order, paid_at=_time(chance)),), "never linked"),
    "ready at an odd time": lambda chance, _, order: Hostile(
        (Row(order, key=_good(chance), paid_at=_time(chance)),), READY
    ),
    "order ready": _row(_good, READY),
    "order unlinked": _row(lambda _: None, "never linked"),
    "empty": _row(lambda _: "", "never linked"),
    "nobody's": _row(_good, "whose order it is cannot be told", None),
    "a stranger's": lambda chance, _, order: Hostile(
        (Row(order, f"stranger {text(chance)}", _good(chance)),), "no base path of its own"
    ),
    "of an odd tenant": lambda chance, _, order: Hostile(
        (Row(order, chance.choice([name for name, _ in ODD_PATHS[1:] if name is not None]), "guard/twice/1/a.pdf"),),
        "no base path of its own",
    ),
    "a neighbour's": _row(_good, "outside its tenant's own path", TENANTS[1]),
    "an inner neighbour's": _row(lambda _: f"{FOLDER}inner/a.pdf", "outside its tenant's own path"),
    "climbs": _row(_climbing, "outside its tenant's own path"),
    "a base path": _row(
        lambda chance: chance.choice((FOLDER, "guard/", "/", "guard")), "outside its tenant's own path"
    ),
    "long": _row(lambda chance: FOLDER + text(chance, 1100, 5000).replace(".", "-"), "not in the bucket"),
    "odd characters": _row(lambda chance: f"{FOLDER}{text(chance).replace('.', '-')}a", "not in the bucket"),
    "another spelling": _row(_spelled, "not in the bucket|outside its tenant's own path"),
    "twice": _two_rows,
    "failing": _failing,
    "sealed": lambda chance, counter, order: Hostile(
        (Row(order, key=counter.put_sealed(f"{chance.randrange(10**9)}/sealed.pdf")),),
        "cannot be read: the store answers",
    ),
    "HTML": _object("page", lambda _: b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "unusable"),
    "nothing": _object("nothing", lambda _: b"", "unusable"),
    "zeros": _object("zeros", lambda chance: bytes(chance.randint(1, 5000)), "unusable"),
    "noise": _object("noise", lambda chance: chance.randbytes(chance.randint(1, 5000)), "unusable"),
    "cut": _object("cut", lambda chance: PDF[: chance.randint(1, len(PDF) // 2)], "unusable"),
}

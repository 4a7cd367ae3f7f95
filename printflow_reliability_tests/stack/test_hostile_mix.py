"""Two platforms with hostile rows, keys, objects and tenants at random: all others are reconciled as before.

Every kind is drawn in each round, in members and at places that a seed decides. A seed that fails is named, and can be
added to `SEEDS`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.findings import Finding
from printflow_reliability_tests.stack.shelf import SEALED, TENANTS, Shelf, shelf_at
from printflow_reliability_tests.stack.shelf_site import Site, in_sandbox, on_foreign
from printflow_reliability_tests.stack.tampering import tampering

pytestmark = pytest.mark.stack

SEEDS: dict[str, tuple[int | None, ...]] = {
    "sandbox": (1, 2, 3, None),
    "foreign": (1, None),
    "legacy": (2, None),
}
"""For each platform the seeds, None for a fresh one; `legacy` is the foreign one with its rows in that database."""
ROUNDS = [
    pytest.param(platform, seed, marks=pytest.mark.exhaustive if seed not in (1, None) else ())
    for platform, seeds in SEEDS.items()
    for seed in seeds
]
WITHOUT_ENCODING = "legacy"
"""The foreign platform's database that keeps whatever bytes it is given."""
MARK = "hx"
"""In every key and id of a hostile member that has room for it."""
FOLDERS = [f"shops/{tenant}/{folder}" for tenant in TENANTS for folder in ("a", "m", "z")]
STATUSES = (400, 401, 403, 405, 409, 500, 501, 502, 503, 504)
CONTROL = "\x01\x02\x08\t\n\r\x0b\x1b\x1f\x7f\x85\u2028\u202e\ufffd\uffff"


def healthy(shelf: Shelf) -> None:
    """Files as they should be, and one of every ordinary trouble of each tenant."""
    for folder in FOLDERS:
        tenant = folder.split("/")[1]
        for name in ("1.pdf", "é 2.pdf", "~3.pdf"):
            shelf.stock(f"{folder}/{name}", tenant=tenant, size=8)
    for number, tenant in enumerate(TENANTS):
        own, neighbour = f"shops/{tenant}", f"shops/{TENANTS[number - 1]}"
        shelf.delete(shelf.stock(f"{own}/m/deleted.pdf", tenant=tenant))
        shelf.refer(f"{own}/m/lost.pdf", tenant=tenant)
        shelf.put(f"{own}/m/Spelled.pdf")
        shelf.refer(f"{own}/m/spelled.PDF", tenant=tenant)
        shelf.put(f"{neighbour}/secret of {tenant}.pdf")
        shelf.refer(f"{neighbour}/secret of {tenant}.pdf", tenant=tenant)
        shelf.stock(f"{own}/a/shorter.pdf", tenant=tenant, size=9)
        shelf.stock(f"{own}/z/another.pdf", tenant=tenant, md5="0" * 32)
        shelf.put(f"{own}/previews/1.png")
        shelf.refer(f"{own}/previews/", tenant=tenant)
        shelf.refer(f"{own}/emptied/", tenant=tenant)
        for folder in ("a", "z", "orphans"):
            shelf.put(f"{own}/{folder}/orphan.pdf")


@dataclass
class Mix:
    """What draws hostile members onto a shelf.

    Attributes:
        own: their keys that bear no mark.
        fails: the status with which the server answers for a key.
    """

    shelf: Shelf
    random: random.Random
    fails: dict[str, int]
    own: set[str] = field(default_factory=set)
    drawn: int = 0

    def name(self) -> str:
        """A file name that is nobody else's, and sorts anywhere."""
        self.drawn += 1
        return f"{self.random.choice('!0Mz~é😀')}{MARK}{self.drawn}"

    def place(self) -> str:
        """Where it lies: among the files of a tenant, or beside all of them."""
        return self.random.choice([*FOLDERS, "shops", "aside", "zz"])

    def key(self) -> str:
        """A key of an ordinary kind."""
        return f"{self.place()}/{self.name()}.pdf"

    def put_or_refer(self, key: str) -> None:
        """An object, a row that names it, or both."""
        what = self.random.choice(("put", "refer", "both"))
        if what != "refer":
            self.shelf.put(key)
        if what != "put":
            self.refer(key)

    def refer(self, key: str | None, **columns: object) -> None:
        """A row of a random tenant."""
        self.shelf.refer(key, **{"tenant": self.random.choice(TENANTS), **columns})


def control_characters(mix: Mix) -> None:
    key = mix.key()
    at = mix.random.choice([key.rindex("/") + 1, len(key) - 4])
    for char in mix.random.sample(CONTROL, mix.random.randint(1, 3)):
        mix.put_or_refer(key[:at] + char + key[at:])


def over_long(mix: Mix) -> None:
    char = mix.random.choice("x/é😀")
    mix.refer(f"{mix.place()}/{mix.name()}{char * mix.random.randint(1025, 3000)}")


def nothing(mix: Mix) -> None:
    key = mix.random.choice(["", " ", "\t", "/", "//", ".", "./", "%20", "\u200b", "?", "?v=3", "\\"])
    mix.own.add(key)
    mix.refer(key)


def too_wide(mix: Mix) -> None:
    tenant = mix.random.choice(TENANTS)
    spelling = mix.random.choice(["shops/", "/{}", "{}", "storage/{}", "https://cdn.example.com/{}", " {} ", "{}./"])
    key = spelling.format(f"shops/{tenant}/")
    if mix.random.random() < 0.5:
        key = key.upper().replace("/", mix.random.choice(["/", "//", "\\"]))
    mix.own.add(key)
    mix.refer(key)


def climbing(mix: Mix) -> None:
    up = mix.random.choice(["..", "%2e%2e", "%252e%252E", "..\\.."])
    mix.refer(f"{mix.place()}/{mix.name()}/{up}/{up}/x.pdf")


def spelled(mix: Mix) -> None:
    meant = mix.key()
    mix.shelf.put(meant)
    spelling = mix.random.choice(
        ["{}?v=3", "/{}", "storage/{}", " {}", "{}#", "https://cdn.example.com/x/{}", "{}/", "./{}"]
    )
    key = spelling.format(meant)
    mix.refer(
        mix.random.choice([key, key.upper(), key.replace("/", "//"), key.replace("/", "\\"), key.replace("/", "%2F")])
    )


def of_nobody(mix: Mix) -> None:
    key = mix.key()
    mix.put_or_refer(key)
    mix.refer(key, tenant=mix.random.choice([None, "", f"{MARK} unknown", "1 ", "1\n"]))


def of_several(mix: Mix) -> None:
    key = mix.key()
    for tenant in mix.random.choices([*TENANTS, None], k=3):
        mix.refer(key, tenant=tenant, owner=mix.random.choice(["the same", None]))
    mix.put_or_refer(key)


def elsewhere(mix: Mix) -> None:
    mix.refer(mix.key(), bucket=mix.random.choice(["nowhere", "", " ", "a\nb", "x" * 500, mix.shelf.bucket.upper()]))


def odd_owner(mix: Mix) -> None:
    key = mix.key()
    mix.put_or_refer(key)
    mix.refer(key, owner=mix.random.choice([None, "", "\x01\x1b[2J", "o" * 10_000, "\u202e"]))


def odd_knowledge(mix: Mix) -> None:
    key = mix.key()
    mix.shelf.put(key)
    texts: list[Any] = ["", " ", "x", "0" * 31, "0" * 32, "\n", "é" * 64, '"', "-2"]
    sizes: list[Any] = [-1, 0, 2**62]
    column = mix.random.choice(["size", "sha256", "md5", "etag"])
    mix.refer(key, **{column: mix.random.choice(sizes if column == "size" else texts)})


def soft_deleted(mix: Mix) -> None:
    mix.refer(mix.key(), soft_deleted=mix.random.choice([True, None]))


def no_key(mix: Mix) -> None:
    mix.refer(None)


def tenant(mix: Mix) -> None:
    path = mix.random.choice(
        [None, "", "/", f"/{MARK}/", MARK, "shops", "shops/", f"shops/1/{MARK}/", "..", f"{MARK}\n/"]
    )
    for _ in range(mix.random.randint(1, 2)):
        name = mix.random.choice([f"{MARK} {mix.name()}", None, f"{MARK}\n"])
        mix.shelf.admit(name, path)
    mix.refer(mix.key(), tenant=f"{MARK}\n")


def sealed(mix: Mix) -> None:
    key = mix.key()
    mix.shelf.put(key, **SEALED)
    if mix.random.random() < 0.8:
        known: list[dict[str, Any]] = [{}, {"size": 1}, {"md5": "0" * 32}, {"etag": "0" * 32, "size": 8}]
        mix.refer(key, **mix.random.choice(known))


def folder_marker(mix: Mix) -> None:
    key = f"{mix.place()}/{mix.name()}/"
    mix.shelf.put(key, b"")
    if mix.random.random() < 0.5:
        mix.refer(key)


def refused(mix: Mix) -> None:
    key = mix.random.choice([mix.key(), mix.key().replace("/", "//"), f"{mix.place()}/{mix.name()}/"])
    mix.fails[key] = mix.random.choice(STATUSES)
    if "//" not in key and mix.random.random() < 0.7:
        mix.shelf.put(key)
    if mix.random.random() < 0.7:
        known: list[dict[str, Any]] = [{}, {"size": 99}, {"md5": "0" * 32}]
        mix.refer(key, **mix.random.choice(known))


def emptied_versions(mix: Mix) -> None:
    key = mix.key()
    for body in (b"%PDF-1.4", b"", b"x"):
        mix.shelf.put(key, body)
    for _ in range(mix.random.randint(1, 3)):
        mix.shelf.delete(key)
    mix.refer(key)


KINDS: tuple[Callable[[Mix], None], ...] = (
    *(control_characters, over_long, nothing, too_wide, climbing, spelled, of_nobody, of_several, elsewhere),
    *(odd_owner, odd_knowledge, soft_deleted, no_key, tenant, sealed, folder_marker, refused, emptied_versions),
)


def told(findings: list[Finding], own: set[str]) -> set[tuple[object, ...]]:
    """What is said of all that is not hostile; of an orphan, only some ways of asking tell the version."""
    return {
        (finding.kind, finding.severity, finding.tenant, finding.key, finding.owner, finding.detail, finding.action)
        + ((finding.version_id,) if finding.kind != "orphan" else ())
        for finding in findings
        if not (
            finding.key in own
            or MARK in f"{finding.key}{finding.tenant}".lower()
            or (finding.key, finding.bucket) == (None, None)
        )
    }


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Site:
    """A platform by its name; only that which is needed is built."""
    if request.param == "sandbox":
        return in_sandbox(request.getfixturevalue("sandbox"))
    return on_foreign(request.getfixturevalue("foreign"), WITHOUT_ENCODING if request.param == "legacy" else None)


@pytest.mark.parametrize(("site", "seed"), ROUNDS, indirect=["site"], ids=lambda value: str(value or "fresh"))
def test_hostile_members_at_random_take_nobody_elses_answer_away(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int | None
) -> None:
    if seed is None:
        seed = random.SystemRandom().randrange(10**6)
    drawn, fails = random.Random(seed), dict[str, int]()
    # Few objects, and still every way of asking for many.
    monkeypatch.setattr("printflow_reliability.files.confirm_orphans.FEW", drawn.choice([3, 1000]))
    monkeypatch.setattr("printflow_reliability.files.confirm_mismatched.FEW", (1000, 0)[seed % 2])
    monkeypatch.setattr("printflow_reliability.storage.lookup.WORTH_A_LISTING", drawn.choice([2, 8]))
    monkeypatch.setattr("printflow_reliability.storage.clients.ATTEMPTS", 1)
    tenants = drawn.choice([None, ["1", "2"]])
    with shelf_at(site, f"hostile-mix-{seed}") as shelf, tampering(shelf.admin, fails) as endpoint:
        shelf.endpoint = endpoint
        healthy(shelf)
        before, found = shelf.findings(tmp_path, tenants=tenants)
        expected = told(found, set())
        assert len({kind for kind, *_ in expected}) == 7, "one of every kind but what could not be judged"

        mix = Mix(shelf, drawn, fails)
        members = [kind for kind in KINDS for _ in range(drawn.randint(1, 2))]
        drawn.shuffle(members)
        for draw in members:
            draw(mix)
        after, found = shelf.findings(tmp_path, tenants=tenants)

    assert told(found, mix.own) == expected, f"seed {seed}"
    outcomes = [{check.check: check.outcome for check in report.checks} for report in (before, after)]
    assert outcomes[0] == outcomes[1], f"seed {seed}: what fails for certain goes on to fail"
    assert after.references > before.references

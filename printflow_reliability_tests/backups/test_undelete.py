"""What became of a repository's files since a moment, and what brings them back: against a model of a bucket."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.backups.undelete.bookkeeping import Bookkeeping, chosen, is_whole, steps_to, whole_versions
from printflow_reliability.backups.undelete.history import Since, Step, Way, since
from printflow_reliability.backups.undelete.plan import NOTHING, RepositoryPlan
from printflow_reliability.backups.undelete.undelete import Undeleted, UndeleteReport
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError
from printflow_reliability.storage.version_listing import Entry
from printflow_reliability_tests.backups.bookkeeping import info

BEGAN = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
PREFIX = "repo2/"
WAL = f"{PREFIX}archive/main/15-1/0000000100000000/00000001000000000000000A-0a1b.zst"
FULL = f"{PREFIX}backup/main/20261101-030000F"


@dataclass
class Bucket:
    """A versioned bucket: each key's entries, newest first, made a second apart."""

    now: datetime = BEGAN
    keys: dict[str, list[Entry]] = field(default_factory=dict)
    made: int = 0

    def put(self, key: str, etag: str, size: int = 1) -> str:
        return self._add(Entry(key, self._next(), self.now, size, etag))

    def delete(self, key: str) -> str:
        return self._add(Entry(key, self._next(), self.now, marker=True))

    def current(self) -> dict[str, tuple[int, str]]:
        """What a plain listing shows."""
        tops = {key: entries[0] for key, entries in self.keys.items() if entries}
        return {key: (top.size, top.etag) for key, top in tops.items() if not top.marker}

    def entries(self) -> Iterator[Entry]:
        for key in sorted(self.keys):
            for number, entry in enumerate(self.keys[key]):
                yield replace(entry, latest=number == 0)

    def carry_out(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if step.way is Way.COPY_VERSION:
                self.put(step.key, step.version.etag, step.version.size)
            else:
                left = [entry for entry in self.keys[step.key] if entry.version_id not in step.markers]
                assert all(entry.marker for entry in self.keys[step.key] if entry not in left)  # never what holds bytes
                self.keys[step.key] = left

    def _add(self, entry: Entry) -> str:
        self.keys.setdefault(entry.key, []).insert(0, entry)
        return entry.version_id

    def _next(self) -> str:
        self.made += 1
        self.now += timedelta(seconds=1)
        return f"v{self.made}"


def look(bucket: Bucket, before: datetime) -> Since:
    return since(bucket.entries(), before, PREFIX)


@pytest.mark.parametrize("seed", range(200))
def test_the_listing_of_a_moment_comes_back_and_what_is_newer_stays(seed: int) -> None:
    chance = random.Random(seed)
    bucket = Bucket()
    keys = [f"{PREFIX}archive/main/15-1/{name}" for name in "abcdef"]
    keys += [f"{FULL}/backup.manifest", f"{FULL}/pg_data/base.zst"]
    before, then, held = bucket.now, bucket.current(), set[str]()
    moment = chance.randrange(25)
    for number in range(40):
        if number == moment:
            before, then = bucket.now + timedelta(seconds=1), bucket.current()
        key = chance.choice(keys)
        bucket.delete(key) if chance.random() < 0.4 else bucket.put(key, chance.choice("xyz"))
    now = bucket.current()
    held = {entry.version_id for entry in bucket.entries() if not entry.marker}

    found = look(bucket, before)
    bucket.carry_out(found.steps)

    after = bucket.current()
    unfinished = f"{FULL}/backup.manifest" not in then
    for key in keys:
        if key in then and not (unfinished and key.startswith(FULL) and key in now):
            assert after[key] == then[key]
        else:
            assert after.get(key) == now.get(key)
    assert held <= {entry.version_id for entry in bucket.entries()}
    assert look(bucket, before).steps == ()


def test_each_kind_of_damage_is_counted_as_what_it_is() -> None:
    bucket = Bucket()
    for name in ("kept", "deleted", "twice", "overwritten", "both"):
        bucket.put(f"{WAL}{name}", "sound")
    before = bucket.now + timedelta(seconds=1)
    bucket.put(f"{WAL}new", "sound")
    bucket.put(f"{WAL}gone", "sound")
    for name in ("deleted", "twice", "twice", "gone"):
        bucket.delete(f"{WAL}{name}")
    bucket.put(f"{WAL}overwritten", "garbage")
    bucket.put(f"{WAL}both", "garbage")
    bucket.delete(f"{WAL}both")
    bucket.put(f"{WAL}kept", "sound")  # the same bytes again

    found = look(bucket, before)
    ways = {step.key.removeprefix(WAL): (step.way, len(step.markers)) for step in found.steps}
    assert ways == {
        "deleted": (Way.REMOVE_MARKERS, 1),
        "twice": (Way.REMOVE_MARKERS, 2),
        "overwritten": (Way.COPY_VERSION, 0),
        "both": (Way.COPY_VERSION, 0),
    }
    assert (found.there, found.newer, found.made_and_deleted) == (1, 1, 1)


def test_a_backup_that_was_finished_since_keeps_its_newer_bytes() -> None:
    bucket = Bucket()
    bucket.put(f"{FULL}/pg_data/1.zst", "of the first try")
    before = bucket.now + timedelta(seconds=1)
    bucket.put(f"{FULL}/pg_data/1.zst", "of the second")
    bucket.put(f"{FULL}/backup.manifest", "of the second")
    found = look(bucket, before)
    assert found.steps == ()
    assert found.labels == {"20261101-030000F"}


def test_a_file_is_whole_only_with_the_checksum_of_its_content() -> None:
    text = info("20261101-030000F", "20261102-030000F")
    assert is_whole(text)
    for damaged in (
        text.replace('"a":1', '"a":2', 1),
        text.replace("20261102", "20261103"),
        text[:-20],
        text + "\nmore=1\n",
        "",
        "<html>no such bucket</html>",
        "\ufffd\ufffd=\x00",
        text.replace("backrest-checksum", "checksum"),
    ):
        assert not is_whole(damaged)


@pytest.mark.parametrize(
    ("newest_first", "labels", "expected"),
    [
        # The newest, where it knows all that is there; and where it knows none of what nobody has.
        ([info("a", "b", "c"), info("a", "b")], {"a", "b", "c"}, 0),
        ([info("a"), info("a", "gone")], {"a"}, 0),
        # A backup that was made since and deleted too: pgBackRest would restore it, if it were listed.
        ([info("a", "made since"), info("a")], {"a"}, 1),
        # An intruder expired the backups with pgBackRest itself: a whole file that forgets them.
        ([info("c"), info("a", "b", "c"), info("a", "b")], {"a", "b", "c"}, 1),
        ([info(note="new"), info(note="old")], set(), 0),
        ([], {"a"}, None),
    ],
)
def test_the_newest_file_that_knows_the_most_backups_is_chosen(
    newest_first: list[str], labels: set[str], expected: int | None
) -> None:
    whole = [Bookkeeping(Entry("k", f"v{n}", BEGAN - timedelta(n)), text) for n, text in enumerate(newest_first)]
    assert chosen(whole, frozenset(labels), BEGAN) == (None if expected is None else whole[expected])


def test_the_file_and_its_copy_become_the_same_whole_version() -> None:
    bucket = Bucket()
    texts: dict[str, str | None] = {}
    main, copy = f"{PREFIX}backup/main/backup.info", f"{PREFIX}backup/main/backup.info.copy"
    for key in (main, copy):
        texts[bucket.put(key, f"{key} 1")] = info("a")
        texts[bucket.put(key, f"{key} 2")] = info("a", "b")
    texts[bucket.put(main, "garbage", 9)] = None
    bucket.delete(copy)
    (histories,) = look(bucket, BEGAN).bookkeeping.values()

    whole = whole_versions(histories, lambda entry: texts[entry.version_id], bucket.now)
    choice = chosen(whole, frozenset("ab"), bucket.now)
    assert choice is not None
    assert choice.text == info("a", "b")
    steps = steps_to(choice, whole, histories)
    assert {(step.key, step.way) for step in steps} == {(main, Way.COPY_VERSION), (copy, Way.REMOVE_MARKERS)}
    for step in steps:
        if step.way is Way.COPY_VERSION:
            texts[f"v{bucket.made + 1}"] = texts[step.version.version_id]
        bucket.carry_out([step])
    assert {texts[bucket.keys[key][0].version_id] for key in (main, copy)} == {info("a", "b")}
    (histories,) = look(bucket, BEGAN).bookkeeping.values()
    whole = whole_versions(histories, lambda entry: texts[entry.version_id], bucket.now)
    assert steps_to(whole[0], whole, histories) == []


def plan(
    *, cannot: PrintflowError | None = None, damaged: bool = False, problems: tuple[str, ...] = ()
) -> RepositoryPlan:
    step = Step("k", Way.REMOVE_MARKERS, Entry("k", "v1", BEGAN, 1), ("v2",))
    return RepositoryPlan("main", 1, "b", (step,) if damaged else (), NOTHING, problems, cannot)


UNVERSIONED, UNREACHABLE = ConfigError("versioning was never enabled"), CouldNotTell("no answer")


@pytest.mark.parametrize(
    ("plans", "code"),
    [
        ([plan()], 0),
        ([plan(), plan(cannot=UNVERSIONED)], 0),
        ([plan(damaged=True), plan(cannot=UNREACHABLE)], 1),
        ([plan(problems=("no version of backup/main/backup.info is whole",))], 1),
        ([plan(cannot=UNVERSIONED)], 2),
        ([plan(), plan(cannot=UNREACHABLE)], 2),
    ],
)
def test_a_repository_that_could_not_be_asked_is_never_called_whole(plans: list[RepositoryPlan], code: int) -> None:
    assert UndeleteReport(BEGAN, tuple(plans)).exit_code == code


@pytest.mark.parametrize(
    ("done", "outcome", "code"),
    [
        (Undeleted(plan(damaged=True), 1, verdict=(Outcome.PASS, "every file is whole")), Outcome.PASS, 0),
        (Undeleted(plan(damaged=True), 1, verdict=(Outcome.FAIL, "one is damaged")), Outcome.FAIL, 1),
        (Undeleted(plan(damaged=True), 0, failed=(("k", "AccessDenied"),)), Outcome.FAIL, 1),
        (Undeleted(plan(), 0, meanwhile=("k",), verdict=(Outcome.PASS, "")), Outcome.FAIL, 1),
        (Undeleted(plan(damaged=True), 1), Outcome.UNKNOWN, 2),
        (Undeleted(plan(damaged=True), 1, verdict=(Outcome.UNKNOWN, "no answer")), Outcome.UNKNOWN, 2),
    ],
)
def test_only_a_repository_that_verifies_is_called_back(done: Undeleted, outcome: Outcome, code: int) -> None:
    assert done.outcome is outcome
    assert UndeleteReport(BEGAN, (done.plan,), (done,)).exit_code == code

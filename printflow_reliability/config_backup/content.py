"""Was the newest copy of the configuration read whole lately, and was it good? Judged by the records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict, answer
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.config_backup.judgement import AGAIN
from printflow_reliability.config_backup.manifest import Copies
from printflow_reliability.config_backup.store import open_store, required, stored_in
from printflow_reliability.config_backup.verifications import Verification, Verifications, newest
from printflow_reliability.dumps.content import ContentReport
from printflow_reliability.dumps.dump import Clock, utc_now
from printflow_reliability.locked_objects.newest import Promise, never_verified, verification_trouble
from printflow_reliability.settings import ConfigBackupSettings, Settings

CHECK = "config.content"
VERIFY = "on the machine that has the identity: printflow config verify"
WHAT = "the copies of the configuration"


@dataclass(frozen=True)
class KnownContent:
    """What a judgement of contents goes by: the section, what lies in the bucket, what was verified, the time."""

    section: ConfigBackupSettings
    copies: Copies
    verifications: Verifications
    now: datetime


def judge_content(settings: Settings, *, clock: Clock = utc_now) -> ContentReport:
    """Judge the copies of this machine by what the records know of their verification.

    Raises:
        ConfigError: no copies are configured.
        CouldNotTell: the bucket does not answer.
    """
    section, _ = required(settings)
    copies = stored_in(open_store(settings), section.name)
    try:
        known = KnownContent(section, copies, newest(settings, section.name), clock())
    except TROUBLE as away:
        return ContentReport((CheckResult(CHECK, Outcome.UNKNOWN, away.sentence),))
    return ContentReport((content_answer([content_verdict(known)], known),))


def content_answer(verdicts: Sequence[ClusterVerdict], known: KnownContent | None) -> CheckResult:
    """The answer of config.content; its numbers are of what the records know, where they could be asked."""
    found = None if known is None else _newest_verified(known)
    numbers: dict[str, int | float] = {}
    if known is not None and found is not None:
        numbers["verified_config_seconds"] = round(max((known.now - found.verified_at).total_seconds(), 0), 1)
    said = "; ".join(dict.fromkeys(verdict.sentence for verdict in verdicts))
    return answer(CHECK, verdicts, numbers, nothing_wrong=said, clusters=None)


def content_verdict(known: KnownContent) -> ClusterVerdict:
    """The verdict on the newest copy that was verified.

    A copy that was taken after it need not have been verified yet: it is that verification's age that must keep to the
    schedule. One of an old copy does not renew it.
    """
    whole = [copy.manifest for copy in known.copies.copies if copy.present]
    if not whole:
        return ClusterVerdict(Outcome.UNKNOWN, f"there is no copy to be verified; {AGAIN}")
    promise = Promise(known.section.max_verification_age_seconds, known.now, VERIFY)
    found = _newest_verified(known)
    if found is None:
        return never_verified(whole[0].taken_at, promise, what=WHAT)
    trouble = verification_trouble(found, promise, what=WHAT, another=AGAIN)
    return ClusterVerdict(Outcome.PASS, found.detail) if trouble is None else trouble


def _newest_verified(known: KnownContent) -> Verification | None:
    """What was found of the newest copy that was verified; copies that are gone count no more."""
    for copy in reversed(known.copies.copies):
        found = known.verifications.get((copy.manifest.key, copy.manifest.version_id))
        if copy.present and found is not None:
            return found
    return None

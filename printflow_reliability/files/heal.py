"""Bring missing objects back: from a prior version, or from the replica. Nothing that is there is ever replaced.

What to heal is what a reconciliation finds missing and restorable, asked anew; each object is looked for once more just
before it is written, and read back afterwards. A run that was killed is simply run again.
"""

from collections.abc import Collection, Sequence

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.heal_plan import Chosen, plan
from printflow_reliability.files.heal_report import HealReport, HealStatus, ordered
from printflow_reliability.files.heal_write import carry_out
from printflow_reliability.files.new_objects import may_write
from printflow_reliability.files.parts import abort_begun
from printflow_reliability.files.retrieval import ask
from printflow_reliability.progress import Advance
from printflow_reliability.records import erasures
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.settings import Settings

LOCK = "file healing"


@operation("healing")
def heal(
    settings: Settings,
    *,
    tenants: Sequence[str] | None = None,
    chosen: Chosen | None = None,
    apply: bool = False,
    advance: Advance | None = None,
) -> HealReport:
    """Find what is missing, and bring back what can be.

    Args:
        settings: the whole file.
        tenants: only these tenants' files, by id; None for all.
        chosen: only this key, and from what a person chose; None for all keys.
        apply: write; otherwise only plan.
        advance: hears how many objects were dealt with.

    Raises:
        ConfigError: a bucket has no credentials that may write.
        LockHeld: somebody else is healing, or records an erasure.
        CouldNotTell: a database or a bucket is unreachable.
    """
    if not apply:
        with open_records(settings.records) as records:
            erased = erasures.in_force(records)
        planned = plan(settings, tenants, chosen, erased)
        return HealReport(False, ordered(planned.actions), planned.unknown)
    require_healers(settings)
    with open_records(settings.records) as records, exclusive(records, LOCK):
        abort_begun(settings, records)
        erased = erasures.in_force(records)  # none is recorded while the lock is held
        planned, done = plan(settings, tenants, chosen, erased), []
        # A reference query may name buckets row by row.
        require_healers(settings, {action.bucket for action in planned.actions})
        for number, action in enumerate(planned.actions, 1):
            if action.deed is HealStatus.PLANNED:
                done.append(carry_out(settings, records, action))
            else:
                done.append(ask(settings, action) if action.deed is HealStatus.RETRIEVE else action)
            if advance is not None:
                advance(number)
    return HealReport(True, ordered(done), planned.unknown)


def require_healers(settings: Settings, buckets: Collection[str] = ()) -> None:
    """Raises:
    ConfigError: one of these buckets, or one that references point into, has no credentials to heal it with.
    """
    used = {*buckets, *(reference.bucket for reference in settings.reference)}
    for index, bucket in enumerate(settings.bucket):
        if bucket.name in used and not may_write(bucket):
            raise ConfigError(
                f"bucket[{index}].heal_access_key_id: is missing, and --apply needs a key that may write to "
                f'bucket "{bucket.name}"',
                'heal_access_key_id = "env:NAME" and heal_secret_access_key = "env:NAME" in its [[bucket]]',
            )

"""Objects that were overwritten after a moment: a database that stands at that moment means the version of then."""

from collections.abc import Iterable
from datetime import datetime

from printflow_reliability.files.presence import Presence, in_parallel
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.platform.catalog import Catalog, Reference

KIND = "overwritten"


def overwritten(present: Presence, catalog: Catalog, rewritten: Iterable[Reference], moment: datetime) -> list[Finding]:
    """Those of the rewritten objects that were there at the moment, each with its version of then.

    An object whose first version is younger than the moment is no finding: the reference of then had none yet.
    """

    def ask(reference: Reference) -> str | None:
        then = present.version_at(reference.key, moment)
        now = present.head(reference.key)
        return then.version_id if then is not None and now is not None and then.version_id != now.version_id else None

    names = {entry.index: entry.settings.name for entry in catalog.entries}
    return [
        Finding(
            kind=KIND,
            severity=Severity.WARNING,
            tenant=reference.tenant,
            bucket=present.bucket.name,
            key=reference.key,
            version_id=version,
            reference=names[reference.entry],
            owner=reference.owner,
            detail=f"the object was overwritten after {moment:%Y-%m-%d %H:%M:%S} UTC; the version of then is kept",
            action=f"copy version {version} of {reference.key} over the current one",
        )
        for reference, version in in_parallel(ask, rewritten)
        if version is not None
    ]

"""Objects that were overwritten after a moment: a database that stands at that moment means the version of then."""

from collections.abc import Iterable
from datetime import datetime

from printflow_reliability.files.presence import KeyRefused, Presence, in_parallel
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.platform.catalog import Catalog, Reference
from printflow_reliability.storage.single_keys import Refusal

KIND = "overwritten"


def overwritten(present: Presence, catalog: Catalog, rewritten: Iterable[Reference], moment: datetime) -> list[Finding]:
    """Those of the rewritten objects that were there at the moment, each with its version of then.

    An object whose first version is younger than the moment is no finding: the reference of then had none yet. One that
    the store does not tell of may have been overwritten.
    """

    def ask(reference: Reference) -> str | Refusal | None:
        try:
            then = present.version_at(reference.key, moment)
            now = present.head(reference.key)
        except KeyRefused as refused:
            return refused.refusal
        return then.version_id if then is not None and now is not None and then.version_id != now.version_id else None

    names = {entry.index: entry.settings.name for entry in catalog.entries}
    when = f"{moment:%Y-%m-%d %H:%M:%S} UTC"

    def finding(reference: Reference, version: str | Refusal) -> Finding:
        detail = f"the object was overwritten after {when}; the version of then is kept"
        action = f"copy version {version} of {reference.key} over the current one"
        if isinstance(version, Refusal):
            detail = f"the object was written after {when}; its version of then cannot be told: {version.reason}"
            action = "look at this object by hand"
        return Finding(
            kind=KIND,
            severity=Severity.WARNING,
            tenant=reference.tenant,
            bucket=present.bucket.name,
            key=reference.key,
            version_id=None if isinstance(version, Refusal) else version,
            reference=names[reference.entry],
            owner=reference.owner,
            detail=detail,
            action=action,
        )

    found = in_parallel(ask, rewritten)
    return [finding(reference, version) for reference, version in found if version is not None]

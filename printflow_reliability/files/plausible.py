"""What looks like a misconfiguration is not reported as a loss: an empty bucket, or too many files missing at once."""

from printflow_reliability.errors import Refused
from printflow_reliability.files.scan import Candidates, Scope
from printflow_reliability.settings import Settings

FEW_REFERENCES = 20
"""With fewer references than this, any fraction of them may be missing without looking like a misconfiguration."""


def require_plausible(settings: Settings, bucket: str, scope: Scope, found: Candidates) -> None:
    """Raises:
    Refused: what was seen looks like a misconfiguration rather than a loss.
    """
    few = scope.tenant is not None and found.references < FEW_REFERENCES
    if found.references == 0 or few or not scope.prefixes:  # of what was not listed, nothing can be missing in a list
        return
    where = f"bucket {bucket}" if scope.tenant is None else f"{' and '.join(scope.prefixes)} in bucket {bucket}"
    next_step = (
        f'check `bucket` and `endpoint_url` of bucket "{bucket}" and the reference queries in printflow.toml; '
        "if the files really are gone, raise files.max_missing_fraction to have them listed"
    )
    if found.objects == 0:
        raise Refused(f"{where} is empty although {found.references:,} references point into it", next_step)
    missing = len(found.missing) - found.elsewhere
    if found.references >= FEW_REFERENCES and missing > settings.files.max_missing_fraction * found.references:
        raise Refused(
            f"{missing:,} of {found.references:,} references into {where} have no object there: "
            f"more than files.max_missing_fraction = {settings.files.max_missing_fraction:g} allows",
            next_step,
        )

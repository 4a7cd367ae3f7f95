"""Retrieving an archived version, so that it can be read and brought back: asked for once, and told how far it is.

GLACIER and DEEP_ARCHIVE give a copy for some days; what Intelligent-Tiering has archived comes back for good. S3 tells
in x-amz-restore whether a retrieval is under way, and nothing of when it ends.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.new_objects import may_write, writer
from printflow_reliability.settings import Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability.storage.objects import ARCHIVED
from printflow_reliability.storage.refusals import reason_for_key
from printflow_reliability.storage.single_keys import FAILURES

DEEP = ("DEEP_ARCHIVE", "DEEP_ARCHIVE_ACCESS")
IN_PROGRESS = "RestoreAlreadyInProgress"
TAKES: Mapping[tuple[bool, str], str] = {
    (False, "Expedited"): "1 to 5 minutes",
    (False, "Standard"): "3 to 5 hours",
    (False, "Bulk"): "5 to 12 hours",
    (True, "Standard"): "up to 12 hours",
    (True, "Bulk"): "up to 48 hours",
}
"""By whether it is a deep archive and the tier, as AWS tells."""


def tier_of(settings: Settings, archive: str) -> str:
    """The tier that a retrieval from an archive is asked for with."""
    tier = settings.files.retrieval_tier
    return "Standard" if tier == "Expedited" and archive in DEEP else tier


def planned(settings: Settings, action: HealAction, archive: str, retrieving: bool) -> HealAction:
    """That a retrieval is to be asked for, or is under way."""
    if retrieving:
        detail = f"its retrieval from {archive} is under way; the store does not tell when it ends"
        return replace(action, deed=HealStatus.RETRIEVING, detail=detail)
    tier = tier_of(settings, archive)
    detail = f"restorable after a retrieval from {archive}, {TAKES[archive in DEEP, tier]} ({tier}), which costs money"
    return replace(action, deed=HealStatus.RETRIEVE, detail=detail, archive=archive)


def ask(settings: Settings, action: HealAction) -> HealAction:
    """Ask for the retrieval of the version that an action names; a failure is the action's own."""
    source, archive = settings.bucket_named(action.source or action.bucket), action.archive
    client = writer(source) if may_write(source) else s3_client(source)
    tier = tier_of(settings, archive)
    request: dict[str, Any] = {"GlacierJobParameters": {"Tier": tier}}
    if archive in ARCHIVED:  # what Intelligent-Tiering gives back stays, and it refuses a number of days
        request["Days"] = settings.files.retrieval_days
    try:
        client.restore_object(
            Bucket=source.bucket,
            Key=action.key,
            VersionId=action.version_id or "null",
            RestoreRequest=request,  # type: ignore[arg-type]
        )
    except FAILURES as refused:
        if not (isinstance(refused, ClientError) and refused.response.get("Error", {}).get("Code") == IN_PROGRESS):
            detail = f"its retrieval from {archive} was refused: {reason_for_key(refused)}"
            return replace(action, deed=HealStatus.FAILED, detail=detail)
    detail = f"its retrieval from {archive} is asked for ({tier}: {TAKES[archive in DEEP, tier]}); then run this again"
    return replace(action, deed=HealStatus.RETRIEVING, detail=detail)

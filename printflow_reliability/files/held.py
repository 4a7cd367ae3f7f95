"""What of a bucket's keys is in quarantine, as far as the records can be asked."""

import logging
from collections.abc import Collection, Mapping

from printflow_reliability.errors import PrintflowError
from printflow_reliability.records.database import open_records
from printflow_reliability.records.quarantine import Held, Quarantined, held
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)


def held_of(settings: Settings, bucket: str) -> Held:
    """Asks about keys of a bucket. Without records nothing is known of it: its version still tells what is missing."""

    def ask(keys: Collection[str]) -> Mapping[str, Quarantined]:
        if not keys:
            return {}
        try:
            with open_records(settings.records) as records:
                return held(records, bucket, keys)
        except PrintflowError as away:
            log.info("whether missing files are in quarantine is not known: %s", away.what)
            return {}

    return ask

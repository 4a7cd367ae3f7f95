"""`[watch]`: where `printflow watch` keeps what the records cannot take."""

from pathlib import Path

from pydantic import Field

from printflow_reliability.settings.section import Section


class WatchSettings(Section):
    """What `printflow watch` needs while the records are away: it goes on judging and paging, and keeps holds and
    alerts in a spool on its own disk until the records are back.
    """

    spool_directory: Path = Field(
        default=Path("spool"),
        description="Directory of the spool, on a local disk and not on that of the records. The user who runs "
        "`printflow watch` must be able to write it.",
    )
    spool_bytes: int = Field(
        default=64 * 1024**2,
        ge=4096,
        description="Size in bytes up to which the spool grows; a hold takes some 500. What no longer fits is paged "
        "all the same, and lost to the records if the watch ends before they are back: raise it for very long outages.",
    )

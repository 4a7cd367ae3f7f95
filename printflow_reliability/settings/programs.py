"""`[programs]`: where PostgreSQL's and pgBackRest's programs are found, and whom they run as."""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from printflow_reliability.programs import Programs
from printflow_reliability.settings.section import Section


class ProgramsSettings(Section):
    """How PostgreSQL's and pgBackRest's programs are found and run.

    The server programs of each cluster's own major version must be installed where drills and recoveries run. They are
    looked for where the packages of Debian and Red Hat put them, and then in PATH.
    """

    run_as: str = Field(
        default="postgres",
        description="Operating-system user that programs run as when this program runs as root; it keeps its groups. "
        "Ignored for every other user. Change it where another user may read the repositories.",
    )
    postgres_bin: Path | None = Field(
        default=None,
        description="The only folder in which PostgreSQL's server programs (pg_ctl, postgres, pg_amcheck) are looked "
        "for. Set it where they are installed at an unusual place.",
    )

    def runner(self, secrets: Sequence[str]) -> Programs:
        """The runner of external programs that this section describes; it shows none of the secrets."""
        return Programs(
            run_as=self.run_as,
            postgres_bin=self.postgres_bin,
            path=os.environ.get("PATH", os.defpath),
            secrets=tuple(secrets),
        )

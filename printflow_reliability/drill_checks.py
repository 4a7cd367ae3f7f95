"""The checks that a restore drill answers, in the order in which it does; `checks.REGISTER` has them all."""

from printflow_reliability.findings import Severity
from printflow_reliability.registered_check import Check

DRILL_CHECKS: tuple[Check, ...] = (
    Check(
        "drill.fence",
        "Does the clone, stopped at the fence, hold exactly production's rows?",
        Severity.CRITICAL,
        "Red: the restored rows differ from those of production at the same moment: the backup or its WAL "
        "is not what production was. See printflow drill list.",
    ),
    Check(
        "drill.recovery",
        "Does replay reach the end of WAL, and the clone promote and write?",
        Severity.CRITICAL,
        "Red: the clone did not reach the end of WAL, or did not promote. A recovery now would end there "
        "too. See printflow wal verify.",
    ),
    Check(
        "drill.links",
        "Do rows of one cluster find the rows of other clusters that they name, at the same moment?",
        Severity.ERROR,
        "Red: one cluster's rows name rows that another cluster does not have at the same moment. Restore "
        "both to one moment: printflow recover --help.",
    ),
    Check(
        "drill.inventory",
        "Are all databases, extensions, roles and large objects of production in the clone?",
        Severity.ERROR,
        "Red: a database, role, extension or large object of production would be missing after a recovery. "
        "The result names it.",
    ),
    Check(
        "drill.checksums",
        "Has every page of the clone the checksum it was written with?",
        Severity.CRITICAL,
        "Red: pages are damaged in the backup, and probably in production. Look at production's disk first; "
        "then restore from an older backup: printflow drill run --target longest.",
    ),
    Check(
        "drill.shrinkage",
        "Has every table about as many rows as at the fence before?",
        Severity.ERROR,
        "Red: a table lost many rows since the fence before. If nobody deleted them on purpose, see "
        "printflow runbook table-dropped.",
    ),
    Check(
        "drill.indexes",
        "Does amcheck find every table and B-tree index of the clone sound?",
        Severity.ERROR,
        "Red: amcheck found damaged tables or indexes. Check the same ones in production; REINDEX mends an "
        "index, not a table.",
    ),
    Check(
        "drill.foreign_keys",
        "Does every row of the clone have the rows it refers to?",
        Severity.ERROR,
        "Red: rows refer to rows that do not exist. Correct them in production; a restore brings the same rows back.",
    ),
    Check(
        "drill.constraints",
        "Do unique and not-null constraints hold for every row?",
        Severity.ERROR,
        "Red: rows break a unique or not-null constraint. Correct them in production; a restore brings the "
        "same rows back.",
    ),
    Check(
        "drill.sequences",
        "Is every sequence ahead of the column that it feeds?",
        Severity.ERROR,
        "Red: a sequence would give out numbers that are in use. Set it in production with setval().",
    ),
    Check(
        "drill.smoke",
        "Does the recovered database answer what the application asks of it?",
        Severity.CRITICAL,
        "Red: the application could not work with the recovered database. The result names the query of "
        "[[smoke]] that failed.",
    ),
    Check(
        "drill.tenant",
        "Can one tenant's rows be brought back out of the clone?",
        Severity.ERROR,
        "Red: a single tenant's rows could not be brought back. The result names the tables; see printflow "
        "tenant restore --help.",
    ),
    Check(
        "drill.files",
        "Is every file that the clone refers to in the bucket or restorable?",
        Severity.ERROR,
        "Red: recovered rows name files that no bucket has. See printflow files reconcile, then printflow files heal.",
    ),
    Check(
        "drill.objectives",
        "Were the recovery time and recovery point objectives met?",
        Severity.ERROR,
        "Red: the recovery took longer, or lost more, than the targets in [drills] allow. See printflow "
        "drill objectives.",
    ),
    Check(
        "drill.isolation",
        "Are the repositories and production's timeline and slots as they were before the drill?",
        Severity.CRITICAL,
        "Red: production or a repository changed while the drill ran, or the drill's clones are still on "
        "disk. The result says what changed; run no other drill before it is explained.",
    ),
)

"""Every check of the product, in one place: its stable name, what it asks, and how bad a failure is.

The command line, Dagster and readiness share this register; the tests prove of each entry that it rings on a planted
fault, stays silent on a healthy system, and says "unknown" when its system is away.
"""

from collections.abc import Mapping

from printflow_reliability.check_entry import Check as Check
from printflow_reliability.checkout_checks import CHECKOUT_CHECKS
from printflow_reliability.findings import Severity
from printflow_reliability.healing_checks import HEALING_CHECKS
from printflow_reliability.posture_checks import POSTURE_CHECKS
from printflow_reliability.queue_checks import QUEUE_CHECKS
from printflow_reliability.ready_checks import READY_CHECKS

REGISTER: Mapping[str, Check] = {
    check.name: check
    for check in (
        Check(
            "backup.recent",
            "Has every cluster a sound, recent base backup in each repository?",
            Severity.CRITICAL,
            "Red: a repository has no sound base backup that is recent enough, so a recovery takes longer or is "
            "impossible. See printflow backup list, then: printflow backup run.",
        ),
        Check(
            "backup.integrity",
            "Does every stored byte of the repositories match its manifest?",
            Severity.CRITICAL,
            "Red: stored bytes are not what pgBackRest wrote, so backups that hold them cannot be restored. See "
            "printflow backup verify; then take a new full backup: printflow backup run --type full.",
        ),
        Check(
            "backup.reread",
            "Was every stored byte of the repositories read within backups.reread_days, and what is new within a day?",
            Severity.ERROR,
            "Red: bytes may have rotted since they were last read, and would fail a restore. See printflow backup "
            "verify, which names what could not be read; then: printflow backup verify --all.",
        ),
        Check(
            "wal.continuity",
            "Is the archived WAL whole from the oldest backup on?",
            Severity.CRITICAL,
            "Red: WAL segments are missing or damaged, so no moment after them can be restored from an earlier "
            "backup. See printflow wal verify, which names them and what to do.",
        ),
        Check(
            "wal.lag",
            "Is WAL archived as fast as the recovery point objective demands?",
            Severity.CRITICAL,
            "Red: WAL waits in the cluster and would be lost with its disk. See printflow wal verify, which "
            "says why archiving fails.",
        ),
        Check(
            "backup.window",
            "Can every moment of the retention window be restored from each repository?",
            Severity.CRITICAL,
            "Red: moments of the retention window cannot be restored, or nobody has read the bytes that they need. See "
            "printflow backup window, which names them and what to do.",
        ),
        Check(
            "backup.retention",
            "Are there only the base backups that the retention policy keeps, and does pgBackRest keep all of these?",
            Severity.WARNING,
            "Red: backups that no day, week or month needs stay and cost money, pgBackRest's own settings would expire "
            "some that the policy keeps, or nothing may expire. See printflow backup expire.",
        ),
        Check(
            "dump.recent",
            "Has every database a recent logical dump that nobody can delete?",
            Severity.ERROR,
            "Red: a database has no recent dump under Object Lock. Take them: printflow dump run.",
        ),
        Check(
            "dump.content",
            "Does the newest logical dump of each database hold what the database held, and can it be restored?",
            Severity.CRITICAL,
            "Red: a dump does not hold every row, cannot be read, or was not verified in time. On the machine that "
            "has the identity: printflow dump verify.",
        ),
        Check(
            "config.recent",
            "Is there a recent, whole copy of configuration, secrets, records and queues that nobody can delete?",
            Severity.ERROR,
            "Red: after a disaster nobody would have the passphrases of the repositories or the records. See printflow "
            "config list, which names what is missing; then: printflow config backup.",
        ),
        Check(
            "config.content",
            "Was a copy of the configuration read whole lately, and does it hold what its manifest says?",
            Severity.CRITICAL,
            "Red: a copy does not hold every file, cannot be read, or was not verified in time. On the machine that "
            "has the identity: printflow config verify.",
        ),
        Check(
            "config.changes",
            "Is the configuration what it was in the copy before?",
            Severity.WARNING,
            "Red: configuration or secrets changed or vanished since the copy before. If nobody did that on purpose, "
            "look into it (printflow config list); printflow config restore brings the earlier copy into a directory.",
        ),
        Check(
            "dump.retention",
            "Are dumps deleted once their lock has ended and newer ones were verified?",
            Severity.WARNING,
            "Red: dumps that nothing keeps stay and cost money, or the bucket refuses to delete them. See printflow "
            "dump expire.",
        ),
        Check(
            "copies.copies",
            "Are there three copies of each cluster that were verified, production's own among them?",
            Severity.ERROR,
            "Red: fewer than three copies count. See printflow copies, which says of each why it does not.",
        ),
        Check(
            "copies.media",
            "Are verified copies on two kinds of media?",
            Severity.ERROR,
            "Red: whatever takes one kind of storage takes every copy. See printflow copies.",
        ),
        Check(
            "copies.offsite",
            "Is a verified copy in another region than the platform?",
            Severity.ERROR,
            "Red: a region that is lost takes every verified copy along. See printflow copies; then: "
            "printflow backup run, or printflow dump run.",
        ),
        Check(
            "copies.immutable",
            "Is there a verified copy that nobody can delete, as its store has shown by refusing?",
            Severity.CRITICAL,
            "Red: whoever takes our credentials can delete every copy. See printflow copies.",
        ),
        Check(
            "copies.errors",
            "Are the copies without an error: verified, with unbroken WAL, restored by the last drill?",
            Severity.ERROR,
            "Red: what should be restored was found damaged, broken off or not restorable. See printflow copies.",
        ),
        Check(
            "copies.files",
            "Do the print files' buckets and their replicas hold the same, and as many copies as 3-2-1-1-0 asks for?",
            Severity.ERROR,
            "Red: files are missing from a bucket or its replica, there is no replica, or fewer copies than the rule "
            "asks for. See printflow copies, which says of each digit why it does not hold.",
        ),
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
            "Red: rows refer to rows that do not exist. Correct them in production; a restore brings the same "
            "rows back.",
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
            "Red: recovered rows name files that no bucket has. See printflow files reconcile, then printflow "
            "files heal.",
        ),
        Check(
            "drill.rollback",
            "Would a rollback of the buckets to the recovered moment give every file that the clone refers to?",
            Severity.ERROR,
            "Red: after a disaster database and buckets could not go back to one moment. The result names the files; "
            "see printflow files protect.",
        ),
        Check(
            "drill.printable",
            "Could the open paid orders of the recovered moment be printed, by the bytes of their files?",
            Severity.ERROR,
            "Red: a recovery would bring back paid orders whose print files are missing, damaged or not what was "
            "inspected before. The result names the orders and their reasons. See printflow drill list.",
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
        Check(
            "recovery.objectives",
            "Do recent drills prove that the recovery time and point objectives can be met?",
            Severity.ERROR,
            "Red: no recent drill proves that the targets can be met. See printflow drill objectives, then: "
            "printflow drill run.",
        ),
        Check(
            "recovery.tiers",
            "Are the recovery objectives of files, dumps, configuration and queues measured, and met?",
            Severity.ERROR,
            "Red: an objective of [[objective]] is missed, or nothing measures it. See printflow drill objectives, "
            "which says of each tier what to run.",
        ),
        Check(
            "files.missing",
            "Is every object that the database refers to in its bucket?",
            Severity.CRITICAL,
            "Red: files that the database names are not in their bucket, so orders cannot be printed. See what "
            "can be brought back: printflow files heal.",
        ),
        Check(
            "files.tenancy",
            "Does every reference lie under its own tenant's base path?",
            Severity.CRITICAL,
            "Red: a tenant's row names a file of another tenant. Do not print it; correct the row. See "
            "printflow files reconcile.",
        ),
        Check(
            "files.deletions",
            "Is every file that the store says was deleted lately back, or needed no more?",
            Severity.CRITICAL,
            "Red: somebody deleted files that are needed. See printflow files deletions, which names who; bring them "
            "back: printflow files heal.",
        ),
        Check(
            "files.content",
            "Has every object the size and checksum that the database knows?",
            Severity.ERROR,
            "Red: objects have another size or checksum than the database knows. Compare with earlier versions: "
            "printflow files heal.",
        ),
        Check(
            "files.orphans",
            "Is every object of the bucket referred to by something?",
            Severity.WARNING,
            "Red: the bucket holds objects that nothing names. Nothing is deleted; see printflow files orphans.",
        ),
        Check(
            "files.protection",
            "Do versions of every object outlive the longest kept backup, with a copy elsewhere, and out of strangers' "
            "reach?",
            Severity.ERROR,
            "Red: objects could be deleted for good, are not copied elsewhere, or strangers could read them. See "
            "printflow files protect, which has the command that mends each.",
        ),
        Check(
            "pdf.integrity",
            "Does every referenced print file open, whole and printable?",
            Severity.CRITICAL,
            "Red: print files are damaged or cannot be printed. See printflow pdf sweep; files with an earlier "
            "version can be brought back: printflow files heal.",
        ),
        Check(
            "orders.artwork",
            "Has every paid order usable artwork?",
            Severity.CRITICAL,
            "Red: paid orders have no usable artwork and must not go to print. See printflow orders held.",
        ),
        Check(
            "alerts.delivery",
            "Does every alert reach its route?",
            Severity.CRITICAL,
            "Red: an alert has reached nobody. See printflow alerts list; try the routes: printflow alerts test.",
        ),
        *HEALING_CHECKS,
        *CHECKOUT_CHECKS,
        *POSTURE_CHECKS,
        *QUEUE_CHECKS,
        *READY_CHECKS,
    )
}

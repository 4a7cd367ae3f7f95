"""The checks of readiness: what the platform's safety depends on, asked in seconds.

What another check of the register pages for is only a warning here, so that nobody is woken twice.
"""

from printflow_reliability.check_entry import Check
from printflow_reliability.findings import Severity

READY_CHECKS = (
    Check(
        "ready.databases",
        "Does every cluster answer, take writes and have connections left?",
        Severity.CRITICAL,
        "Red: a cluster takes no writes, or nearly all of its connections are taken. See printflow ready, which names "
        "it.",
    ),
    Check(
        "ready.standby",
        "Could the standby of every cluster that has one be promoted now?",
        Severity.ERROR,
        "Red: a standby is of another cluster or timeline, too far behind, paused, or lacks what the primary allows. "
        "See printflow ready, which names it and what to do.",
    ),
    Check(
        "ready.records",
        "Does the records database answer, with the tables of this version?",
        Severity.ERROR,
        "Red: nothing can be recorded, so that holds and alerts go to the spool of the watch alone. See printflow "
        "ready; make the tables current: printflow records migrate.",
    ),
    Check(
        "ready.disk",
        "Is there space left where drills, dumps and the spool work?",
        Severity.ERROR,
        "Red: a drill, a dump or the spool is about to fail for want of space. See printflow ready, which names the "
        "file system; free space there.",
    ),
    Check(
        "ready.backups",
        "Was every cluster lately found to have a recent backup?",
        Severity.WARNING,
        "Red: the newest backup is too old, or nobody has looked for it lately. See printflow backup list.",
    ),
    Check(
        "ready.restores",
        "Did a restore drill pass lately?",
        Severity.WARNING,
        "Red: no recent drill proves that a recovery works. See printflow drill list, then: printflow drill run.",
    ),
    Check(
        "ready.storage",
        "Does every bucket answer, and give back what was just written where the key may write?",
        Severity.CRITICAL,
        "Red: what is written into a bucket cannot be read back or removed, or its probe key holds another object. See "
        "printflow ready, which names the bucket.",
    ),
    Check(
        "ready.pdf_service",
        "Does the pdf-service answer?",
        Severity.ERROR,
        "Red: the pdf-service answers with an error, so that nobody can have a print file made again. See printflow "
        "ready; look at the service and its log.",
    ),
    Check(
        "ready.outbox",
        "Does no alert wait in vain for its route?",
        Severity.WARNING,
        "Red: alerts wait for a route that does not take them. See printflow alerts list; try the routes: printflow "
        "alerts test.",
    ),
    Check(
        "ready.queues",
        "Does every Redis answer, and were queues and what keeps them lately found to be well, where there are any?",
        Severity.WARNING,
        "Red: jobs wait, failed or stalled, or a Redis would lose them, or nobody has looked lately. See printflow "
        "status.",
    ),
    Check(
        "ready.dagster",
        "Do Dagster's daemons live, and did every schedule tick when it was due?",
        Severity.ERROR,
        "Red: a daemon of Dagster is silent, or a schedule did not begin when it was due: drills, backups and checks "
        "stand still. See printflow ready; then start dagster-daemon.",
    ),
)

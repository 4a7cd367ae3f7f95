"""The checks of queues and of what keeps them: each belongs to the register."""

from printflow_reliability.check_entry import Check
from printflow_reliability.findings import Severity

QUEUE_CHECKS = (
    Check(
        "queues.age",
        "Is the oldest job of every queue younger than it may be?",
        Severity.CRITICAL,
        "Red: paid work waits, and nobody takes it. See printflow queues: is a worker alive, is the queue paused? "
        "Start the queue's workers again.",
    ),
    Check(
        "queues.failed",
        "Did no more jobs fail than may?",
        Severity.ERROR,
        "Red: jobs failed and wait for nobody. See printflow queues; retry them with the platform's own command "
        "(php artisan queue:retry, or retry of BullMQ) once their cause is gone.",
    ),
    Check(
        "queues.stalled",
        "Is every job that a worker took being worked on?",
        Severity.ERROR,
        "Red: workers died over jobs, or live too long on one. See printflow queues; then the log of the workers: "
        "they may be out of memory, or killed by a deployment.",
    ),
    Check(
        "queues.workers",
        "Are the workers of every queue, and the scheduler, alive?",
        Severity.CRITICAL,
        "Red: nobody works on a queue, or the scheduler starts nothing. See printflow queues; start them again.",
    ),
    Check(
        "redis.durability",
        "Does every Redis keep what was written to it?",
        Severity.ERROR,
        "Red: a Redis lost its jobs, or a crash or full memory would lose them. See printflow queues, which says why.",
    ),
)

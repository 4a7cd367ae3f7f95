"""The checks of the synthetic checkout: each belongs to the register."""

from printflow_reliability.check_entry import Check
from printflow_reliability.findings import Severity

JOURNEY, CLEAN_UP = "checkout.journey", "checkout.clean_up"
CHECKOUT_CHECKS = (
    Check(
        JOURNEY,
        "Can a customer order, pay, and download the print file that was ordered?",
        Severity.CRITICAL,
        "Red: an order could not be placed, paid, made or downloaded, or what came was not its own file. See printflow "
        "checkout, which names the step; a screenshot of each step lies beside the drills' reports.",
    ),
    Check(
        CLEAN_UP,
        "Did the platform cancel every order of the synthetic checkout?",
        Severity.ERROR,
        "Red: an order of the synthetic checkout is still open. The guard never lets it go to print; cancel it in the "
        "platform, or run printflow checkout, which tries once more.",
    ),
)

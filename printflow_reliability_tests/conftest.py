"""What every test shares."""

import signal

pytest_plugins = ["printflow_reliability_tests.alarm_table", "printflow_reliability_tests.pdf_table", "pytester"]

# A script's background jobs ignore SIGINT, and so would every program that a test starts and interrupts. Set before
# Dagster is imported, which gives SIGTERM the handler of SIGINT.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

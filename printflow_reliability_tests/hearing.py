"""The product's program as it is started by hand, whatever ignores signals around these tests, such as nohup."""

HEARS_SIGNALS = """
import signal
from printflow_reliability.cli import main

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
main()
"""

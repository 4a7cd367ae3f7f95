"""Where the program `printflow` begins: it can be interrupted from its first moment on, while its parts are loaded."""

import json
import signal
import sys


def main() -> None:
    """Run one command; an interruption before it has begun is said as one within it is."""
    # Those that are ignored, as under nohup, stay so.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        # Loading all commands takes a second, and on a busy machine several.
        from printflow_reliability.cli import main as run_command

        run_command()
    except KeyboardInterrupt:
        if "--json" in sys.argv:
            print(json.dumps({"error": {"what": "interrupted", "next": ""}}, indent=2))
        print("printflow: interrupted", file=sys.stderr)
        sys.exit(2)

"""Stands in for the isolated worker's process, and does what a hostile file may make it do.

What it does is written in the file that it is handed.
"""

import json
import os
import signal
import socket
import sys
import time

from printflow_reliability.pdf.inspection import concluded

PROGRAM = (sys.executable, __file__)
"""What the worker is told to run instead of its own process."""


def main() -> None:
    print(json.dumps({"ready": True}), flush=True)
    parent = socket.socket(fileno=sys.stdin.fileno())
    while True:
        request, files, _, _ = socket.recv_fds(parent, 65536, 1)
        if not request:
            return
        with os.fdopen(files[0], "rb") as file:
            what = file.read().decode()
        if what == "waits":
            time.sleep(600)
        elif what == "spins":
            os.kill(os.getpid(), signal.SIGXCPU)
        elif what == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif what == "babbles":
            print("x" * 2_000_000, flush=True)
        elif what == "secrets":
            print(json.dumps({**concluded([]).as_json(), "pages": json.dumps(dict(os.environ))}), flush=True)
        else:
            print(json.dumps(concluded([], pages=os.getpid()).as_json()), flush=True)


if __name__ == "__main__":
    main()

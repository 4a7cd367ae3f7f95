"""Stands in for the isolated worker's process, and does what a hostile file may make it do.

What it does is the name of the file it is asked about.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from printflow_reliability.pdf.inspection import concluded


def main() -> None:
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        name = Path(json.loads(line)["path"]).stem
        if name == "spins":
            time.sleep(600)
        elif name == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif name == "babbles":
            print("x" * 2_000_000, flush=True)
        elif name == "secrets":
            print(json.dumps(concluded([]).as_json() | {"sha256": json.dumps(dict(os.environ))}), flush=True)
        else:
            print(json.dumps(concluded([], pages=os.getpid()).as_json()), flush=True)


if __name__ == "__main__":
    main()

"""The isolated worker's own process: `python -m printflow_reliability.pdf.isolated MEMORY_BYTES CPU_SECONDS`.

Its standard input is a socket: each request is one line of JSON (the rules), and brings the open file to inspect with
it. It answers one inspection a line, and ends when the socket does. It imports nothing of ours but the inspection, so
that it holds no settings and no secrets, and before the first file it gives up whatever it can.
"""

import io
import json
import os
import resource
import socket
import sys
from math import ceil
from typing import BinaryIO

import pikepdf
from PIL import Image

from printflow_reliability.pdf.inspect import inspect_file, limit_decoding
from printflow_reliability.pdf.inspection import Inspection, Problem, Rules, concluded
from printflow_reliability.pdf.privileges import give_up

REQUEST_BYTES = 65536


def main() -> None:
    """Inspect until the parent closes the socket."""
    memory, cpu_seconds = int(sys.argv[1]), float(sys.argv[2])
    parent = socket.socket(fileno=sys.stdin.fileno())
    limit_decoding()
    _import_everything()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    isolation = give_up()
    _answer({"ready": True, "isolation": dict(isolation)})
    while True:
        request, files, _, _ = socket.recv_fds(parent, REQUEST_BYTES, 1)
        if not request or not files:
            return
        _allow_cpu(cpu_seconds)
        with os.fdopen(files[0], "rb") as file:
            inspection = _inspect(file, Rules(**json.loads(request)))
        _answer(inspection.as_json())


def _answer(document: dict[str, object]) -> None:
    print(json.dumps(document), flush=True)


def _inspect(file: BinaryIO, rules: Rules) -> Inspection:
    try:
        return inspect_file(file, rules)
    except MemoryError:
        return concluded([Problem("out_of_memory", "it needs more memory than an inspection may have")])
    except RecursionError:
        return concluded([Problem("damaged", "it is nested without end")])
    except Exception as error:  # whatever a hostile file makes a parser raise is a property of the file
        return concluded([Problem("damaged", f"it cannot be read ({type(error).__name__})")])


def _import_everything() -> None:
    """Load what Python, Pillow and qpdf load when it is first needed: afterwards no file can be opened any more."""
    Image.init()
    target = io.BytesIO()
    Image.new("RGB", (8, 8)).save(target, "JPEG")
    with Image.open(io.BytesIO(target.getvalue())) as image:
        image.load()
    for encoding in ("utf-8", "latin-1", "utf-16", "unicode_escape", "idna"):
        "".encode(encoding)
    encrypted = io.BytesIO()
    with pikepdf.new() as pdf:  # qpdf keeps the system's source of random numbers open from its first use on
        pdf.add_blank_page()
        pdf.save(encrypted, encryption=pikepdf.Encryption(owner="", user=""))
    pikepdf.open(encrypted).close()


def _allow_cpu(seconds: float) -> None:
    """Let the kernel end this process if one file uses more of the processor than an inspection may."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(used.ru_utime + used.ru_stime + seconds), hard))


if __name__ == "__main__":
    main()

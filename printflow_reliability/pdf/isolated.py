"""The isolated worker's own process: `python -m printflow_reliability.pdf.isolated MEMORY_BYTES CPU_SECONDS`.

Reads one request a line (`{"path": ..., "rules": {...}}`), answers one inspection a line, and ends when its input does.
It imports nothing of ours but the inspection, so that it holds no settings and no secrets.
"""

import json
import resource
import sys
from pathlib import Path

from printflow_reliability.pdf.inspect import inspect_file, limit_decoding
from printflow_reliability.pdf.inspection import Inspection, Problem, Rules, concluded


def main() -> None:
    """Inspect until the parent closes the pipe."""
    memory, cpu_seconds = int(sys.argv[1]), float(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    limit_decoding()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        _allow_cpu(cpu_seconds)
        request = json.loads(line)
        answer = _inspect(Path(request["path"]), Rules(**request["rules"]))
        print(json.dumps(answer.as_json()), flush=True)


def _inspect(path: Path, rules: Rules) -> Inspection:
    try:
        return inspect_file(path, rules)
    except MemoryError:
        return concluded([Problem("out_of_memory", "it needs more memory than an inspection may have")])
    except RecursionError:
        return concluded([Problem("damaged", "it is nested without end")])
    except Exception as error:  # whatever a hostile file makes a parser raise is a property of the file
        return concluded([Problem("damaged", f"it cannot be read ({type(error).__name__})")])


def _allow_cpu(seconds: float) -> None:
    """Let the kernel end this process if one file spins and the parent, who would see to it, is gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 2, hard))


if __name__ == "__main__":
    main()

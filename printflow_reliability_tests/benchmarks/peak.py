"""What a process cost: its CPU and its peak memory, for measurements in processes of their own."""

import re
import resource
from pathlib import Path


def peak_mb(pid: int | str = "self") -> float:
    """The peak resident memory of a process in MB; 0 once it is gone.

    Not getrusage: its peak is inherited from the parent through fork and exec.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def cpu_seconds(who: int = resource.RUSAGE_SELF) -> float:
    """CPU time of this process with all its threads, or of the children that it waited for."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime

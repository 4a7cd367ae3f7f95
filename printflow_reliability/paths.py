"""What is at a path, told apart from what cannot be seen.

`Path.exists()` and `Path.is_dir()` say no where nobody could tell: of a folder that this user may not enter, of a loop
of links, from Python 3.14 on of anything that went wrong.
"""

import stat
from pathlib import Path


def is_there(path: Path) -> bool:
    """Whether there is anything at this path; links are followed.

    Raises:
        OSError: it cannot be told.
    """
    return _mode(path) is not None


def is_directory(path: Path) -> bool:
    """Whether there is a directory at this path; links are followed.

    Raises:
        OSError: it cannot be told.
    """
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None

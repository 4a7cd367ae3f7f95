"""Whether Sentry's SDK is loaded. Its import takes a quarter of a command's start, and most platforms have no [sentry].

The client loads it when the settings name a DSN; before that it has no client, and whatever it was told would be lost.
"""

import sys


def is_loaded() -> bool:
    """Whether somebody loaded the SDK, so that it may have a client."""
    return "sentry_sdk" in sys.modules

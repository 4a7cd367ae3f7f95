"""Work on several clusters at the same time, without leaving any of it running when a person interrupts."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from printflow_reliability.errors import CouldNotTell

Result = TypeVar("Result")


def at_once(
    tasks: Sequence[Callable[[], Result]], *, give_up: Callable[[], None], workers: int | None = None
) -> list[Result]:
    """Run every task in a thread and return their results in order.

    All end before this returns. If several fail, one that is certain is raised rather than a "could not tell".

    Args:
        tasks: what to do.
        workers: how many run at a time, the first ones first; all if None.
        give_up: called again and again, when interrupted, until the tasks have ended because of it.
    """
    if not tasks:
        return []
    with ThreadPoolExecutor(max_workers=workers or len(tasks)) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            wait(futures)
        except BaseException:  # Ctrl-C and the like
            pool.shutdown(wait=False, cancel_futures=True)
            while wait(futures, timeout=0.2).not_done:
                give_up()
            raise
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, CouldNotTell))
    return [future.result() for future in futures]

"""Orders are paid while servers are killed at random: those without artwork are held, all are told, none is false.

Killed are Dagster's daemon and its code server, the watch, the receiver of alerts, Redis, and the records; each comes
back some seconds later, as a supervisor would see to.
"""

import random
import threading
import time

from printflow_reliability.sandbox.dagster_services import DAEMON
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability_tests.benchmarks.installation import CODE_SERVER, STORM, WATCH, Installation

VICTIMS = (DAEMON, WATCH, CODE_SERVER, "receiver", "redis", "system_db")
LACKING_EACH = 10
"""One order of so many lacks its artwork."""
KILL_EVERY_SECONDS = (6.0, 14.0)
BACK_AFTER_SECONDS = (2.0, 15.0)
PATIENCE_SECONDS = 300.0


def run(orders: int, seconds: float, seed: int) -> dict[str, float]:
    """Pay so many orders in so many seconds amid kills; says what was held and told, and prints what was killed.

    Raises:
        AssertionError: an order was lost, held without reason, or told of twice as another incident.
    """
    installation = Installation(SandboxHome.locate())
    for name in (DAEMON, WATCH):
        installation.start(name)
    time.sleep(30)
    over = threading.Event()
    kills: list[str] = []
    killer = threading.Thread(target=_kill, args=(installation, random.Random(seed), over, kills))
    killer.start()
    sound: list[str] = []
    lacking: list[str] = []
    began = time.monotonic()
    try:
        for number in range(orders):
            time.sleep(max(began + number * seconds / orders - time.monotonic(), 0))
            artwork = number % LACKING_EACH != 0
            (sound if artwork else lacking).append(installation.pay(artwork=artwork)[0])
    finally:
        over.set()
        killer.join()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _settled(installation, lacking) and time.monotonic() < deadline:
        time.sleep(2)
    try:
        return _verdict(installation, set(lacking), set(sound), kills)
    finally:
        installation.stop()


def _kill(installation: Installation, chance: random.Random, over: threading.Event, kills: list[str]) -> None:
    back: list[threading.Timer] = []
    down: set[str] = set()
    guard = threading.Lock()

    def bring_back(name: str) -> None:
        with guard:
            installation.start(name)
            down.discard(name)

    while not over.wait(chance.uniform(*KILL_EVERY_SECONDS)):
        with guard:
            name = chance.choice([victim for victim in VICTIMS if victim not in down])
            installation.kill(name)
            down.add(name)
        kills.append(name)
        print(f"chaos: killed {name}", flush=True)
        back.append(threading.Timer(chance.uniform(*BACK_AFTER_SECONDS), bring_back, [name]))
        back[-1].start()
    for timer in back:
        timer.join()


def _settled(installation: Installation, lacking: list[str]) -> bool:
    return installation.held() == set(lacking) and all(installation.paged_at(order, 0) for order in lacking)


def _verdict(installation: Installation, lacking: set[str], sound: set[str], kills: list[str]) -> dict[str, float]:
    held, told = installation.held(), installation.told()
    assert held == lacking, {"not held": sorted(lacking - held), "held without reason": sorted(held - lacking)}
    untold = sorted(order for order in lacking if installation.paged_at(order, 0) is None)
    assert untold == [], untold
    false = sorted(key for key in told if key.removeprefix("order:") in sound)
    assert false == [], false
    ended = sorted(
        key for key, events in told.items() if key != STORM and key.startswith("order:") and ("resolve" in dict(events))
    )
    assert ended == [], f"closed and opened again: {ended}"
    again = sum(len(events) - 1 for key, events in told.items() if key.startswith("order:"))
    print(
        f"chaos: {len(sound) + len(lacking)} orders, {len(lacking)} without artwork, {len(held)} held, all told, "
        f"none false; {again} sent again under the same key; {len(kills)} kills: "
        + ", ".join(f"{name} {kills.count(name)}" for name in VICTIMS),
        flush=True,
    )
    return {"held": len(held), "sent_again": again, "kills": len(kills)}

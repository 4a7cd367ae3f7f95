"""`printflow files heal --by-policy`: what files.heal_automatically brings back, for whoever runs no Dagster."""

from typing import NoReturn

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.checks import Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import finish, progress, say
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.heal_deleted import heal_deleted
from printflow_reliability.files.healing_report import HealingReport
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.settings import Settings
from printflow_reliability.text import printable

SHOWN = 20


def heal_by_policy(settings: Settings, *, apply: bool, as_json: bool) -> NoReturn:
    """Make a pass over all tenants, then plan, or do, what the policy allows of what it found.

    Raises:
        ConfigError: it is to be done, and the policy is off.
    """
    if apply and not settings.files.heal_automatically:
        raise ConfigError(
            "files.heal_automatically is off, so nothing is brought back by policy",
            "heal_automatically = true in [files], or without --by-policy: printflow files heal --apply",
        )
    with progress("objects") as advance:
        report = reconcile(settings, advance=advance)
    healing = heal_deleted(settings, report, apply=apply)
    if apply:
        conclude(settings, healing, as_json=as_json, show=lambda: _show(healing))
    planned = 1 if healing.brought_back or healing.check.outcome is Outcome.FAIL else 0
    code = 2 if healing.check.outcome is Outcome.UNKNOWN else planned
    finish(healing.as_json, as_json=as_json, show=lambda: _show(healing), code=code)


def _show(healing: HealingReport) -> None:
    word = "healed" if healing.applied else "would be healed"
    for action in healing.brought_back[:SHOWN]:
        say(f"{word:<16}{printable(action.key)}")
        say(f"{'':16}{printable(action.owner or 'nobody')}: {printable(action.detail)}")
    for candidate, left in healing.left[:SHOWN]:
        say(f"{'left':<16}{printable(candidate.key)}")
        say(f"{'':16}{printable(candidate.owner or 'nobody')}: {printable(left.detail)}")
    check = healing.check
    say(f"{OUTCOME_WORDS[check.outcome]}   {printable(check.detail)}")
    if healing.brought_back and not healing.applied:
        say("Next: printflow files heal --by-policy --apply")

"""Whether anything names an object right now: asked of the databases just before it is moved, and just after."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.catalog import Catalog
from printflow_reliability.platform.tenancy import BasePaths, above
from printflow_reliability.settings import Settings


@dataclass(frozen=True)
class References:
    """The catalog, asked about single keys."""

    settings: Settings
    catalog: Catalog
    paths: BasePaths

    def naming(self, bucket: str, keys: Iterable[str]) -> Collection[str]:
        """Those of the keys that a row names, exactly or by a folder that they lie in.

        Raises:
            CouldNotTell: a database does not answer, or some of its rows could not be read.
        """
        found = self.named(bucket, keys)
        if why := self.unread(bucket):
            raise CouldNotTell(f"what rows name is not known: {why}", "printflow files reconcile")
        return found

    def unread(self, bucket: str) -> str:
        """Which query left rows or a database out when it was asked about a bucket, and why; empty if none did."""
        for entry in self.catalog.entries:
            if entry.may_name(bucket) and (why := self.catalog.failing.of(entry.place)):
                return f"{entry.key}: {next(iter(why.values()))}"
        return ""

    def named(self, bucket: str, keys: Iterable[str]) -> Collection[str]:
        """Those of the keys that a row names, as far as rows can be read.

        Raises:
            CouldNotTell: a database does not answer.
        """
        own = self.settings.bucket_named(bucket).bucket
        covering = {
            key: {key, *(folder for folder in above(key) if not self.paths.too_wide(folder, own))} for key in keys
        }
        if not covering:
            return ()
        named = {reference.key for reference in self.catalog.look_up(bucket, set().union(*covering.values()))}
        return {key for key, by in covering.items() if by & named}

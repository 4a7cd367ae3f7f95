"""Commands that are loaded when they are called: loading all of them takes three times as long as most of them need."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

Command = TyperCommand | TyperGroup


def commands_at(places: Mapping[str, str]) -> type[TyperGroup]:
    """A group of these commands, in this order.

    Args:
        places: by name, where each is defined, such as "package.module:app": a Typer application with commands below
            it, or the function that is the command. A name of two words is one more command below the first.
    """

    class Group(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = _OnDemand(places)

        def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002
            return [*self.commands]

    return Group


def _command_at(name: str, place: str) -> Command:
    """The command that is defined at a place, under a name of its own."""
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    holder = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    holder.callback()(lambda: None)  # else a single command would take the place of its group
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    group = typer.main.get_command(holder)
    assert isinstance(group, TyperGroup)  # noqa: S101 - it has a callback
    command = group.commands[name]
    assert isinstance(command, TyperCommand | TyperGroup)  # noqa: S101 - typer makes no others
    return command


class _OnDemand(MutableMapping[str, Any]):
    """The commands by name, each loaded when it is asked for."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            command = _command_at(name, self._places[name])
            for words, place in self._places.items():
                noun, _, verb = words.partition(" ")
                if noun == name and verb and isinstance(command, TyperGroup):
                    command.add_command(_command_at(verb, place))
            self._loaded[name] = command
        return self._loaded[name]

    def __setitem__(self, name: str, command: Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*(name for name in self._places if " " not in name), *self._loaded]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

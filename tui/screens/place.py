"""The screens that a session has beside its layers, one key each; they take each other's place."""

from collections.abc import Mapping
from importlib import import_module

from textual.binding import BindingType

from ..keys import bindings
from ..outlook import Outlook
from .base import DeckScreen

PLACES: Mapping[str, tuple[str, str]] = {
    "flow": ("flow", "FlowScreen"),
    "search": ("search", "SearchScreen"),
    "compare": ("compare", "CompareScreen"),
    "samples": ("samples", "SamplesScreen"),
    "export": ("export", "ExportScreen"),
    "settings": ("settings", "SettingsScreen"),
}
"""Module and class of each, imported when it is first shown."""


class PlaceScreen(DeckScreen):
    """A screen that Esc leaves for the layers."""

    def action_back(self) -> None:
        """Back to the layers."""
        self.deck.pop_screen()

    def action_go(self, name: str) -> None:
        """To another of the session's screens."""
        self.deck.go(name)

    def show_outlook(self, before: Outlook) -> None:
        """What a screen does when the assessing process has told more than *before*."""

    def action_log(self) -> None:
        """The newest job's log."""
        self.deck.show_log(self.deck.view.job if self.deck.view else None)


def make_place(name: str) -> PlaceScreen:
    """A new screen of that name."""
    module, kind = PLACES[name]
    screen: PlaceScreen = getattr(import_module(f".{module}", __package__), kind)()
    return screen


def place_bindings(*areas: str) -> list[BindingType]:
    """The keys of a place and those that lead to the others."""
    return bindings("place", *areas)

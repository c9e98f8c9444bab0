"""What was filled into forms that were left: it stands there again when one comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .widgets.form import Field

TOLD = "filled in as it was left"


class Drafts:
    """By form: the fields that were changed. They last as long as the workbench."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, str]] = {}

    def fill(self, form: str, fields: Sequence[Field]) -> tuple[Field, ...]:
        """The fields of *form* with what was left in them; a choice that is not offered any more is not taken."""
        kept = self._kept.get(form, {})
        return tuple(
            replace(field, value=kept[field.key])
            if field.key in kept and (not field.choices or kept[field.key] in field.choices)
            else field
            for field in fields
        )

    def keep(self, form: str, fields: Sequence[Field], values: Mapping[str, str]) -> None:
        """Keep what differs from the *fields* that the form came with."""
        changed = {field.key: values[field.key] for field in fields if values[field.key] != field.value}
        self.drop(form)
        if changed:
            self._kept[form] = changed

    def has(self, form: str) -> bool:
        """Whether something was left in it."""
        return form in self._kept

    def drop(self, form: str) -> None:
        """Begin anew: what it was filled in for is done."""
        self._kept.pop(form, None)

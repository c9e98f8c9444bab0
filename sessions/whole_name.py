"""The whole name of a sample's files: sessions record them as a command named them from where it ran."""

from pathlib import Path


def whole_name(entry: str, place: str) -> str:
    """A recorded entry by whole paths, wherever the command ran that recorded it; the file itself is not looked for.

    place: the absolute path of the samples' folder, as it was recorded. A name that begins as that ends lies there.
    """
    folder = Path(place)
    return ",".join(str(_within(Path(name), folder)) for name in entry.split(","))


def _within(name: Path, folder: Path) -> Path:
    parts = name.parts
    while parts[:1] == ("..",):
        parts = parts[1:]
    for count in range(min(len(parts) - 1, len(folder.parts)), 0, -1):
        if folder.parts[-count:] == parts[:count]:
            return folder.joinpath(*parts[count:])
    return folder.joinpath(name)

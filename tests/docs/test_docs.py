"""What the documentation prints is run: commands of console blocks, python blocks, and the help of every command."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def commands(page: Path) -> list[str]:
    return [
        line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "QUANTDECK_HOME": str(folder / "home"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_commands_of_a_page_run_in_order(page: Path, folder: Path, request: pytest.FixtureRequest):
    for command in commands(page):
        words = shlex.split(command)
        assert words[0] == "quantdeck", command
        if any("shared/" in word for word in words):
            continue  # real models are not part of the project
        done = subprocess.run(
            [sys.executable, "-m", "quantdeck", *words[1:]],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name
)
def test_python_blocks_run(page: Path, folder: Path):
    for block in blocks(page, "python"):
        done = subprocess.run(
            [sys.executable, "-c", block],
            cwd=folder,
            env=environment(folder),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_files_that_the_architecture_sends_to_are_there():
    """A file without a folder lies beside the one named before it, or below the same top folder."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    tables = page.split("## Where is the room")[1].split("## Promises")[0]
    rows = re.findall(r"^\| (?!I want)[^|]+ \| ([^|]+) \|", tables, re.M)
    named = 0
    for row in rows:
        folder = ROOT
        for word in re.findall(r"[\w./*]+\.py\b|\b(?:engine|sessions|tui|quantdeck)/[\w/]+", row):
            places = [folder, *(above for above in folder.parents if above.is_relative_to(ROOT))]
            found = [file for place in places for file in place.glob(word)]
            assert found, f"{word} in: {row}"
            if "/" in word:
                folder = found[0].parent if found[0].is_file() else found[0]
            named += 1
    assert named > 80


def test_every_package_is_listed():
    """Folders of Python files that pyproject.toml forgets would be missing from a wheel."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = set(re.findall(r'^    "(quantdeck[.\w]*)",$', text, re.M))
    found = set()
    for top, name in (
        ("engine", "quantdeck.engine"),
        ("sessions", "quantdeck.sessions"),
        ("tui", "quantdeck.tui"),
        ("quantdeck", "quantdeck"),
    ):
        for file in (ROOT / top).rglob("__init__.py"):
            parts = file.parent.relative_to(ROOT / top).parts
            found.add(".".join([name, *parts]))
    assert found <= listed

"""No text of the workbench is read as markup: widgets that would do so are not used, or told not to."""

import ast
from pathlib import Path

import pytest
import quantdeck.tui

FILES = sorted(Path(quantdeck.tui.__file__).parent.rglob("*.py"))
PARSES = {"Static", "Label", "Button", "OptionList", "DataTable", "Tree", "DirectoryTree", "Markdown", "Log"}
FORBIDDEN = {
    "DataTable",
    "LoadingIndicator",
    "ProgressBar",
    "Header",
    "RichLog",
    "DirectoryTree",
    "Tree",
    "Toast",
}
STRING_TAKERS = {"notify", "border_title", "border_subtitle", "from_markup", "tooltip"}


def names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_widget_reads_markup(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    assert not names(tree) & FORBIDDEN
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            assert node.attr not in STRING_TAKERS, f"line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PARSES:
            told = {word.arg: word.value for word in node.keywords}
            markup = told.get("markup")
            assert isinstance(markup, ast.Constant), f"line {node.lineno}"
            assert markup.value is False, f"line {node.lineno}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_updated_is_content_and_never_a_string(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr == "update" and node.args and "Static" in ast.unparse(node.func):
            assert ast.unparse(node.args[0]).startswith("Content("), f"{file.name} line {node.lineno}"

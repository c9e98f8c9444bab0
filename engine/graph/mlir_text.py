"""Reads TPU-MLIR's printed form into plain operations: one line an operation, names in locations."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import QuantdeckError
from ..text import visible

Value = bool | int | float | str | list["Value"] | None

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<tensor>tensor<(?:[^<>"]|<(?:[^<>"]|<[^<>"]*>)*>)*>)
    | (?P<enum>\#\w+<[^<>"]*>)
    | (?P<value>%\w+)
    | (?P<alias>\#\w+)
    | (?P<symbol>@[\w$.\-]+)
    | (?P<number>-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
    | (?P<arrow>->)
    | (?P<word>[A-Za-z_][\w.$]*)
    | (?P<punct>[=(){}\[\],:<>])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)
_DEPTH = 16
_RESULTS = 4096


@dataclass(frozen=True, slots=True)
class Type:
    """A tensor type: shape and element type as printed ("f32", "si64", "!quant..."); None stands for none."""

    shape: tuple[int, ...]
    element: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One printed operation; ``results`` are value names, with "#i" behind them where there are several."""

    kind: str
    results: tuple[str, ...]
    operands: tuple[str, ...]
    attributes: Mapping[str, Value]
    types: tuple[Type | None, ...]
    names: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Module:
    """A printed module: its name, operations in order and the values that the function returns."""

    name: str
    operations: tuple[Operation, ...]
    returned: tuple[str, ...]


class Tokens:
    """The tokens of one line."""

    def __init__(self, text: str, line: int) -> None:
        self.line = line
        self._tokens = list(_split(text, line))
        self._position = 0

    def peek(self) -> str:
        """The next token, "" at the end."""
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def next(self) -> str:
        """Take a token."""
        token = self.peek()
        if not token:
            raise Garbled(self.line, "ends too early")
        self._position += 1
        return token

    def expect(self, wanted: str) -> None:
        """Take one certain token."""
        token = self.peek()
        if token != wanted:
            raise Garbled(self.line, f"has {visible(token[:40]) or 'its end'} where {wanted} belongs")
        self._position += 1

    def take(self, wanted: str) -> bool:
        """Take a token if it is *wanted*."""
        if self.peek() != wanted:
            return False
        self._position += 1
        return True


class Garbled(Exception):
    """A line that is no printed Top dialect."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line} {what}")


def _split(text: str, line: int) -> Iterator[str]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise Garbled(line, f"holds {visible(text[position : position + 20].strip())}")
        position = match.end()
        yield match.group().strip()


def parse_module(text: str) -> Module:
    """Read a printed module.

    Errors: Garbled with the line number.
    """
    locations: dict[str, tuple[str, ...]] = {}
    lines = text.split("\n")
    for number, content in enumerate(lines, 1):
        if content.startswith("#"):
            _location_line(Tokens(content, number), locations)
    name, returned = "", ()
    operations: list[Operation] = []
    for number, content in enumerate(lines, 1):
        stripped = content.strip()
        if stripped.startswith("%"):
            operations.append(_operation(Tokens(stripped, number), locations))
        elif stripped.startswith("module"):
            name = _module_name(Tokens(stripped, number))
        elif stripped.startswith("return"):
            returned = _returned(Tokens(stripped, number))
        elif stripped and not stripped.startswith(("#", "func.func", "}", "//")):
            raise Garbled(number, f"starts with {visible(stripped[:20])}")
    if not operations:
        raise Garbled(len(lines), "is the end and no operation came before it")
    return Module(name, tuple(operations), returned)


def _location_line(tokens: Tokens, locations: dict[str, tuple[str, ...]]) -> None:
    alias = tokens.next()
    tokens.expect("=")
    if tokens.peek() == "loc":
        locations[alias] = _location(tokens)


def _location(tokens: Tokens) -> tuple[str, ...]:
    """The quoted names and aliases in ``loc(...)``, as printed."""
    tokens.expect("loc")
    tokens.expect("(")
    found: list[str] = []
    depth = 1
    while depth:
        token = tokens.next()
        depth += (token == "(") - (token == ")")
        if token.startswith(('"', "#")):
            found.append(token)
    return tuple(found)


def _names(
    printed: tuple[str, ...], locations: Mapping[str, tuple[str, ...]], depth: int = 0
) -> tuple[str, ...]:
    """The names of a location, aliases followed."""
    found: list[str] = []
    for token in printed if depth < _DEPTH else ():
        if token.startswith('"'):
            found.append(unescape(token))
        else:
            found.extend(_names(locations.get(token, ()), locations, depth + 1))
        if len(found) > _RESULTS:
            break
    return tuple(found)


def _module_name(tokens: Tokens) -> str:
    tokens.expect("module")
    token = tokens.peek()
    return token[1:] if token.startswith("@") else ""


def _returned(tokens: Tokens) -> tuple[str, ...]:
    tokens.expect("return")
    return tuple(_values(tokens))


def _values(tokens: Tokens) -> list[str]:
    found: list[str] = []
    while tokens.peek().startswith("%"):
        value = tokens.next()
        if tokens.peek().startswith("#"):
            value += tokens.next()
        found.append(value)
        if not tokens.take(","):
            break
    return found


def _operation(tokens: Tokens, locations: Mapping[str, tuple[str, ...]]) -> Operation:
    base = tokens.next()
    count = int(tokens.next()) if tokens.take(":") else 1
    if not 1 <= count <= _RESULTS:
        raise Garbled(tokens.line, f"has {count} results")
    tokens.expect("=")
    kind = tokens.next()
    if not kind.startswith('"'):
        raise Garbled(tokens.line, "is no operation in quotes")
    tokens.expect("(")
    operands = _values(tokens)
    tokens.expect(")")
    attributes = _dictionary(tokens, 0) if tokens.peek() == "{" else {}
    tokens.expect(":")
    _types(tokens)
    tokens.expect("->")
    types = _types(tokens)
    names = _names(_location(tokens), locations) if tokens.peek() == "loc" else ()
    if len(types) != count:
        raise Garbled(tokens.line, f"has {count} results but {len(types)} types")
    results = (base,) if count == 1 else tuple(f"{base}#{i}" for i in range(count))
    kind = unescape(kind)
    return Operation(kind, results, tuple(operands), attributes, types, names, tokens.line)


def _types(tokens: Tokens) -> tuple[Type | None, ...]:
    if not tokens.take("("):
        return (_type(tokens),)
    found: list[Type | None] = []
    while not tokens.take(")"):
        found.append(_type(tokens))
        tokens.take(",")
    return tuple(found)


_TENSOR = re.compile(r"tensor<((?:\d+x)*)(.+)>", re.DOTALL)


def _type(tokens: Tokens) -> Type | None:
    token = tokens.next()
    if token == "none":
        return None
    match = _TENSOR.fullmatch(token)
    if match is None:
        shown = visible(token[:40])
        raise Garbled(tokens.line, f"has the type {shown}, where a tensor of known shape belongs")
    sides = match.group(1).split("x")[:-1]
    if any(len(side) > 12 for side in sides) or len(sides) > 12:
        raise Garbled(tokens.line, "has a tensor of impossible size")
    return Type(tuple(int(side) for side in sides), match.group(2))


def _dictionary(tokens: Tokens, depth: int) -> dict[str, Value]:
    tokens.expect("{")
    found: dict[str, Value] = {}
    while not tokens.take("}"):
        name = tokens.next().strip('"')
        found[name] = _value(tokens, depth + 1) if tokens.take("=") else True
        tokens.take(",")
    return found


def _value(tokens: Tokens, depth: int) -> Value:
    if depth > _DEPTH:
        raise Garbled(tokens.line, "nests its attributes too deeply")
    if tokens.take("["):
        items: list[Value] = []
        while not tokens.take("]"):
            items.append(_value(tokens, depth + 1))
            tokens.take(",")
        return items
    if tokens.peek() == "{":
        _dictionary(tokens, depth + 1)
        return None
    token = tokens.next()
    value = _scalar(token, tokens.line)
    if tokens.take(":"):
        width = tokens.next()
        if width in ("f64", "f32") and isinstance(value, int):
            return float(value)
    return value


def _scalar(token: str, line: int) -> Value:
    if token.startswith('"'):
        return unescape(token)
    if token in ("true", "false"):
        return token == "true"
    if token[0].isdigit() or token[0] == "-":
        if len(token) > 40:
            raise Garbled(line, "has a number that is too long")
        if any(sign in token for sign in ".eE"):
            return float(token)
        if abs(int(token)) >= 2**63:
            raise Garbled(line, "has a number that is too long")
        return int(token)
    return token


def unescape(token: str) -> str:
    r"""The text of a printed string: ``\22`` is a byte in hexadecimal, ``\\`` a backslash."""
    body = token[1:-1].encode("utf-8", "surrogatepass")

    def byte(match: re.Match[bytes]) -> bytes:
        code = match.group(1)
        if len(code) == 2:
            return bytes([int(code, 16)])
        return {b"n": b"\n", b"t": b"\t"}.get(code, code)

    return _ESCAPE.sub(byte, body).decode("utf-8", "replace")


def read_text(path_text: str, data: bytes) -> Module:
    """Parse a file's bytes.

    Errors: QuantdeckError with the file's name and the line.
    """
    try:
        return parse_module(data.decode("utf-8"))
    except (Garbled, UnicodeDecodeError, ValueError) as error:
        reason = str(error) if isinstance(error, Garbled) else "it is no UTF-8 text with whole numbers"
        raise QuantdeckError(
            f"{visible(path_text)}: cannot be read as a network printed by TPU-MLIR: {reason}; "
            "give the top.mlir that model_transform wrote"
        ) from error

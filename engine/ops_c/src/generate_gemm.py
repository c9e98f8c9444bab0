"""Writes gemm_zmm.inc and gemm_ymm.inc: every tile of the matrix kernels, with named accumulators.

Named variables, because compilers keep arrays of accumulators in memory. The files that include the result
give the vector type and its vocabulary (LOAD, SPREAD, DOT..., see gemm_avx512vnni.c).
"""

from pathlib import Path

SHAPES = {"zmm": {4: 6, 3: 8, 2: 12, 1: 12}, "ymm": {2: 6, 1: 8}}


def kernel(width: int, rows: int) -> str:
    """One kernel: `rows` rows by `width` vectors of output channels."""
    cells = [(r, n) for r in range(rows) for n in range(width)]
    body = [f"static void tile_{width}x{rows}(const gemm_tile *t) {{"]
    body += [f"    const uint8_t *{', *'.join(f'a{r} = t->rows[{r}]' for r in range(rows))};"]
    body += ["    const uint8_t *w = t->weights;"]
    body += [f"    VEC {', '.join(f'c0_{n} = LOAD(t->bias + {n} * LANES)' for n in range(width))};"]
    if rows > 1:
        body += [f"    VEC {', '.join(f'c{r}_{n} = c0_{n}' for r, n in cells if r)};"]
    body += ["    for (int64_t s = 0; s < t->segment_count; s++) {"]
    body += ["        FORGET;"]  # the loop needs the registers that hoisted fields of *t would take
    body += ["        ptrdiff_t k = t->segments[s];"]
    body += ["        const ptrdiff_t end = k + t->segment_bytes;"]
    body += ["        do {"]
    body += [f"            VEC x, {', '.join(f'w{n} = LOAD(w + {n} * STEP)' for n in range(width))};"]
    for r in range(rows):
        dots = " ".join(f"DOT(c{r}_{n}, x, w{n});" for n in range(width))
        body += [f"            x = SPREAD(a{r} + k); {dots}"]
    body += [f"            w += {width} * STEP;", "            k += 4;"]
    body += ["        } while (k != end);", "    }"]
    body += [f"    HOLD(c{r}_{n});" for r, n in cells]
    body += ["    if (t->store == STORE_INT32) {"]
    body += [f"        PUT_INT32({r}, {n}, c{r}_{n});" for r, n in cells]
    body += ["        return;", "    }"]
    for n in range(width):  # by column: two multiplier vectors live at a time
        both = f"even = LOAD(t->even + {n} * LANES), odd = LOAD(t->odd + {n} * LANES)"
        body += ["    {", f"        const VEC {both};"]
        body += [f"        c{r}_{n} = scaled(c{r}_{n}, even, odd); HOLD(c{r}_{n});" for r in range(rows)]
        body += ["    }"]
    body += ["    if (t->store == STORE_SIGNED) {", *stores(width, rows, "SIGNED")]
    body += ["    } else {", *stores(width, rows, "UNSIGNED"), "    }", "}"]
    return "\n".join(body) + "\n"


def stores(width: int, rows: int, name: str) -> list[str]:
    """Narrow four vectors at a time: one row of four or three, two rows of two, four rows of one."""
    together = 4 // width if width < 3 else 1
    lines: list[str] = []
    for first in range(0, rows, together):
        cells = [f"c{min(r, rows - 1)}_{n}" for r in range(first, first + together) for n in range(width)]
        cells += [cells[-1]] * (4 - len(cells))
        real = min(together, rows - first)
        lines += [f"        PUT_{width}({first}, {real}, {name}({', '.join(cells)}));"]
    return lines


def table(shape: dict[int, int]) -> str:
    """The macro that lists all kernels for the table of an instruction set."""
    widths = range(max(shape) + 1)
    lists = [", ".join(["0", *(f"tile_{w}x{r}" for r in range(1, shape.get(w, 0) + 1))]) for w in widths]
    rows = ", ".join(str(shape.get(w, 0)) for w in widths)
    kernels = ", \\\n     ".join(f"{{{names}}}" for names in lists)
    return f"#define TILES {{{rows}}}, \\\n    {{{kernels}}}\n"


def texts() -> dict[str, str]:
    """Name and contents of both files."""
    found: dict[str, str] = {}
    for name, shape in SHAPES.items():
        parts = ["/* Written by generate_gemm.py; change that. */\n"]
        parts += [kernel(width, rows) for width in sorted(shape) for rows in range(1, shape[width] + 1)]
        found[f"gemm_{name}.inc"] = "\n".join([*parts, table(shape)])
    return found


if __name__ == "__main__":
    for name, text in texts().items():
        (Path(__file__).parent / name).write_text(text, encoding="utf-8")

"""Makes session files for the tests of the workbench: realistic figures, fixed seeds, no engine needed."""

import json
import math
import random
import sqlite3
from array import array
from pathlib import Path

from quantdeck.sessions.packing import pack
from quantdeck.sessions.schema import APPLICATION_ID, MIGRATIONS, VERSION

CREATED = 1_760_000_000.0
METHODS = ("kl", "kl_tune", "mse", "max", "percentile9999", "aciq_gauss", "aciq_laplace")
SHARES = {
    "kl": 0.62,
    "kl_tune": 0.66,
    "mse": 0.55,
    "max": 1.0,
    "percentile9999": 0.93,
    "aciq_gauss": 0.41,
    "aciq_laplace": 0.78,
}
HOSTILE = (
    "[/0/conv]",
    "a[/b]c",
    "[red]x[/red]",
    "[@click=app.quit()]hi[/]",
    "x\\[y]",
    "esc\x1b[2J\x1b]52;c;AAAA\x07here",
    "c1\x9b31mred",
    "line\nbreak\ttab\rreturn",
    "rtl\u202eevil\u2066x",
    "\u5c42\u540d\u79f0\u5f88\u957f\u7684\u5377\u79ef\u5c42\u8f93\u51fa\u5f20\u91cf\u540d\u79f0",
    "\u534a\uff76\uff85kana",
    "e\u0301" * 20,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "zero\u200bwidth\ufeff",
    "#comment, with: blanks",
    "n" * 5000,
    "-o",
    "../../etc/passwd",
    "",
    " ",
)


def make_session(
    path: Path,
    *,
    layers: int = 64,
    hostile: bool = False,
    scored: bool = True,
    title: str = "mobilenet",
    chip: str = "bm1684x",
) -> Path:
    """Write a session file; *scored* False leaves it as it is before any calibration."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    for migration in MIGRATIONS:
        migration(connection)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={VERSION}")
    rows = _network(layers, hostile)
    with connection:
        _heads(connection, rows, title, chip)
        _layers(connection, rows)
        if scored:
            _figures(connection, rows, chip)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def add_job(
    path: Path,
    *,
    state: str = "running",
    kind: str = "calibrate",
    done: int = 34,
    total: int = 100,
    message: str | None = None,
    log: str | None = None,
    heartbeat: float | None = None,
) -> int:
    """A row of the job table, as a worker would write it; returns its number."""
    connection = sqlite3.connect(path)
    with connection:
        rev = _raise(connection)
        cursor = connection.execute(
            "INSERT INTO job(kind, title, spec, state, wanted, created, started, pid, heartbeat, stage, done,"
            " total, rate, eta, message, log, rev) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                kind,
                f"{kind} with kl",
                "{}",
                state,
                "run",
                CREATED,
                CREATED,
                1,
                heartbeat,
                "statistics",
                done,
                total,
                12.5,
                5.0,
                message,
                log,
                rev,
            ),
        )
    connection.close()
    return int(cursor.lastrowid or 0)


def add_plans(path: Path) -> list[int]:
    """Two more plans with scores and figures of every sample, as edits and their confirmation leave them."""
    connection = sqlite3.connect(path)
    pick = random.Random(11)
    names = [row[0] for row in connection.execute("SELECT name FROM layer ORDER BY position")]
    body = json.loads(connection.execute("SELECT body FROM plan WHERE id = 1").fetchone()[0])
    entries = [f"/data/imagenet/val_{number:04}.jpg" for number in range(12)]
    found: list[int] = []
    with connection:
        rev = _raise(connection)
        skipped = json.dumps([["/data/imagenet/bro[/]ken.jpg", "the picture ends too early"]])
        connection.execute(
            "UPDATE samples SET entries = ?, formed = 12, skipped = ?", (json.dumps(entries), skipped)
        )
        _sample_score(connection, 1, 12, 20.0, pick)
        for number, count in ((2, 1), (3, 4)):
            modes = dict.fromkeys(names[1 : 1 + count], "F16")
            label = f"{names[1]} to F16" if count == 1 else f"{count} layers to F16"
            connection.execute(
                "INSERT INTO plan VALUES(?,?,?,?,?,?)",
                (
                    number,
                    str(number) * 64,
                    label,
                    CREATED + number,
                    number - 1,
                    json.dumps({**body, "modes": modes}),
                ),
            )
            connection.execute(
                "INSERT INTO layer_score SELECT ?, layer, CASE WHEN layer IN (SELECT value FROM json_each(?))"
                " THEN 'F16' ELSE mode END, local_cos, local_sqnr, cos, sqnr + ?, saturation, ? FROM layer_score"
                " WHERE plan = 1",
                (number, json.dumps(list(modes)), 0.25 * number, rev),
            )
            _sample_score(connection, number, 12, 20.0 + number, pick)
            found.append(number)
        connection.execute("UPDATE state SET current_plan = 3")
    connection.close()
    return found


def _sample_score(
    connection: sqlite3.Connection, plan: int, samples: int, sqnr: float, pick: random.Random
) -> None:
    """A score with figures of each sample in its body."""
    levels = [sqnr + 6 * pick.random() - 3 for _ in range(samples)]
    similarity = {
        "cosine": [_cosine(level) for level in levels],
        "euclid": [0.9] * samples,
        "signal": [1.0] * samples,
        "noise": [10 ** (-level / 10) for level in levels],
    }
    body = {"outputs": [{"name": "output", "similarity": similarity, "slices": []}], "samples": samples}
    connection.execute(
        "INSERT OR REPLACE INTO score(plan, samples_digest, created, cos, sqnr, dead, body) VALUES(?,?,?,?,?,0,?)",
        (plan, "c" * 64, CREATED + plan, _cosine(sqnr), sqnr, json.dumps(body)),
    )


def add_search(path: Path, *, state: str = "running", target: float = 0.99, trials: int = 14) -> int:
    """A search with the trials that its driver commits; a finished one has its outcome."""
    job = add_job(path, state=state, kind="search", heartbeat=4e9, done=trials, total=40)
    spec = {"kind": "search_qtable", "strategy": "pareto", "expected_cos": target}
    connection = sqlite3.connect(path)
    pick = random.Random(5)
    names = [row[0] for row in connection.execute("SELECT name FROM layer ORDER BY position")]
    body = json.loads(connection.execute("SELECT body FROM plan WHERE id = 1").fetchone()[0])
    points: list[list[object]] = []
    with connection:
        connection.execute(
            "UPDATE job SET spec = ?, title = 'search_qtable to cos 0.99', rev = ? WHERE id = ?",
            (json.dumps(spec), _raise(connection), job),
        )
        for position in range(trials):
            floats = position // 2
            cos = 1 - 0.02 * math.exp(-floats / 3) - 0.001 * pick.random()
            plan = {**body, "modes": dict.fromkeys(names[:floats], "F16")}
            points.append([floats, cos, json.dumps(plan, separators=(",", ":"))])
            connection.execute(
                "INSERT INTO trial VALUES(?,?,?,?,?,?,?,NULL,NULL)",
                (f"{job}-{position}", job, position + 1, CREATED + position, floats, cos, 20.0),
            )
        best = max(points, key=lambda point: float(str(point[1])))
        ranking = [[name, "Conv", 0.01 / (place + 1), "mse", 1.0] for place, name in enumerate(names[:20])]
        outcome = {"plan": best[2], "curve": points, "ranking": ranking}
        done = state == "done"
        connection.execute(
            "INSERT INTO search(job, kind, samples, best, cos, target, float_layers, reason, outcome, lines, files)"
            " VALUES(?, 'search_qtable', '{}', ?, ?, ?, ?, ?, ?, '', '[]')",
            (
                job,
                None if done else pack({"plan": best[2], "cos": best[1], "layers": []}),
                best[1],
                target,
                best[0],
                "target confirmed" if done else None,
                pack(outcome) if done else None,
            ),
        )
    connection.close()
    return job


def add_trial(path: Path, job: int, position: int, floats: int, cos: float) -> None:
    """One more trial of a search, as its driver commits it."""
    connection = sqlite3.connect(path)
    with connection:
        _raise(connection)
        connection.execute(
            "INSERT INTO trial VALUES(?, ?, ?, ?, ?, ?, 20.0, NULL, NULL)",
            (f"more-{position}", job, position, CREATED, floats, cos),
        )
    connection.close()


def set_job(path: Path, job: int, **values: object) -> None:
    """Change columns of a job's row."""
    connection = sqlite3.connect(path)
    with connection:
        rev = _raise(connection)
        for name, value in {**values, "rev": rev}.items():
            connection.execute(f"UPDATE job SET {name}=? WHERE id=?", (value, job))
    connection.close()


def set_layer_score(path: Path, layer: str, **values: object) -> None:
    """Change columns of a layer's figures under the current plan."""
    connection = sqlite3.connect(path)
    with connection:
        rev = _raise(connection)
        for name, value in {**values, "rev": rev}.items():
            connection.execute(f"UPDATE layer_score SET {name}=? WHERE layer=?", (value, layer))
    connection.close()


def layer_names(path: Path) -> list[str]:
    """Names of the layers in graph order."""
    connection = sqlite3.connect(path)
    names = [row[0] for row in connection.execute("SELECT name FROM layer ORDER BY position")]
    connection.close()
    return names


def _raise(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE state SET rev = rev + 1")
    return int(connection.execute("SELECT rev FROM state").fetchone()[0])


def _network(count: int, hostile: bool) -> list[dict[str, object]]:
    """An inverted-residual network of *count* layers, or one full of hostile names."""
    rows: list[dict[str, object]] = []
    source, size, channels = "input", 112, 16
    for position in range(count):
        kind = position % 4
        block = position // 4
        op = ("Conv", "Conv", "Conv", "Add")[kind]
        if kind == 0 and block and block % 4 == 0:
            size, channels = max(7, size // 2), channels + 16
        wide = channels * (6 if kind in (0, 1) else 1)
        macs = {0: wide * channels, 1: wide * 9, 2: wide * channels * 6, 3: 0}[kind] * size * size
        suffix = ("expand/Clip", "depthwise/Clip", "project/Conv", "Add")[kind]
        name = f"features.{block}/{suffix}_output_0_{('Clip', 'Clip', 'Conv', 'Add')[kind]}"
        if hostile:
            name = HOSTILE[position] if position < len(HOSTILE) else f"{HOSTILE[position % 9]}{position}"
        if position == count - 1:
            op, size, channels, wide, macs = "MatMul", 1, 1000, 1000, 1_280_000
            name = name if hostile else "output_Gemm"
        shape = f"1x{wide}" if op == "MatMul" else f"1x{wide}x{size}x{size}"
        detail = ("1x1, relu6", f"3x3, group {wide}, relu6", "1x1", "")[kind]
        rows.append({"name": name, "op": op, "shape": shape, "macs": macs, "detail": detail, "input": source})
        source = name
    return rows


def _heads(connection: sqlite3.Connection, rows: list[dict[str, object]], title: str, chip: str) -> None:
    settings = {"method": "kl", "input_num": 100, "tune_num": 5, "bins": 2048}
    connection.execute(
        "INSERT INTO state VALUES(1, 1, ?, ?, '0.1.0', ?, 'F16', NULL, ?)",
        (CREATED, title, chip, json.dumps(settings)),
    )
    last = rows[-1]["name"]
    connection.execute(
        "INSERT INTO model VALUES(1, ?, ?, ?, ?, 14000000, ?, ?, ?)",
        (
            "/models/mobilenet_v2.onnx",
            "a" * 64,
            "b" * 64,
            "mobilenet_v2",
            json.dumps([["input", [1, 3, 224, 224], "float32"]]),
            json.dumps([["output", last, [1, 1000]]]),
            "[]",
        ),
    )
    preprocess = {"resize_dims": [256, 256], "mean": [123.675, 116.28, 103.53], "pixel_format": "rgb"}
    connection.execute(
        "INSERT INTO samples(role, path, digest, requested, used, formed, preprocess, entries, skipped)"
        " VALUES('calibration', '/data/imagenet', ?, 100, 100, 100, ?, '[]', '[]')",
        ("c" * 64, json.dumps(preprocess)),
    )


def _layers(connection: sqlite3.Connection, rows: list[dict[str, object]]) -> None:
    for position, row in enumerate(rows):
        inputs = [row["input"]]
        if row["op"] == "Add" and position >= 4:
            inputs.append(rows[position - 4]["name"])
        weights = int(str(row["macs"])) // 3000
        known = (position, row["name"], row["op"], row["shape"], row["macs"], weights)
        connection.execute(
            "INSERT INTO layer VALUES(?,?,?,?,?,?,?,?,?,1)",
            (*known, json.dumps(inputs), json.dumps([row["name"]]), row["detail"]),
        )


def _figures(connection: sqlite3.Connection, rows: list[dict[str, object]], chip: str) -> None:
    pick = random.Random(7)
    thresholds: dict[str, list[object]] = {}
    sqnr = 42.0
    names = ["input", *(str(row["name"]) for row in rows)]
    for position, name in enumerate(names):
        top = 2.5 + 4 * pick.random()
        low = -top * pick.random() if position % 4 in (0, 3) else 0.0
        _tensor(connection, position, name, low, top, pick)
        for method in METHODS:
            value = top * SHARES[method] * (1.0 if method == "max" else 0.96 + 0.08 * pick.random())
            connection.execute("INSERT INTO threshold VALUES(?,?,?,?,?,1)", (name, method, value, low, top))
            if method == "kl_tune":
                thresholds[name] = [value, low, top, "kl_tune"]
    body = {"chip": chip, "fp_type": "F16", "thresholds": thresholds, "modes": {}}
    connection.execute(
        "INSERT INTO plan VALUES(1, ?, 'kl calibration', ?, NULL, ?)", ("d" * 64, CREATED, json.dumps(body))
    )
    connection.execute("UPDATE state SET current_plan = 1")
    for row in rows:
        local = (
            34 + 10 * pick.random() - (16 if "depthwise" in str(row["name"]) and pick.random() < 0.25 else 0)
        )
        sqnr = -10 * math.log10(10 ** (-sqnr / 10) * 0.86 + 10 ** (-local / 10) * 0.35)
        mode = "F16" if row["op"] == "MatMul" else "INT8"
        figures = (_cosine(local), local, _cosine(sqnr), sqnr, pick.random() ** 4 * 0.02)
        if mode == "F16":
            figures = (None, None, *figures[2:])
        connection.execute("INSERT INTO layer_score VALUES(1,?,?,?,?,?,?,?,1)", (row["name"], mode, *figures))
    connection.execute(
        "INSERT INTO score VALUES(1, 1, ?, ?, ?, ?, 0, 0.719, 0.711, 0.905, 0.902, 1000, '{}')",
        ("c" * 64, CREATED, _cosine(sqnr), sqnr),
    )


def _tensor(
    connection: sqlite3.Connection, position: int, name: str, low: float, top: float, pick: random.Random
) -> None:
    bins, spread = 256, top / (3 + 2 * pick.random())
    step = (top - low) / bins
    counts = array("f")
    for index in range(bins):
        value = low + (index + 0.5) * step
        counts.append(float(int(40_000 * math.exp(-abs(value) / spread) * (0.7 + 0.6 * pick.random()))))
    connection.execute(
        "INSERT INTO tensor VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,1)",
        (
            position,
            name,
            name if position else None,
            "1x96x56x56",
            low,
            top,
            spread * 0.4,
            spread,
            0.31 if low == 0 else 0.0,
            None,
            counts.tobytes(),
            low,
            top,
        ),
    )


def _cosine(sqnr: float) -> float:
    return 1 / math.sqrt(1 + 10 ** (-sqnr / 10))

"""Tables of a session file and the migrations that lead to them.

A session is one SQLite file in WAL mode. Numbers that the workbench shows are columns, so that it reads
rows with sqlite3 alone; bodies that only the engine reads are JSON or blobs. ``rev`` columns carry the
session's revision (``state.rev``) of the commit that wrote the row; readers poll it (style 2.6).
"""

from collections.abc import Callable
from typing import Protocol

APPLICATION_ID = 0x51444543  # "QDEC", in SQLite's header: a foreign database is recognised by it

_V1 = """
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    rev INTEGER NOT NULL,              -- raised by every commit
    created REAL NOT NULL,             -- unix seconds
    title TEXT NOT NULL,
    created_by TEXT NOT NULL,          -- quantdeck version
    chip TEXT NOT NULL,
    fp_type TEXT NOT NULL,             -- resolved: F16, BF16, F32
    current_plan INTEGER,              -- plan.id that the session stands on
    settings TEXT NOT NULL             -- JSON: method, input_num, tune_num, bins, seed, batch ...
);
CREATE TABLE model (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    path TEXT NOT NULL,
    digest TEXT NOT NULL,              -- sha256 over the model file and its external data
    graph_digest TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,             -- bytes
    inputs TEXT NOT NULL,              -- JSON [[name, shape, dtype], ...]
    outputs TEXT NOT NULL,             -- JSON [[name, tensor, shape], ...]
    notes TEXT NOT NULL                -- JSON [sentence, ...]
);
CREATE TABLE samples (
    id INTEGER PRIMARY KEY,
    role TEXT NOT NULL UNIQUE,         -- calibration, tuning, evaluation
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    requested INTEGER NOT NULL,        -- 0 = all
    used INTEGER NOT NULL,             -- files used
    formed INTEGER NOT NULL,           -- samples after batching
    preprocess TEXT NOT NULL,          -- JSON, as the command line gives it
    entries TEXT NOT NULL,             -- JSON [entry, ...] in order
    skipped TEXT NOT NULL              -- JSON [[entry, reason], ...]
);
CREATE TABLE layer (
    position INTEGER PRIMARY KEY,      -- order in the graph
    name TEXT NOT NULL UNIQUE,
    op TEXT NOT NULL,
    shape TEXT NOT NULL,               -- "1x32x112x112"
    macs INTEGER NOT NULL,             -- per sample
    params INTEGER NOT NULL,
    inputs TEXT NOT NULL,              -- JSON [tensor, ...]
    outputs TEXT NOT NULL,             -- JSON [tensor, ...]
    detail TEXT NOT NULL,              -- attributes in words: "3x3 stride 2, group 32, relu6"
    rev INTEGER NOT NULL
);
CREATE TABLE tensor (
    position INTEGER PRIMARY KEY,      -- order in the calibration table
    name TEXT NOT NULL UNIQUE,
    producer TEXT,                     -- layer.name; NULL for a graph input
    shape TEXT NOT NULL,
    min REAL, max REAL, mean REAL, std REAL,
    zero_share REAL,                   -- share of exact zeros
    warning TEXT,                      -- "all zero in 5 of 5 samples" ...
    histogram BLOB,                    -- float32 little endian counts over [histogram_lo, histogram_hi]
    histogram_lo REAL, histogram_hi REAL,
    rev INTEGER NOT NULL
);
CREATE TABLE threshold (
    tensor TEXT NOT NULL,
    method TEXT NOT NULL,              -- kl, kl_tune, mse, max, percentile9999, aciq_gauss, aciq_laplace, observer
    value REAL NOT NULL,
    min REAL NOT NULL,
    max REAL NOT NULL,
    rev INTEGER NOT NULL,
    PRIMARY KEY (tensor, method)
);
CREATE TABLE plan (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,               -- "kl calibration", "set conv_3 to F16" ...
    created REAL NOT NULL,
    parent INTEGER,
    body TEXT NOT NULL                 -- Plan.to_json
);
CREATE TABLE score (
    id INTEGER PRIMARY KEY,
    plan INTEGER NOT NULL REFERENCES plan(id),
    samples_digest TEXT NOT NULL,
    created REAL NOT NULL,
    cos REAL,                          -- mean over samples of the worst output's raw cosine
    sqnr REAL,                         -- dB, worst output
    dead INTEGER NOT NULL,             -- dead slices: varies in float, constant in int8
    top1_float REAL, top1_int8 REAL, top5_float REAL, top5_int8 REAL, labelled INTEGER,
    body TEXT NOT NULL,                -- JSON: the whole Score
    UNIQUE (plan, samples_digest)
);
CREATE TABLE layer_score (
    plan INTEGER NOT NULL REFERENCES plan(id),
    layer TEXT NOT NULL,
    mode TEXT NOT NULL,                -- INT8, F16 ... as lowered (an op the chip keeps float shows its type)
    local_cos REAL, local_sqnr REAL,   -- this layer alone in int8, at its own output
    cos REAL, sqnr REAL,               -- accumulated: the whole plan, at this layer
    saturation REAL,                   -- share of values at the rails
    rev INTEGER NOT NULL,
    PRIMARY KEY (plan, layer)
);
CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                -- calibrate, evaluate, search
    title TEXT NOT NULL,
    spec TEXT NOT NULL,                -- JSON: what to do
    state TEXT NOT NULL,               -- waiting, running, paused, done, failed, cancelled
    wanted TEXT NOT NULL,              -- run, pause, cancel
    created REAL NOT NULL, started REAL, finished REAL,
    pid INTEGER, pid_started REAL,     -- with the process start time, so that a reused number is seen
    boot TEXT,
    heartbeat REAL,
    stage TEXT, done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
    rate REAL, eta REAL,               -- steps per second, seconds left
    message TEXT,                      -- one sentence: result or error
    log TEXT,                          -- path of the log file
    rev INTEGER NOT NULL
);
CREATE INDEX layer_rev ON layer(rev);
CREATE INDEX tensor_rev ON tensor(rev);
CREATE INDEX threshold_rev ON threshold(rev);
CREATE INDEX layer_score_rev ON layer_score(rev);
CREATE INDEX job_rev ON job(rev);
"""


_V2 = """
ALTER TABLE job ADD COLUMN status INTEGER;  -- exit status of the command that a finished job stands for
CREATE TABLE trial (
    key TEXT PRIMARY KEY,              -- sha256 over everything that the result depends on
    job INTEGER NOT NULL,              -- the job that paid for it
    position INTEGER NOT NULL,         -- place among that job's trials
    created REAL NOT NULL,
    float_layers INTEGER,              -- NULL where not a whole plan was scored
    cos REAL,                          -- the figure that the search raises (the chapter's cos)
    sqnr REAL,                         -- dB, worst output
    body BLOB,                         -- zlib of the result's JSON; NULL where the trial failed
    error TEXT                         -- one sentence
);
CREATE INDEX trial_job ON trial(job, position);
CREATE TABLE calibration (
    key TEXT PRIMARY KEY,              -- sha256 over graph, samples and settings
    created REAL NOT NULL,
    body BLOB NOT NULL                 -- zlib of JSON: rows by method, warnings
);
CREATE TABLE search (
    job INTEGER PRIMARY KEY,           -- job.id
    kind TEXT NOT NULL,
    samples TEXT NOT NULL,             -- JSON: digests and entries that the search began with
    best BLOB,                         -- zlib of JSON: the best plan while the search runs
    cos REAL, int8_cos REAL, target REAL, reached INTEGER, float_layers INTEGER, reason TEXT,
    outcome BLOB,                      -- zlib of JSON: plan, ranking, curve
    lines TEXT,                        -- what the command prints
    log TEXT,                          -- the search's own log, as the original writes it
    files TEXT                         -- JSON [[option, path], ...] that were written
);
CREATE TABLE correction (
    job INTEGER NOT NULL,
    kind TEXT NOT NULL,                -- equalized, bias
    graph_digest TEXT NOT NULL,        -- of the graph with all corrections so far
    body BLOB NOT NULL,                -- npz: weights by "layer:position"
    PRIMARY KEY (job, kind)
);
"""


_V3 = """
CREATE TABLE edit (
    id INTEGER PRIMARY KEY,
    created REAL NOT NULL,
    label TEXT NOT NULL,               -- "conv_3 to F16"
    before INTEGER,                    -- plan.id
    after INTEGER NOT NULL,            -- plan.id
    undone INTEGER NOT NULL DEFAULT 0
);
"""


_V4 = """
CREATE TABLE tried (
    key TEXT PRIMARY KEY,              -- trial.key
    layer TEXT,                        -- what it is about, if not a proposal alone: a layer, a method
    method TEXT,                       -- of the layer's threshold
    cost REAL,                         -- a proposal's time, all int8 = 1
    body BLOB                          -- a plan to take: zlib of JSON, whole or what differs from another's
);
"""


class Connection(Protocol):
    """What a migration needs of a connection."""

    def executescript(self, sql: str, /) -> object:
        """Run several statements."""
        ...


def _create(connection: Connection) -> None:
    connection.executescript(_V1)


def _searches(connection: Connection) -> None:
    connection.executescript(_V2)


def _edits(connection: Connection) -> None:
    connection.executescript(_V3)


def _tried(connection: Connection) -> None:
    connection.executescript(_V4)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create, _searches, _edits, _tried)
"""Migration n leads from version n to n + 1 (PRAGMA user_version)."""

VERSION = len(MIGRATIONS)

"""What a search works on: the graph, its samples, the thresholds of every method."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import QuantdeckError
from ..engine.plan import Plan, Threshold
from ..engine.run.arithmetic import ARITHMETIC_VERSION
from ..engine.text import one_of, visible
from . import work
from .journal import Rows, digest_of, find_calibration, put_calibration_rows
from .locations import path_of
from .packing import well_formed
from .report import Report, Silent
from .search_spec import SearchSpec
from .session import Session
from .unlike import unlike_table

if TYPE_CHECKING:
    from ..engine.data.samples import Samples
    from ..engine.data.selection import Selection
    from ..engine.graph.model import Graph


def source(spec: SearchSpec, number: int, *, tuning: bool = False) -> work.Source:
    """Where the samples come from."""
    from ..engine.data.preprocess import Preprocess

    options = (
        {name: Preprocess.from_json(json.dumps(one)) for name, one in spec.preprocess.items()}
        if spec.preprocess
        else None
    )
    listed = spec.tune_list if tuning else spec.data_list
    return work.Source(
        dataset=path_of(spec.dataset) if spec.dataset and not tuning else None,
        data_list=path_of(listed) if listed else None,
        number=number,
        preprocess=options["*"] if options and "*" in options else options,
        skip_bad=spec.skip_bad,
        option="--tune_list" if tuning else "--data_list",
    )


def scored_source(spec: SearchSpec, number: int) -> work.Source:
    """Where the samples come from that score candidates."""
    found = source(spec, number)
    if spec.scored_list is None:
        return found
    return replace(found, dataset=None, data_list=path_of(spec.scored_list))


def check_files(graph: "Graph", spec: SearchSpec) -> None:
    """See that the files of a search are there before its job starts, which opens them.

    Samples of a tune list are opened at once, since the job comes to them late. Errors: QuantdeckError in one sentence.
    """
    from ..engine.data.selection import select_dataset, select_list
    from .post_process import check_file

    if spec.post_process:
        check_file(path_of(spec.post_process))
    for listed in (spec.data_list, spec.scored_list):
        if listed:
            _check_listed(select_list(path_of(listed)), spec)
    if not spec.data_list:
        select_dataset(path_of(spec.dataset or ""))
    if spec.tune_list and spec.tune_num:
        work.load_samples(graph, source(spec, 0, tuning=True), Silent())


def _check_listed(found: "Selection", spec: SearchSpec) -> None:
    """See that the files are there that the search takes first."""
    entries = found.entries[: spec.input_num or None]
    gone = [name for entry in entries for name in entry if not os.path.exists(name)]
    if gone and (not spec.skip_bad or len(gone) == sum(map(len, entries))):
        do = "does" if len(gone) == 1 else "do"
        raise QuantdeckError(
            f"{found.source}: {one_of(gone)} {do} not exist; paths count from the working folder or from the folder "
            "of the list"
        )


class Inputs:
    """Graph and samples of a search; thresholds are computed once and kept in the session."""

    def __init__(self, session: Session, job: int, spec: SearchSpec, report: Report) -> None:
        self.session = session
        self.spec = spec
        self.report = report
        self.graph = work.own_graph(session, spec.input_shapes)
        self._selected: dict[int, Samples] = {}
        self.scored = self._scored()
        self._begin(job)

    def _scored(self) -> "Samples":
        number = self._scored_number()
        if self.spec.scored_list is None:
            return self.select(number)
        return work.load_samples(self.graph, scored_source(self.spec, number), self.report)

    def _scored_number(self) -> int:
        """Samples that score candidates; pareto confirms its end on some more."""
        number = self._searched_number()
        return number + self.spec.confirm_num if self.spec.strategy == "pareto" and number else number

    def searched(self) -> int:
        """How many of the scored samples pareto searches on."""
        fresh = min(self.spec.confirm_num, len(self.scored) // 2)
        return min(self._searched_number() or len(self.scored), len(self.scored) - fresh)

    def _searched_number(self) -> int:
        spec = self.spec
        if spec.kind in ("run_qtable", "calibrate"):
            return spec.input_num
        if spec.kind == "search_threshold" and spec.input_num <= spec.inference_num:
            return spec.input_num if spec.input_num > 0 else spec.inference_num
        return spec.inference_num

    def select(self, number: int) -> "Samples":
        """The first *number* samples, 0 for all; each selection is checked once."""
        found = self._selected.get(number)
        if found is None:
            found = self._selected[number] = work.load_samples(
                self.graph, source(self.spec, number), self.report
            )
        return found

    @property
    def calibration(self) -> "Samples":
        """The calibration samples."""
        return self.select(self.spec.input_num)

    def _begin(self, job: int) -> None:
        """Remember the samples that the search begins with; a resumed one must find the same."""
        used = {"scored": self.scored}
        if self.spec.kind != "run_qtable":
            used["calibration"] = self.calibration
        now = {
            role: {
                "digest": found.digest,
                "entries": [",".join(entry) for entry in found.entries],
                "prints": list(found.prints),
            }
            for role, found in used.items()
        }
        row = self.session.row("SELECT samples FROM search WHERE job = ?", job)
        if row is None:
            with self.session.write() as writer:
                first = {"job": job, "kind": self.spec.kind, "samples": json.dumps(now)}
                writer.insert("search", [first])
        else:
            with well_formed():
                change = _change(json.loads(row["samples"]), now)
            self._go_on(job, change, now)
        self._tell_overlap()
        for sentence in unlike_table(self.scored, self._given_rows()):
            self.report.say(sentence)

    def _go_on(self, job: int, change: str, now: dict[str, Any]) -> None:
        """See that a resumed job has its samples; before its first trial any will do, such as one fewer (NaN)."""
        if not change:
            return
        if self.session.row("SELECT 1 FROM trial WHERE job = ?", job) is not None:
            raise QuantdeckError(
                f"the samples are not those that the search began with ({change}); put them back and resume the job, "
                f"or give it up with quantdeck cancel {visible(str(self.session.path))} {job} and start a new search"
            )
        with self.session.write() as writer:
            writer.update("search", job, {"samples": json.dumps(now)}, column="job")
        self.report.say(
            f"the samples have changed since the search began ({change}); nothing was scored before, so it begins "
            "with those that are there now"
        )

    def _tell_overlap(self) -> None:
        if self.spec.kind in ("run_qtable", "calibrate"):
            return
        shared = set(self.scored.entries) & set(self.calibration.entries)
        if shared:
            self.report.say(
                f"{len(shared)} of the {len(self.scored.entries)} samples that score candidates are "
                "calibration samples too, as in the original; confirm the result on others with "
                "quantdeck evaluate"
            )

    # ---------------------------------------------------------------- thresholds

    def thresholds(self, graph: "Graph", methods: Sequence[str], tuned: Iterable[str] = ()) -> Rows:
        """Rows by method; a method of *tuned* has its tuned rows where tuning does something for it."""
        from ..engine.calib.methods import KNOWN

        wanted = {name for name in tuned if KNOWN[name].tunable and self.spec.tune_num > 0}
        found: Rows = {}
        plain = [name for name in methods if name not in wanted]
        if wanted:
            first, *rest = [name for name in methods if name in wanted]
            rows = self._calibrated(graph, first, plain)
            found[first] = rows[f"{first}_tune"]
            found |= {name: rows[name] for name in plain}
            for name in rest:
                found[name] = self._calibrated(graph, name, ())[f"{name}_tune"]
        else:
            first, *others = plain
            rows = self._calibrated(graph, first, others, tune_num=0)
            found |= {name: rows[name] for name in plain}
        return {name: found[name] for name in methods}

    def _calibrated(
        self, graph: "Graph", method: str, methods: Sequence[str], tune_num: int | None = None
    ) -> Rows:
        spec = self.spec
        tune_num = spec.tune_num if tune_num is None else tune_num
        tune = None
        if spec.tune_list and tune_num:
            tune = work.load_samples(graph, source(spec, 0, tuning=True), self.report)
        key = digest_of(
            "calibration", ARITHMETIC_VERSION, graph.digest, self.calibration.digest, method, sorted(methods),
            tune_num, tune.digest if tune else "", spec.bins, spec.exact,
            spec.find_lower_th, spec.tune_steps, spec.min_tuned_diff,
        )  # fmt: skip
        known = find_calibration(self.session, key)
        if known is None:
            known = self._calibrate(graph, method, methods, tune_num, tune)
            put_calibration_rows(self.session, key, *known)
        for sentence in known[1]:
            self.report.say(sentence)
        return known[0]

    def _calibrate(
        self,
        graph: "Graph",
        method: str,
        methods: Sequence[str],
        tune_num: int,
        tune: "Samples | None",
    ) -> tuple[Rows, list[str]]:
        from ..engine.calib.calibrate import calibrate
        from ..engine.calib.tune import TuneRule

        names = ", ".join((method, *methods))
        done = calibrate(
            graph,
            self.calibration,
            method=method,
            methods=methods,
            bins=self.spec.bins,
            tune_num=tune_num,
            tune_samples=tune,
            exact=self.spec.exact,
            tuning=TuneRule(self.spec.find_lower_th, self.spec.tune_steps, self.spec.min_tuned_diff),
            progress=self.report.stage(f"calibrating with {names}"),
        )
        rows = {name: dict(found) for name, found in done.by_method.items()}
        return rows, list(done.warnings)

    def start_plan(self, rows: Mapping[str, Threshold]) -> Plan:
        """A plan of all int8."""
        return Plan(chip=self.spec.chip, fp_type=self.spec.fp_type, thresholds=rows)

    def given_plan(self) -> Plan:
        """The plan of the calibration table that was given."""
        return self.start_plan(self._given_rows())

    def _given_rows(self) -> dict[str, Threshold]:
        return {row[0]: Threshold(*row[1:]) for row in self.spec.start}


def _change(before: dict[str, Any], now: dict[str, Any]) -> str:
    """How the samples differ from those of a job's beginning, in words; "" where they are the same."""
    for role, found in now.items():
        old = before.get(role)
        if old is None or old["digest"] == found["digest"]:
            continue
        gone = [entry for entry in old["entries"] if not all(Path(name).exists() for name in _names(entry))]
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        return f"{visible(gone[0])} is missing{more}" if gone else "a file is new or has changed"
    return ""


def _names(entry: str) -> list[str]:
    """The files of an entry; a name may hold a comma itself."""
    return [entry] if Path(entry).exists() else entry.split(",")


class Watched:
    """Samples whose first error is kept: a file that is gone stops the search, it is no failed trial."""

    def __init__(self, samples: "Samples") -> None:
        self._samples = samples
        self.error: BaseException | None = None

    @property
    def groups(self) -> Sequence[Any]:
        """Which rows make each sample."""
        return self._samples.groups

    def feed(self, group: Any, /) -> dict[str, Any]:
        """The arrays of one sample."""
        try:
            return self._samples.feed(group)
        except BaseException as error:
            self.error = self.error or error
            raise

    def batches(self) -> Iterable[dict[str, Any]]:
        """One feed a sample."""
        for group in self.groups:
            yield self.feed(group)

    def check(self) -> None:
        """Raise what went wrong, in a sentence.

        Errors: QuantdeckError.
        """
        error = self.error
        self.error = None
        if isinstance(error, QuantdeckError):
            raise error
        if isinstance(error, OSError):
            name = visible(str(error.filename or "a sample"))
            raise QuantdeckError(
                f"{name} cannot be read ({error.strerror}); put it back and resume the job"
            ) from error
        if error is not None:
            raise error


def without_methods(rows: Mapping[str, Threshold], method: str) -> dict[str, Threshold]:
    """Rows that all name *method* ("kl_tune" is called kl): what the chapter prints."""
    return {name: replace(row, method=method) for name, row in rows.items()}

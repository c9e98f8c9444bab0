"""Tries the user's post_process on one sample before a search starts (spec A.8)."""

from ..engine.errors import QuantdeckError
from ..engine.run.float_runner import FloatRunner
from ..engine.run.trials.comparison import Comparison
from ..engine.text import visible
from .locations import path_of
from .post_process import PostProcessor, file_digest
from .report import Report
from .search_inputs import Inputs
from .search_spec import SearchSpec


def tried(spec: SearchSpec, inputs: Inputs, report: Report) -> PostProcessor:
    """The function, once it has worked on the first sample.

    Errors: QuantdeckError when it does not, or when the file has changed since the search began.
    """
    path = path_of(spec.post_process or "")
    shown = visible(str(path))
    if file_digest(path) != spec.post_process_digest:
        raise QuantdeckError(
            f"--post_process {shown} has changed since the search began; put the old text back and resume, "
            "or start a new search"
        )
    advance = report.stage("trying post_process")
    post = PostProcessor(path, lambda: advance(0, 1))
    graph = inputs.graph
    names = tuple(name for name, _ in spec.compared)
    labels = {name: name for name in names} or {output.name: output.tensor for output in graph.outputs}
    feeds = inputs.scored.feed(inputs.scored.groups[0])
    values = FloatRunner(graph, names or graph.output_tensors).run(feeds)
    try:
        first = Comparison(labels, post)
        first.add(values, values)
        _check(first)
    except QuantdeckError as error:
        post.close()
        raise QuantdeckError(f"--post_process {shown} does not work on the first sample: {error}") from error
    except BaseException:
        post.close()
        raise
    return post


def _check(first: Comparison) -> None:
    """See that what it returns of the float network can be compared at all."""
    for output in first.result(1).outputs:
        if not output.similarity.finite:
            raise QuantdeckError(
                f"post_process returned NaN for {visible(output.name)}; let it return numbers that can be compared"
            )

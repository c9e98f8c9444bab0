"""Small graphs and sample sources for the calibration tests."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Relu


class Arrays:
    """Feeds that are in memory already."""

    def __init__(
        self, feeds: Sequence[Mapping[str, np.ndarray]], labels: Sequence[str] | None = None
    ) -> None:
        self.feeds = list(feeds)
        self.labels = list(labels or [f"s{index}.npz" for index in range(len(feeds))])

    @property
    def formed(self) -> int:
        return len(self.feeds)

    def batches(self) -> Iterator[dict[str, np.ndarray]]:
        return (dict(feed) for feed in self.feeds)

    def label(self, index: int) -> str:
        return self.labels[index]


class Given:
    """A runner whose feeds are the values of all tensors."""

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(feeds)


def chain(shapes: Mapping[str, tuple[int, ...]]) -> Graph:
    """A graph whose first tensor is the input and whose others follow each other; nothing runs it."""
    names = list(shapes)
    layers = tuple(Layer(name, Relu(), (before,), (name,)) for before, name in pairwise(names))
    tensors = {name: Tensor(name, shape) for name, shape in shapes.items()}
    return Graph("chain", (names[0],), (Output("y", names[-1]),), layers, tensors, {}, "digest")


def smooth_pictures(shape: tuple[int, int, int], number: int, seed: int) -> list[np.ndarray]:
    """Random pictures with a 1/f spectrum, as the reference folder's mini nets were calibrated with."""
    generator = np.random.default_rng(seed)
    height, width = shape[1:]
    falloff = 0.02 + np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    pictures = []
    for _ in range(number):
        noise = generator.normal(size=shape)
        picture = np.fft.irfft2(np.fft.rfft2(noise) / falloff, s=(height, width))
        picture = picture / picture.std() * generator.uniform(0.6, 1.4) + generator.normal(0, 0.3)
        pictures.append(picture.astype(np.float32)[None])
    return pictures

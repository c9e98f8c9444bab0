"""Pictures, arrays and small graphs that the tests of engine/data feed on."""

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from quantdeck.engine.graph.model import Graph, Tensor

Array = np.ndarray


def graph_of(*inputs: tuple[str, Sequence[int]], dtype: str = "float32") -> Graph:
    """A graph that has nothing but inputs."""
    tensors = {name: Tensor(name, tuple(shape), dtype) for name, shape in inputs}
    return Graph("net", tuple(tensors), (), (), tensors, {}, "digest")


def picture(height: int = 12, width: int = 16, seed: int = 0) -> Array:
    """Soft noise, BGR."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def encoded(image: Array, suffix: str = ".png") -> bytes:
    done, data = cv2.imencode(suffix, image)
    assert done
    return data.tobytes()


def npy_bytes(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def pictures(folder: Path, count: int, suffix: str = ".png") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"p{index:02d}{suffix}" for index in range(count)]
    for index, path in enumerate(paths):
        path.write_bytes(encoded(picture(seed=index), suffix))
    return paths


def rows(folder: Path, count: int, shape: Sequence[int] = (1, 3, 4, 4)) -> list[Path]:
    """npz files of one row; row n is full of n."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"s{index:02d}.npz" for index in range(count)]
    for index, path in enumerate(paths):
        np.savez(path, x=np.full(shape, index, np.float32))
    return paths

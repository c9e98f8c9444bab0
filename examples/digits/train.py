# pyright: basic, reportMissingImports=false
"""Train the example network and write its files: digits.onnx, calibration/, test/, labels.csv.

    pip install torch scikit-learn onnx onnxruntime opencv-python-headless
    python examples/digits/train.py

The data are scikit-learn's handwritten digits (1797 pictures of 8x8, from the UCI repository), enlarged to
32x32 gray PNGs. Of the shuffled pictures the first 200 are for testing, the next 100 for calibration, the
rest for training; no picture is in two of the sets. Every seed is fixed. The last lines printed are the
accuracy in torch and that of the written ONNX file on the written PNGs.
"""

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parent))
from network import SIDE, DigitNet

FOLDER = Path(__file__).parent
SEED = 1684
TEST, CALIBRATION = 200, 100
EPOCHS, BATCH = 60, 64
SCALE = 0.0039216  # 1/255 as the command line gives it


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """All digits in shuffled order: uint8 N x 32 x 32, and their labels."""
    values, labels = load_digits(return_X_y=True)  # values 0..16
    order = np.random.default_rng(SEED).permutation(len(labels))
    small = (np.asarray(values)[order].reshape(-1, 8, 8) * (255.0 / 16.0)).astype(np.uint8)
    large = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for image in small]
    return np.stack(large), np.asarray(labels)[order]


def varied(batch: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Each picture moved by up to 3 pixels and made fainter by up to 30 %."""
    moved = []
    for image in batch:
        down, right = torch.randint(-3, 4, (2,), generator=random).tolist()
        moved.append(torch.roll(image, (down, right), (1, 2)))
    light = 0.7 + 0.3 * torch.rand((len(batch), 1, 1, 1), generator=random)
    return torch.stack(moved) * light


def train(images: torch.Tensor, labels: torch.Tensor) -> DigitNet:
    """A network trained on N x 1 x 32 x 32 pictures in 0..1."""
    torch.manual_seed(SEED)
    random = torch.Generator().manual_seed(SEED)
    net = DigitNet()
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    steps = EPOCHS * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(EPOCHS):
        total = 0.0
        for chosen in torch.randperm(len(images), generator=random).split(BATCH):
            loss = loss_of(net(varied(images[chosen], random)), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1} of {EPOCHS}: loss {total / len(images):.4f}", flush=True)
    return net.eval()


def write_pictures(images: np.ndarray, labels: np.ndarray) -> None:
    """Write test/ and calibration/ as gray PNGs and labels.csv for the test pictures."""
    for name, start, count in (("test", 0, TEST), ("calibration", TEST, CALIBRATION)):
        (FOLDER / name).mkdir(exist_ok=True)
        for index in range(count):
            path = FOLDER / name / f"{name}_{index:03d}.png"
            cv2.imwrite(str(path), images[start + index], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    with (FOLDER / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "label"])
        rows.writerows((f"test_{index:03d}.png", int(labels[index])) for index in range(TEST))


def accuracy_of_files() -> float:
    """Top-1 of digits.onnx on the PNGs of test/, read back from disk."""
    session = onnxruntime.InferenceSession(str(FOLDER / "digits.onnx"), providers=["CPUExecutionProvider"])
    with (FOLDER / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    hits = 0
    for row in rows:
        image = np.asarray(cv2.imread(str(FOLDER / "test" / row["file"]), cv2.IMREAD_GRAYSCALE))
        feed = image[None, None].astype(np.float32) * np.float32(SCALE)
        probabilities = np.asarray(session.run(None, {"image": feed})[0])
        hits += int(np.argmax(probabilities)) == int(row["label"])
    return hits / len(rows)


def main() -> None:
    """Train and write everything."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels = pictures()
    tensor = torch.from_numpy(images).float()[:, None] * SCALE
    targets = torch.from_numpy(labels)
    net = train(tensor[TEST + CALIBRATION :], targets[TEST + CALIBRATION :])
    with torch.no_grad():
        accuracy = (net(tensor[:TEST]).argmax(1) == targets[:TEST]).float().mean().item()
    onnx.save(net.to_onnx(), FOLDER / "digits.onnx")
    write_pictures(images, labels)
    size = (FOLDER / "digits.onnx").stat().st_size
    print(f"test accuracy in torch: {accuracy:.1%} of {TEST} pictures")
    print(f"test accuracy of digits.onnx ({size} bytes) on the PNGs: {accuracy_of_files():.1%}")


if __name__ == "__main__":
    main()

"""CIFAR-10: the right images, and a one-line error for each way a copy can be damaged."""

import io

import numpy as np
import pytest
from PIL import Image

from scaling_lab import Cifar10, LabError
from scaling_lab.data import cifar10

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.slow
def test_nearest_centroids_reach_their_known_accuracy():
    if Cifar10().location() is None:
        pytest.skip("CIFAR-10 is not available: set SCALING_LAB_DATA")
    splits = Cifar10().load()
    assert [len(split.x) for split in splits] == [45_000, 5_000, 10_000]
    x = np.concatenate([splits.train.x, splits.valid.x]).reshape(50_000, -1).astype(np.float32)
    y = np.concatenate([splits.train.y, splits.valid.y])
    assert np.bincount(y).tolist() == [5_000] * 10
    centroids = np.stack([x[y == k].mean(0) for k in range(10)])
    test = splits.test.x.reshape(10_000, -1).astype(np.float32)
    scores = test @ centroids.T - 0.5 * (centroids**2).sum(1)
    assert (scores.argmax(1) == splits.test.y).mean() == pytest.approx(0.278, abs=0.001)


def jpeg(colour):
    sink = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(sink, "jpeg")
    return sink.getvalue()


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Write a small copy (20 + 2 images), valid except for what `changed` alters in training."""
    monkeypatch.setenv("SCALING_LAB_DATA", str(tmp_path))
    monkeypatch.setattr(cifar10, "PARTS", {"train": 20, "test": 2})
    (tmp_path / "cifar10").mkdir()

    def write(**changed):
        for part, count in cifar10.PARTS.items():
            files = [jpeg((10 * i, 0, 0)) for i in range(count)]
            arrays = {
                "buf": np.frombuffer(b"".join(files), np.uint8),
                "off": np.cumsum([0, *map(len, files)]),
                "y": np.arange(count, dtype=np.uint8) % 10,
            }
            if part == "train":
                arrays = {name: changed.get(name, lambda a: a)(a) for name, a in arrays.items()}
            np.savez(tmp_path / "cifar10" / f"{part}_jpegs.npz", **arrays)

    return write


def test_pictures_and_classes_stay_together(copy):
    copy()
    splits = Cifar10().load()
    x = np.concatenate([splits.train.x, splits.valid.x])
    y = np.concatenate([splits.train.y, splits.valid.y])
    red = np.round(x[:, 0, 0, 0] / 10).astype(int)
    assert sorted(red) == list(range(20))
    np.testing.assert_array_equal(red % 10, y)


def at(place, value):
    """A function that changes the entries at an index or slice of a copy."""

    def change(array):
        array = array.copy()
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y": at(3, 10)}, "1 of 20 classes are not 0 to 9, the first at index 3"),
        (
            {"y": lambda y: y.astype(int) - 1},
            "2 of 20 classes are not 0 to 9, the first at index 0",
        ),
        ({"y": lambda y: y[:-1]}, "holds 19 classes and 20 images"),
        ({"off": at(4, 0)}, "offsets are not those of files"),
        ({"off": lambda off: at(4, 0)(off.astype(np.uint64))}, "offsets are not those of files"),
        ({"off": at(-1, 10**9)}, "offsets are not those of files"),
        ({"buf": at(slice(0, 40), 0)}, "1 of 20 images cannot be read, the first at index 0"),
    ],
)
def test_a_broken_copy_is_named(copy, changed, message):
    copy(**changed)
    with pytest.raises(LabError, match=message) as caught:
        Cifar10().load()
    assert "train_jpegs.npz" in str(caught.value)


def test_no_copy_and_no_npz(tmp_path, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_DATA", str(tmp_path))
    with pytest.raises(LabError, match=r"not found; put train_jpegs.npz"):
        Cifar10().load()
    (tmp_path / "cifar10").mkdir()
    for part in ("train", "test"):
        (tmp_path / "cifar10" / f"{part}_jpegs.npz").write_bytes(b"PK not really")
    with pytest.raises(LabError, match="cannot be read"):
        Cifar10().load()

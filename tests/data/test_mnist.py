"""MNIST: the right images, and clear errors if they are missing or damaged."""

import numpy as np
import pytest

from scaling_lab import LabError, Mnist


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No dataset folder and an empty cache."""
    monkeypatch.delenv("SCALING_LAB_DATA", raising=False)
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def splits():
    if Mnist().location() is None:
        pytest.skip("MNIST is not available: set SCALING_LAB_DATA or run 'scaling-lab data mnist'")
    return Mnist().load()


def test_the_images_are_those_of_mnist(splits):
    assert [len(split.x) for split in splits] == [50_000, 10_000, 10_000]
    mean = np.concatenate([splits.train.x, splits.valid.x]).mean(dtype=np.float64)
    assert mean == pytest.approx(33.318421, abs=1e-6)


def test_nearest_centroids_reach_their_known_accuracy(splits):
    x = np.concatenate([splits.train.x, splits.valid.x]).reshape(60_000, -1).astype(np.float32)
    y = np.concatenate([splits.train.y, splits.valid.y])
    centroids = np.stack([x[y == digit].mean(0) for digit in range(10)])
    test = splits.test.x.reshape(10_000, -1).astype(np.float32)
    scores = test @ centroids.T - 0.5 * (centroids**2).sum(1)
    assert (scores.argmax(1) == splits.test.y).mean() == pytest.approx(0.820, abs=0.001)


def test_offline_the_error_gives_both_ways_to_get_it(nowhere, monkeypatch):
    def offline(*_, **__):
        raise OSError("Name or service not known")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", offline)
    with pytest.raises(LabError, match=r"scaling-lab data mnist.*\$SCALING_LAB_DATA/mnist/"):
        Mnist().load()


def test_a_download_is_checked_before_it_is_cached(nowhere, monkeypatch):
    def forged(*_, **__):
        return np.zeros((70_000, 784)), np.zeros(70_000, int).astype(str)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", forged)
    with pytest.raises(LabError, match="does not hold the 60,000"):
        Mnist().fetch()
    assert Mnist().location() is None


def test_a_broken_file_is_named(nowhere, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_DATA", str(nowhere))
    (nowhere / "mnist").mkdir()
    (nowhere / "mnist" / "mnist.npz").write_bytes(b"PK not really")
    with pytest.raises(LabError, match=r"mnist.npz cannot be read"):
        Mnist().load()


def test_a_valid_download_is_cached(nowhere, monkeypatch, splits):
    from scaling_lab.data import order

    at = order(60_000)
    x, y = np.empty((60_000, 28, 28), np.uint8), np.empty(60_000, np.int32)
    x[at] = np.concatenate([splits.train.x, splits.valid.x])
    y[at] = np.concatenate([splits.train.y, splits.valid.y])
    images = np.concatenate([x, splits.test.x]).reshape(-1, 784).astype(np.float64)
    labels = np.concatenate([y, splits.test.y]).astype(str).astype(object)
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *_, **__: (images, labels))
    Mnist().fetch()
    assert Mnist().location() == nowhere / "data" / "mnist.npz"
    np.testing.assert_array_equal(Mnist().load().test.x, splits.test.x)

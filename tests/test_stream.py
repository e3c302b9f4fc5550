"""Records of any random access sequence, read in threads."""

import os

import numpy as np
import pytest

from scaling_lab import LabError
from scaling_lab.data import Tokens
from scaling_lab.learners.language import BlockRecords
from scaling_lab.reading import reading, require_intact, stamp
from scaling_lab.stream import MappedRecords, ShuffledStream


def item(i):
    return {"x": np.full((2, 3), i, np.float32), "y": np.int32(-i)}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_grain_dataset_can_be_the_records_of_a_source(workers):
    import grain

    records = MappedRecords(grain.MapDataset.range(50).map(lambda i: item(int(i))), workers)
    places = np.array([7, 7, 0, 49])
    found = records.read(places)
    assert len(records) == 50
    np.testing.assert_array_equal(found["y"], -places)
    np.testing.assert_array_equal(found["x"], np.stack([item(i)["x"] for i in places]))
    stream = ShuffledStream(records, batch_size=4, seed=1, size=20)
    assert stream.batch["x"].shape == (4, 2, 3)
    assert sorted(stream.batches(0, 5)["y"]) == [-i for i in range(19, -1, -1)]


def test_what_a_thread_raises_is_raised():
    class Torn(list):
        def __getitem__(self, place):
            return reading(f"part-{place}", lambda: np.float32(1) if place != 3 else 1 / 0)

    with pytest.raises(LabError, match="part-3 cannot be read: division by zero"):
        MappedRecords(Torn(range(9)), 2).read(np.arange(9))


def test_a_map_of_a_file_that_shrank_or_went_is_not_read(tmp_path):
    path = tmp_path / "ids.bin"
    np.arange(100, dtype=np.uint16).tofile(path)
    ids = np.memmap(path, np.uint16, "r")
    before = stamp(ids)
    require_intact(ids, before)
    require_intact(np.arange(3), None)
    np.arange(50, dtype=np.uint16).tofile(path)
    with pytest.raises(LabError, match=r"ids\.bin has 100 bytes and had 200 before"):
        require_intact(ids, before)
    path.unlink()
    with pytest.raises(LabError, match=r"ids\.bin cannot be read"):
        require_intact(ids, before)


def test_a_map_of_a_file_that_was_rewritten_is_not_read(tmp_path):
    path = tmp_path / "ids.bin"
    np.zeros(100, np.uint16).tofile(path)
    records = BlockRecords(Tokens(np.memmap(path, np.uint16, "r"), None), 4)
    places = np.arange(3, dtype=np.uint32)
    assert records.read(places).max() == 0
    with open(path, "r+b") as file:  # in place: the map sees it
        file.write(np.full(100, 7, np.uint16).tobytes())
    os.utime(path, ns=(0, 0))
    with pytest.raises(LabError, match=r"ids\.bin was changed during training"):
        records.read(places)

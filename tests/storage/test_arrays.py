"""An .npz file is refused before it fills the memory."""

import io
import struct
import zipfile

import numpy as np
import pytest

from scaling_lab import LabError
from scaling_lab.storage import arrays, parameters


def test_arrays_come_back_as_they_were(tmp_path):
    saved = {
        "a/b": np.arange(6.0).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "number": np.float32(3),
        "empty": np.zeros((0, 4)),
        "text": np.array(["x", "yz"]),
    }
    np.savez_compressed(tmp_path / "a.npz", **saved)
    found = arrays.load(tmp_path / "a.npz")
    assert list(found) == list(saved)
    for name, array in saved.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    found["a/b"][0, 0] = 7  # they are ours to change


def bomb(tmp_path):
    """A small file that unpacks to 128 MB, and states an array of 8 GB."""
    path = tmp_path / "bomb.npz"
    header = io.BytesIO()
    shape = {"shape": (2**33,), "fortran_order": False, "descr": "|u1"}
    np.lib.format.write_array_header_1_0(header, shape)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("a.npy", "w", force_zip64=True) as member,
    ):
        member.write(header.getvalue())
        zeros = bytes(1 << 24)
        for _ in range(8):
            member.write(zeros)
    return path


def stated(path, size):
    """Change the size that the archive states for its only member."""
    data = bytearray(path.read_bytes())
    real = zipfile.ZipFile(path).infolist()[0].file_size
    at = data.rindex(struct.pack("<L", real))
    data[at : at + 4] = struct.pack("<L", size)
    path.write_bytes(bytes(data))


def test_what_unpacks_to_far_more_than_the_file_is_refused(tmp_path, monkeypatch):
    path = bomb(tmp_path)
    with pytest.raises(LabError, match=r"cannot be read \(its \d+ bytes unpack to \d+"):
        arrays.load(path)
    monkeypatch.setattr(arrays, "free_memory", lambda: 1000)
    np.savez(tmp_path / "large.npz", a=np.zeros(2000, np.uint8))
    with pytest.raises(LabError, match="1000 bytes are free"):
        arrays.load(tmp_path / "large.npz")


@pytest.mark.parametrize("size", [100, 1 << 20])
def test_a_size_that_is_not_true_is_found(tmp_path, size):
    path = bomb(tmp_path)
    stated(path, size)
    with pytest.raises(LabError, match=r"cannot be read \("):
        arrays.load(path)


def test_a_shape_that_its_bytes_do_not_hold_is_refused(tmp_path):
    path = tmp_path / "shape.npz"
    header = io.BytesIO()
    shape = {"shape": (10**15,), "fortran_order": False, "descr": "<f8"}
    np.lib.format.write_array_header_1_0(header, shape)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header.getvalue() + bytes(8))
    with pytest.raises(LabError, match="is not in its"):
        arrays.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", "text")
    with pytest.raises(LabError, match="cannot be read"):
        arrays.load(path)


def test_python_objects_are_refused(tmp_path):
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    with pytest.raises(LabError, match="Python objects"):
        arrays.load(tmp_path / "objects.npz")


def test_names_in_a_file_and_fingerprints_lead_nowhere_else(tmp_path):
    path = tmp_path / parameters.FOLDER / "abc.npz"
    path.parent.mkdir()
    np.savez(path, **{"../../up": np.zeros(1), "/root": np.ones(1)})
    assert set(parameters.load(tmp_path, "abc")) == {"..", ""}
    for names in (("a", "a/b"), ("a/b", "a"), ("a", "a/b/c")):
        np.savez(path, **dict.fromkeys(names, np.zeros(1)))
        with pytest.raises(LabError, match=r"cannot be read .*delete it and train the run again"):
            parameters.load(tmp_path, "abc")
    for mark in ("../abc", "/etc/passwd", "", "..", "a/b"):
        with pytest.raises(LabError, match="is no fingerprint"):
            parameters.path(tmp_path, mark)

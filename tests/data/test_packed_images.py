"""Packs of images: the same pictures as the folder's, resumable, and of any decoder."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from scaling_lab import ImageFolder, LabError, PackedImages, cli
from scaling_lab.images import decode, packing
from scaling_lab.storage.atomic import host


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two classes of 40 noisy images of various sizes, in JPEG and PNG."""
    home, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name in ("dark", "light"):
        (home / name).mkdir()
        for i in range(40):
            pixels = rng.integers(0, 128, (4, 4, 3)) + 127 * (name == "light")
            image = Image.fromarray(pixels.astype(np.uint8))
            shape = tuple(int(side) for side in rng.integers(30, 80, 2))
            image = image.resize(shape, Image.Resampling.BICUBIC)
            image.save(home / name / f"{i}.{'png' if i % 4 else 'jpg'}")
    return home


@pytest.fixture(autouse=True)
def _small(monkeypatch, own_cache):
    monkeypatch.setattr(packing, "SHARD", 16)


class Told(packing.Progress):
    """Remembers what it is told, and ends the process's packing after some images."""

    def __init__(self, until=None):
        self.until, self.totals, self.count, self.broken = until, None, 0, []

    def begin(self, total, done):
        self.totals = total, done

    def left_out(self, image, reason):
        self.broken.append((image, reason))

    def advance(self):
        self.count += 1
        if self.count == self.until:
            raise KeyboardInterrupt


def pack(images, to, told=None, side=32, quality=95):
    return packing.write(images, to, side, quality, told or Told())


def content(path):
    """Name -> bytes of the files of a pack; its lock is in a folder."""
    return {file.name: file.read_bytes() for file in sorted(path.iterdir()) if file.is_file()}


def test_a_pack_has_the_folders_splits_order_and_pictures(images, tmp_path):
    found = pack(images, tmp_path / "pack")
    assert found == (80, 80, [])
    source, folder = (
        PackedImages(path=str(tmp_path / "pack")),
        ImageFolder(path=str(images), size=32),
    )
    assert source.spec.examples == folder.spec.examples == 72
    assert source.spec.mean == pytest.approx(folder.spec.mean, rel=0.01)
    assert source.spec.std == pytest.approx(folder.spec.std, rel=0.01)
    packed, expected = source.load(), folder.load()
    train = packed.train.read(np.arange(72))
    for (x, y), split in ((train, expected.train), (packed.valid, expected.valid)):
        np.testing.assert_array_equal(y, split.y)
        assert np.abs(x.astype(int) - split.x).mean() < 6  # JPEG loses a little


@pytest.mark.parametrize("size", [32, 16, 8, 4])
def test_simplejpeg_and_pillow_give_the_same_pixels(images, tmp_path, size, monkeypatch):
    pack(images, tmp_path / "pack")
    source = PackedImages(path=str(tmp_path / "pack"), size=size)
    x, y = source.load().train.read(np.arange(40))
    assert x.shape == (40, size, size, 3)
    monkeypatch.setattr(decode, "simplejpeg", None)
    again, labels = source.load().train.read(np.arange(40))
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(y, labels)


def test_an_interrupted_pack_goes_on_and_is_the_same(images, tmp_path):
    pack(images, tmp_path / "whole")
    for until in (1, 20, 40):
        with pytest.raises(KeyboardInterrupt):
            pack(images, tmp_path / "stopped", Told(until))
        with pytest.raises(LabError, match="stopped is unfinished: give the same"):
            PackedImages(path=str(tmp_path / "stopped")).load()
        assert not list((tmp_path / "stopped").glob(".*.tmp"))
    (tmp_path / "stopped" / f".train-00003.array_record.{host()}.999999999.abcdef01.tmp").touch()
    told = Told()
    found = pack(images, tmp_path / "stopped", told)
    assert told.totals == (80, 16 + 32)
    assert found == (80, 32, [])
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")


def test_a_second_call_on_a_pack_in_the_making_is_refused(images, tmp_path, capsys):
    class Second(Told):
        """Asks for the same pack when the first picture is packed."""

        def advance(self):
            super().advance()
            if self.count == 1:
                with pytest.raises(SystemExit) as ended:
                    cli.main(["data", "pack", str(images), "--to", str(to), "--side", "32"])
                assert ended.value.code == 2

    to, told = tmp_path / "pack", Second()
    assert pack(images, to, told) == (80, 80, [])
    assert told.count == 80
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{to} is in use by process {os.getpid()}" in line
    assert pack(images, to) == (80, 0, [])  # it is free again


def test_broken_images_are_named_and_left_out(images, tmp_path, capsys):
    home = tmp_path / "images"
    for name in ("dark", "light"):
        (home / name).mkdir(parents=True)
        for path in (images / name).iterdir():
            (home / name / path.name).write_bytes(path.read_bytes())
    (home / "dark" / "text.jpg").write_text("no image")
    whole = (home / "light" / "0.jpg").read_bytes()
    (home / "light" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):  # also when the pack is finished already
        with pytest.raises(SystemExit) as ended:
            cli.main(["data", "pack", str(home), "--side", "32"])
        assert ended.value.code == 0
        said = capsys.readouterr().out
        assert "left out: dark/text.jpg: it is not a picture" in said
        assert "left out: light/half.jpg" in said
        assert "images.pack: 80 images of 32 pixels, 2 left out" in said
    about = json.loads((tmp_path / "images.pack" / "about.json").read_text())
    assert sum(shard["records"] for split in about["shards"].values() for shard in split) == 80


def test_a_class_of_broken_images_is_an_error(images, tmp_path):
    home = tmp_path / "images"
    for name in ("dark", "light"):
        (home / name).mkdir(parents=True)
        for i, path in enumerate((images / name).iterdir()):
            data = path.read_bytes() if name == "dark" else f"no image {i}".encode()
            (home / name / path.name).write_bytes(data)
    with pytest.raises(LabError, match="no training image of class 'light'"):
        pack(home, tmp_path / "pack")


def test_a_pack_of_something_else_is_left_alone(images, tmp_path):
    pack(images, tmp_path / "pack")
    before = content(tmp_path / "pack")
    with pytest.raises(LabError, match="begun with another value of: side"):
        pack(images, tmp_path / "pack", side=16)
    assert content(tmp_path / "pack") == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    with pytest.raises(LabError, match="holds something else than a pack"):
        pack(images, tmp_path / "full")
    with pytest.raises(LabError, match="quality of 1 to 100"):
        pack(images, tmp_path / "other", quality=0)
    with pytest.raises(LabError, match="pack lies within"):
        pack(images, images / "pack")
    with pytest.raises(LabError, match="there is no folder"):
        pack(images / "none", tmp_path / "other")


def test_a_fingerprint_follows_the_pictures(images, tmp_path):
    for name, quality in (("a", 95), ("b", 95), ("c", 50)):
        pack(images, tmp_path / name, quality=quality)
    a, b, c = (PackedImages(path=str(tmp_path / name)).numerics for name in "abc")
    assert a == b != c


def test_a_size_that_cannot_be_decoded_is_refused(images, tmp_path):
    pack(images, tmp_path / "pack")
    with pytest.raises(LabError, match="can be decoded at 32, 16, 8, 4 pixels"):
        _ = PackedImages(path=str(tmp_path / "pack"), size=20).spec


def test_few_images_are_evaluated_if_few_are_asked_for(images, tmp_path):
    pack(images, tmp_path / "pack")
    source = PackedImages(path=str(tmp_path / "pack"), evaluation_images=1)
    assert [len(split.y) for split in source.load()[1:]] == [1, 1]


def test_a_picture_of_another_size_in_a_pack_is_named(images, tmp_path):
    pack(images, tmp_path / "pack")
    path = tmp_path / "pack" / "about.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "side": 64}))
    records = PackedImages(path=str(tmp_path / "pack"), evaluation_images=1)
    with pytest.raises(
        LabError, match=r"valid-00000\.array_record cannot be read: it is decoded as 32"
    ):
        records.load()


def test_a_pack_that_is_rewritten_in_place_during_training_is_noticed(images, tmp_path):
    pack(images, tmp_path / "pack")
    pack(images, tmp_path / "other", quality=95)
    records = PackedImages(path=str(tmp_path / "pack")).load().train
    records.read(np.arange(20))
    file = tmp_path / "pack" / "train-00000.array_record"
    file.write_bytes((tmp_path / "other" / file.name).read_bytes())  # the same size
    with pytest.raises(LabError, match=r"train-00000\.array_record was changed during training"):
        records.read(np.arange(20))
    file.unlink()
    with pytest.raises(LabError, match=r"train-00000\.array_record cannot be read"):
        records.read(np.arange(20))

"""Image folders: any size and mode becomes one; bad files are named and counted."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from scaling_lab import ImageFolder, LabError, config, registry

pytestmark = pytest.mark.usefixtures("own_cache")


def fill(folder, colours, count=30, size=(20, 20)):
    """One class for each colour, with `count` slightly different images."""
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            image = Image.new("RGB", size, colour)
            image.putpixel((0, 0), (i, i, i))
            image.save(folder / name / f"{name}_{i}.png")


COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0)}


def test_classes_are_folders_in_name_order_and_images_keep_theirs(tmp_path):
    fill(tmp_path, COLOURS)
    source = ImageFolder(path=str(tmp_path), size=10)
    splits = source.load()
    assert source.spec.shape == (10, 10, 3)
    assert source.spec.outputs == 2
    assert [len(split.y) for split in splits] == [56, 2, 2]
    for x, y in splits:
        assert x.dtype == np.uint8
        np.testing.assert_array_equal(x[:, 5, 5].argmax(-1), 1 - y)  # green is 0, red is 1


def test_every_size_and_mode_becomes_a_square_in_rgb(tmp_path):
    fill(tmp_path, COLOURS, count=10)
    Image.new("L", (33, 7), 128).save(tmp_path / "red" / "grey.png")
    Image.new("RGBA", (3, 50), (9, 9, 9, 9)).save(tmp_path / "red" / "alpha.png")
    Image.new("CMYK", (12, 12)).save(tmp_path / "red" / "cmyk.jpg")
    Image.new("1", (12, 12)).save(tmp_path / "green" / "bits.png")
    source = ImageFolder(path=str(tmp_path), size=12)
    assert sum(len(split.x) for split in source.load()) == 24


def test_a_wide_picture_is_scaled_and_cut_in_the_middle(tmp_path):
    fill(tmp_path, COLOURS, count=8, size=(40, 20))
    for i, path in enumerate(tmp_path.rglob("*.png")):
        image = np.asarray(Image.open(path)).copy()
        image[:, :10], image[:, -10:] = 255, 255  # what a cut to the middle takes off
        image[0, 20, 2] = i
        Image.fromarray(image).save(path)
    x, y = ImageFolder(path=str(tmp_path), size=20).load().train
    assert (x[y == 0][:, :, :, 0] == 0).all()


def test_without_fit_other_sizes_are_errors(tmp_path):
    fill(tmp_path, COLOURS)
    assert len(ImageFolder(path=str(tmp_path), size=20, fit=False).load().train.x) == 56
    Image.new("RGB", (24, 20), (1, 2, 3)).save(tmp_path / "red" / "wide.png")
    Image.new("RGB", (20, 16), (1, 2, 3)).save(tmp_path / "green" / "low.png")
    with pytest.raises(LabError, match=r"^2 of 62 files cannot be") as caught:
        ImageFolder(path=str(tmp_path), size=20, fit=False).load()
    assert "wide.png: it is 24 by 20 pixels, not 20 by 20" in str(caught.value)
    assert "low.png: it is 20 by 16 pixels, not 20 by 20" in str(caught.value)


def test_given_splits_are_kept(tmp_path):
    for split, count in (("train", 9), ("val", 5), ("test", 4)):
        fill(tmp_path / split, COLOURS, count, size=(20, 20 + len(split)))
    splits = ImageFolder(path=str(tmp_path)).load()
    assert [len(split.x) for split in splits] == [18, 10, 8]
    shutil.rmtree(tmp_path / "test")
    splits = ImageFolder(path=str(tmp_path)).load()
    assert [len(split.x) for split in splits] == [18, 5, 5]


def test_held_out_images_are_dropped_from_training(tmp_path):
    fill(tmp_path / "train", COLOURS, 9)
    fill(tmp_path / "val", COLOURS, 4)  # copies of four training images of each class
    splits = ImageFolder(path=str(tmp_path)).load()
    assert [len(split.x) for split in splits] == [10, 4, 4]


def test_the_fingerprint_follows_the_content_and_not_the_path(tmp_path):
    def identity(path):
        run = registry.get("learner", "gan").example()
        return config.fingerprint(replace(run, data=ImageFolder(path=str(path), size=8)))

    here, there = tmp_path / "here", tmp_path / "there"
    fill(here, COLOURS)
    shutil.copytree(here, there)
    first = identity(here)
    assert identity(there) == first
    (here / "red" / "red_3.png").unlink()
    assert identity(here) != first
    (there / "red" / "red_3.png").rename(there / "green" / "red_3.png")
    assert identity(there) not in (first, identity(here))


def broken(folder):
    for name in ("b", "c", "a", "d"):
        (folder / "red" / f"{name}.jpg").write_bytes(b"no picture" + name.encode())


def cut_short(folder):
    path = folder / "green" / "green_3.png"
    path.write_bytes(path.read_bytes()[:60])


def deep(folder):
    Image.fromarray(np.full((9, 9), 60_000, np.uint16)).save(folder / "red" / "deep.png")


def real(folder):
    Image.fromarray(np.full((9, 9), 0.5, np.float32)).save(folder / "red" / "real.tif")


def one_class(folder):
    shutil.rmtree(folder / "red")


def empty_class(folder):
    (folder / "blue").mkdir()


def training_and_validation(folder):
    for name in ("Training", "validation"):
        shutil.copytree(folder / "red", folder / name / "red")


def split_of_another_name(folder):
    for name in ("train", "val", "testing"):
        fill(folder / name, COLOURS, 3)
    for name in COLOURS:
        shutil.rmtree(folder / name)


def split_given_twice(folder):
    split_of_another_name(folder)
    (folder / "testing").rename(folder / "valid")


def strange_class(folder):
    for name in COLOURS:
        shutil.rmtree(folder / name)
    fill(folder / "train", COLOURS, 3)
    fill(folder / "val", {"blue": (0, 0, 200)}, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            broken,
            r"^4 of 64 files cannot be .*it is not a picture; .*; and 1 more; repair or",
        ),
        (cut_short, r"^1 of 60 files .*green_3\.png: "),
        (deep, r"deep\.png: its values exceed 0 to 255 \(mode I;16\); save it with 8 bits"),
        (real, r"real\.tif: its values exceed 0 to 255 \(mode F\)"),
        (one_class, "has 1 folders, and each class is a folder; give at least two"),
        (empty_class, "class 'blue' .* has too few images"),
        (training_and_validation, "a folder 'Training', which looks like a split"),
        (split_of_another_name, "a folder 'testing' beside its splits; use train, valid"),
        (split_given_twice, "a folder 'valid' beside its splits.* each once"),
        (strange_class, "has the class 'blue', which training does not have"),
        (shutil.rmtree, "there is no folder"),
    ],
)
def test_bad_input_is_named_and_counted(tmp_path, change, message):
    fill(tmp_path, COLOURS)
    change(tmp_path)
    with pytest.raises(LabError, match=message) as caught:
        ImageFolder(path=str(tmp_path)).load()
    assert "\n" not in str(caught.value)

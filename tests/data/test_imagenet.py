"""ImageNet as it is downloaded, in small: the true names and layouts, with a few classes."""

import io
import tarfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from classicnets.data.batches import Batch
from classicnets.data.images import EncodedImages, ImageArray, Images, PackedImages
from classicnets.data.pipeline import batches
from classicnets.data.reading import read
from classicnets.data.sets import open_data
from classicnets.data.transforms import Augmentation, Preprocessing
from classicnets.errors import UsageError
from classicnets.weights.imagenet import class_folders
from tests.data.packs import fill, photograph, tar

CLASSES = ("n01440764", "n01443537", "n02110341", "n03100240")
# The development kit numbers the classes in an order of its own.
NUMBERS = {"n03100240": 1, "n01440764": 2, "n02110341": 3, "n01443537": 4}
TRUTH = [3, 1, 1, 2, 4, 3]  # of the images to test on
LABELS = [2, 3, 3, 0, 1, 2]  # the same as positions in the sorted classes
VAL = [f"ILSVRC2012_val_{number:08}.JPEG" for number in range(1, 7)]
TRAIN = {name: [f"{name}_{number}.JPEG" for number in (10026, 307, 9)] for name in CLASSES}


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def train_files() -> dict[str, bytes]:
    return {
        f"{name}/{file}": photograph(10 * at + number)
        for at, name in enumerate(CLASSES)
        for number, file in enumerate(TRAIN[name])
    }


def train_tar(folder: Path) -> None:
    inner = []
    for at in (2, 0, 3, 1):  # in no order
        files = [(file, photograph(10 * at + number)) for number, file in enumerate(TRAIN[CLASSES[at]])]
        inner.append((f"{CLASSES[at]}.tar", tar(folder / "one.tar", files).read_bytes()))
    (folder / "one.tar").unlink()
    tar(folder / "ILSVRC2012_img_train.tar", inner)


def val_tar(folder: Path) -> None:
    tar(folder / "ILSVRC2012_img_val.tar", [(VAL[at], photograph(100 + at)) for at in (3, 0, 5, 1, 4, 2)])


def val_files(inside: str = "val") -> dict[str, bytes]:
    return {f"{inside}/{name}": photograph(100 + at) for at, name in enumerate(VAL)}


def meta() -> bytes:
    """As the development kit has it, with a group of classes at its end."""
    kind = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    rows = [(number, name, "words", 0) for name, number in NUMBERS.items()] + [(1001, "n00001740", "entity", 4)]
    buffer = io.BytesIO()
    savemat(buffer, {"synsets": np.array(rows, dtype=kind).reshape(-1, 1)})
    return buffer.getvalue()


def truth() -> bytes:
    return "".join(f"{number}\n" for number in TRUTH).encode()


def devkit(folder: Path) -> None:
    base = "ILSVRC2012_devkit_t12/data"
    with tarfile.open(folder / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as archive:
        for name, content in (("ILSVRC2012_validation_ground_truth.txt", truth()), ("meta.mat", meta())):
            info = tarfile.TarInfo(f"{base}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def encoded(images: Images) -> EncodedImages:
    assert not isinstance(images, ImageArray)
    return images


def contents(images: Images) -> list[bytes]:
    files = encoded(images)
    return [read(files.place(at)) for at in range(len(files))]


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        open_data(f"imagenet:{path}")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("prefix", ["imagenet", "folder"])
def test_the_archives_are_read_as_they_are_downloaded(tmp_path: Path, prefix: str) -> None:
    train_tar(tmp_path)
    val_tar(tmp_path)
    devkit(tmp_path)
    data = open_data(f"{prefix}:{tmp_path}")
    assert data.classes == CLASSES
    assert isinstance(data.train, PackedImages)
    assert data.test.labels.tolist() == LABELS
    assert contents(data.test) == [photograph(100 + at) for at in range(6)]
    found = {
        data.train.keys[at]: (content, data.classes[data.train.labels[at]])
        for at, content in enumerate(contents(data.train))
    }
    assert len(found) == 12
    for name, content in train_files().items():
        folder, _, file = name.partition("/")
        assert found[f"{folder}.tar/{file}"] == (content, folder)


def test_an_epoch_goes_all_over_the_archive_of_archives(tmp_path: Path) -> None:
    train_tar(tmp_path)
    val_tar(tmp_path)
    devkit(tmp_path)
    train = encoded(open_data(f"imagenet:{tmp_path}").train)
    visited = train.labels[train.order(seed=0, epoch=0)].tolist()
    assert sorted(visited) == sorted(train.labels.tolist())
    assert sum(one != other for one, other in pairwise(visited)) > len(CLASSES) - 1


def test_archives_and_folders_give_the_same_batches_of_tests(tmp_path: Path) -> None:
    packed, unpacked = tmp_path / "packed", tmp_path / "unpacked"
    for folder in (packed, unpacked):
        folder.mkdir()
        devkit(folder)
    train_tar(packed)
    val_tar(packed)
    fill(unpacked, {f"train/{name}": content for name, content in train_files().items()} | val_files())
    preprocessing = Preprocessing(size=(24, 20), resize=28, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))

    def tested(path: Path) -> list[Batch]:
        source = batches(
            open_data(f"imagenet:{path}").test,
            preprocessing,
            batch_size=4,
            augmentation=Augmentation(random_area=(0.2, 1.0)),
            workers=0,
        )
        return list(source)

    for one, other in zip(tested(packed), tested(unpacked), strict=True):
        assert all(map(torch.equal, one, other))


def test_folders_alone_need_no_more(tmp_path: Path) -> None:
    files = {f"train/{name}": content for name, content in train_files().items()}
    files |= {f"val/{CLASSES[label]}/{VAL[at]}": photograph(100 + at) for at, label in enumerate(LABELS)}
    fill(tmp_path, files)
    data = open_data(f"imagenet:{tmp_path}")
    assert data.classes == CLASSES
    assert data.test.labels.tolist() == sorted(LABELS)


def annotation(name: str) -> bytes:
    return f"<annotation><filename>x</filename><object><name>{name}</name></object></annotation>".encode()


SAID = {
    "the development kit unpacked": {
        "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt": truth(),
        "ILSVRC2012_devkit_t12/data/meta.mat": meta(),
    },
    "its two files": {"ILSVRC2012_validation_ground_truth.txt": truth(), "meta.mat": meta()},
    "a table": {
        "LOC_val_solution.csv": b"ImageId,PredictionString\n"
        + "".join(f"{VAL[at][:-5]},{CLASSES[LABELS[at]]} 1 2 3 4 \n" for at in (5, 4, 3, 2, 1, 0)).encode()
    },
    "a list of names": {
        "imagenet_2012_validation_synset_labels.txt": "".join(f"{CLASSES[label]}\n" for label in LABELS).encode()
    },
    "a list of numbers": {"val.txt": "".join(f"{VAL[at]} {label}\n" for at, label in enumerate(LABELS)).encode()},
    "annotations": {
        f"ILSVRC/Annotations/CLS-LOC/val/{VAL[at][:-5]}.xml": annotation(CLASSES[label])
        for at, label in enumerate(LABELS)
    },
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_each_file_that_tells_the_classes_tells_the_same(tmp_path: Path, said: dict[str, bytes]) -> None:
    inside = "ILSVRC/Data/CLS-LOC"
    fill(tmp_path, {f"{inside}/train/{name}": content for name, content in train_files().items()})
    fill(tmp_path, val_files(f"{inside}/val") | said)
    for prefix in ("imagenet", "folder"):
        data = open_data(f"{prefix}:{tmp_path}")
        assert data.classes == CLASSES
        assert data.test.labels.tolist() == LABELS
        assert contents(data.test) == [photograph(100 + at) for at in range(6)]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path} has neither ILSVRC2012_img_train.tar nor train/" in refusal(tmp_path)
    train_tar(tmp_path)
    assert f"{tmp_path} has neither val/ nor ILSVRC2012_img_val.tar" in refusal(tmp_path)
    val_tar(tmp_path)
    assert "put ILSVRC2012_devkit_t12.tar.gz, LOC_val_solution.csv" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"imagenet_2012_validation_synset_labels.txt": b"n01440764\n" * 5}, "of images 1 to 5, but not of"),
        (
            {"imagenet_2012_validation_synset_labels.txt": b"n00000001\n" * 6},
            "n00000001, a class that there is none of",
        ),
        ({"LOC_val_solution.csv": b"ImageId,PredictionString\n"}, f"does not tell the class of {VAL[0]}"),
        ({"val.txt": b"a b c\n"}, "a number below 4"),
        ({"ILSVRC2012_validation_ground_truth.txt": truth(), "meta.mat": b"x" * 200}, "is not the development kit's"),
        ({"ILSVRC2012_validation_ground_truth.txt": b"9\n" * 6, "meta.mat": meta()}, "is no class of meta.mat"),
        ({"ILSVRC2012_devkit_t12.tar.gz": b"no archive"}, "is broken, or lacks"),
        ({"Annotations/val/other.xml": b""}, "cannot read the annotation"),
    ],
)
def test_files_that_tell_too_little_are_refused(tmp_path: Path, said: dict[str, bytes], message: str) -> None:
    train_tar(tmp_path)
    val_tar(tmp_path)
    fill(tmp_path, said)
    assert message in refusal(tmp_path)


def test_the_sorted_folders_are_the_classes_as_every_library_orders_them() -> None:
    assert list(class_folders()) == sorted(class_folders())

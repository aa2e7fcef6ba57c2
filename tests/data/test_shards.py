"""Shards: what is in them, in which order an epoch reads them, and where it is taken up again."""

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classicnets.data.batches import Batch
from classicnets.data.decode import UnreadableImage, decode_bytes
from classicnets.data.images import PackedImages
from classicnets.data.local import absolute
from classicnets.data.patterns import braces, split
from classicnets.data.pipeline import batches
from classicnets.data.randomness import order_of_runs
from classicnets.data.reading import read
from classicnets.data.sets import open_data
from classicnets.data.shard_writer import write_shards
from classicnets.data.sharing import Share
from classicnets.data.tars import members
from classicnets.data.transforms import Augmentation, Preprocessing
from classicnets.errors import UsageError
from tests.data.packs import photograph, shard, tar

PREPROCESSING = Preprocessing(size=(24, 20), resize=28, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
AUGMENTATION = Augmentation(random_area=(0.2, 1.0), flip=True)


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Twelve shards of three photographs to learn from, and two to test on."""
    for number in range(12):
        shard(tmp_path / f"train-{number:06}.tar", range(3 * number, 3 * number + 3))
    for number in range(2):
        shard(tmp_path / f"val-{number:06}.tar", range(40 + 4 * number, 44 + 4 * number))
    return tmp_path


def packed(images: object) -> PackedImages:
    assert isinstance(images, PackedImages)
    return images


def refusal(spec: str) -> str:
    with pytest.raises(UsageError) as caught:
        open_data(spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def epoch_of(spec: str, *, start: int = 0, workers: int = 0, share: Share | None = None) -> list[Batch]:
    source = batches(
        open_data(spec).train,
        PREPROCESSING,
        batch_size=5,
        augmentation=AUGMENTATION,
        shuffle=True,
        seed=3,
        workers=workers,
    )
    source.epoch, source.start = 2, start
    if share is not None:
        source.share = share
    return list(source)


def equal(one: Iterable[Batch], other: Iterable[Batch]) -> bool:
    return all(all(map(torch.equal, a, b)) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("{a,b}-{0..1}", ["a-0", "a-1", "b-0", "b-1"]),
        ("plain.tar", ["plain.tar"]),
        ("{3..3}", ["3"]),
    ],
)
def test_braces_count_and_list(pattern: str, names: list[str]) -> None:
    assert braces(pattern) == names


@pytest.mark.parametrize("pattern", ["a{0..", "a}0", "a{{0..1}}", "a{5..3}", "{0..99999999999}"])
def test_braces_that_mean_nothing_are_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"brace|count up"):
        braces(pattern)


def test_a_comma_in_braces_does_not_part_patterns() -> None:
    assert split("x/{a,b}.tar,y.tar") == ["x/{a,b}.tar", "y.tar"]


def test_a_folder_has_its_parts_by_their_names(shards: Path) -> None:
    data = open_data(f"shards:{shards}")
    train, test = packed(data.train), packed(data.test)
    assert data.classes == ("0", "1", "2")
    assert (len(train), len(test)) == (36, 8)
    assert train.labels.tolist() == [number % 3 for number in range(36)]
    assert test.labels.tolist() == [number % 3 for number in range(40, 48)]
    assert train.keys[7] == "000007.jpg"
    for images, first in ((train, 0), (test, 40)):
        assert [read(images.place(at)) for at in range(8)] == [photograph(first + at) for at in range(8)]
    assert train.place(4).name == f"{shards}/train-000001.tar:000004.jpg"


def test_two_patterns_and_one(shards: Path) -> None:
    data = open_data(f"shards:{shards}/train-{{000000..000003}}.tar,{shards}/val-*.tar")
    assert (len(data.train), len(data.test)) == (12, 8)
    alone = open_data(f"shards:{shards}/train-*.tar")
    train, test = packed(alone.train), packed(alone.test)
    # A fifth of twelve images a class, rounded.
    assert np.bincount(test.labels).tolist() == [2, 2, 2]
    assert sorted([*train.keys, *test.keys]) == [f"{number:06}.jpg" for number in range(36)]
    assert [read(test.place(at)) for at in range(6)] == [photograph(int(key[:6])) for key in test.keys]
    assert len(open_data(f"shards:{shards}/train-*.tar", hold_out=False).test) == 36
    assert list(packed(open_data(f"shards:{shards}/train-*.tar", seed=1).test).keys) != list(test.keys)


def test_classes_have_names_where_the_shards_or_a_file_beside_them_say_so(tmp_path: Path) -> None:
    for name, classes in (("a", ["dog", "cat"]), ("b", ["cat", "eel"])):
        tar(
            tmp_path / f"{name}.tar",
            [
                *(
                    (f"{at}.{ending}", content)
                    for at, text in enumerate(classes)
                    for ending, content in (
                        ("JPEG", photograph(at)),
                        ("txt", f"{text}\n".encode()),
                        ("seg.npy", b"passed over"),
                    )
                ),
                ("about/readme.md", b"passed over, too"),
            ],
        )
    data = open_data(f"shards:{tmp_path}/a.tar,{tmp_path}/b.tar")
    assert data.classes == ("cat", "dog", "eel")
    assert packed(data.train).labels.tolist() == [1, 0]
    assert packed(data.test).labels.tolist() == [0, 2]
    shard(tmp_path / "n.tar", range(5))
    assert open_data(f"shards:{tmp_path}/n.tar", hold_out=False).classes == ("0", "1", "2")
    (tmp_path / "classes.txt").write_text("ant\nbee\nfly\ngnat\n")
    data = open_data(f"shards:{tmp_path}/n.tar", hold_out=False)
    assert data.classes == ("ant", "bee", "fly", "gnat")
    assert packed(data.train).labels.tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("field", ["cls", "label", "class", "class_name"])
def test_a_class_may_stand_in_a_field(tmp_path: Path, field: str) -> None:
    values = [1, 0] if field == "label" else ["b", "a"]
    members_ = []
    for at, value in enumerate(values):
        members_ += [
            (f"x/{at}.json", json.dumps({"width": 7, field: value}).encode()),
            (f"x/{at}.png", photograph(at)),
            (f"x/{at}.txt", b"a caption, which the field comes before"),
        ]
    tar(tmp_path / "s.tar", members_)
    data = open_data(f"shards:{tmp_path}/s.tar", hold_out=False)
    assert packed(data.train).labels.tolist() == [1, 0]


def test_long_names_and_folders_are_no_hindrance(tmp_path: Path) -> None:
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        names = [f"{'deep/' * 30}{'long' * 30}é{at}" for at in range(2)]
        contents = [
            (f"{name}{ending}", content)
            for at, name in enumerate(names)
            for ending, content in ((".jpg", photograph(at)), (".cls", str(at).encode()))
        ]
        path = tar(tmp_path / f"{form}.tar", contents, form=form)
        images = packed(open_data(f"shards:{path}", hold_out=False).train)
        assert list(images.keys) == [f"{name}.jpg" for name in names]
        assert [read(images.place(at)) for at in range(2)] == [photograph(0), photograph(1)]


def test_the_order_goes_from_a_few_shards_to_the_next_few() -> None:
    lengths = np.array([5, 1, 7, 3, 9, 4])
    visited = order_of_runs(1, 0, lengths, together=2)
    assert sorted(visited.tolist()) == list(range(29))
    runs = np.repeat(np.arange(6), lengths)[visited].tolist()
    groups: list[set[int]] = []
    while runs:
        group = set(runs[: next((at for at in range(len(runs)) if len(set(runs[: at + 1])) > 2), len(runs))])
        groups.append(group)
        runs = runs[int(lengths[list(group)].sum()) :]
    assert len(groups) == 3
    assert sorted(run for group in groups for run in group) == list(range(6))
    assert visited.tolist() == order_of_runs(1, 0, lengths, together=2).tolist()
    assert visited.tolist() != order_of_runs(1, 1, lengths, together=2).tolist()
    assert visited.tolist() != order_of_runs(2, 0, lengths, together=2).tolist()


def test_shards_without_images_and_no_shards_have_an_order_too() -> None:
    assert sorted(order_of_runs(0, 0, np.array([0, 3, 0]), together=2).tolist()) == [0, 1, 2]
    assert order_of_runs(0, 0, np.array([], dtype=np.int64), together=2).tolist() == []


def test_an_epoch_holds_each_image_once_and_at_most_eight_shards_are_mixed(shards: Path) -> None:
    visited = torch.cat([batch.indices for batch in epoch_of(f"shards:{shards}")]).numpy()
    assert sorted(visited.tolist()) == list(range(36))
    assert len(set((visited[:24] // 3).tolist())) == 8
    assert len(set((visited[24:] // 3).tolist())) == 4


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_batches_are_the_same_from_any_place_with_any_workers_and_shared_out(shards: Path) -> None:
    whole = epoch_of(f"shards:{shards}")
    assert len(whole) == 8
    assert equal(epoch_of(f"shards:{shards}", start=3), whole[3:])
    assert equal(epoch_of(f"shards:{shards}", start=5, workers=2), whole[5:])
    halves = [epoch_of(f"shards:{shards}", share=Share(rank, 2, 1)) for rank in range(2)]
    first = halves[0][0].indices.tolist() + halves[1][0].indices.tolist()
    assert first == whole[0].indices.tolist()
    assert torch.equal(torch.cat([halves[0][0].images, halves[1][0].images]), whole[0].images)


def test_an_index_is_made_once_and_anew_when_its_shard_has_changed(
    shards: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_data(f"shards:{shards}")
    kept = list((cache_folder / "classicnets" / "indices").glob("*.index"))
    assert len(kept) == 14
    assert not list(shards.glob("*.index"))
    with monkeypatch.context() as patched:
        patched.setattr(tarfile, "open", lambda *_, **__: pytest.fail("read again"))
        assert packed(open_data(f"shards:{shards}").train).labels.tolist() == packed(before.train).labels.tolist()
    shard(shards / "train-000003.tar", range(50, 54))
    assert len(open_data(f"shards:{shards}").train) == 37
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    assert f"the index {kept[0]} is damaged; remove it" in refusal(f"shards:{shards}")


def test_broken_and_strange_archives_are_named(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", range(4))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 - 256])
    assert refusal(f"shards:{path}").startswith(f"cannot read the archive {path}: broken: unexpected end of data")
    path.write_bytes(b"<html>" * 1000)
    assert "compressed or no tar archive" in refusal(f"shards:{path}")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz"):
        pass
    path.write_bytes(buffer.getvalue())
    assert "unpack it to a plain .tar" in refusal(f"shards:{path}")
    tar(path, [("1.jpg", photograph(1)), ("1.cls", b"0"), ("2.jpg", photograph(2))])
    assert f"{path}: 2.jpg has no class" in refusal(f"shards:{path}")
    tar(path, [("1.jpg", photograph(1)), ("1.png", photograph(1)), ("1.cls", b"0")])
    assert f"{path}: 1 has more than one image (jpg, png)" in refusal(f"shards:{path}")
    tar(path, [("1.jpg", photograph(1)), ("1.json", b'{"width": 3}')])
    assert f"{path}: 1.json tells no class" in refusal(f"shards:{path}")
    tar(path, [("1.jpg", photograph(1)), ("1.cls", b"0")])
    assert "one class; a classifier needs two" in refusal(f"shards:{path}")
    tar(path, [("readme", b"")])
    assert "no classes" in refusal(f"shards:{path}")


def test_a_class_that_the_file_of_classes_lacks_is_named(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", range(4))
    (tmp_path / "classes.txt").write_text("ant\nbee\n")
    assert refusal(f"shards:{path}") == f"{path} has the class '2', which is none of the 2 classes"


def test_what_names_no_shards_is_refused(tmp_path: Path) -> None:
    assert "write shards:PATTERN" in refusal("shards:")
    assert refusal("shards:a,b,c").endswith("write shards:FOLDER, shards:PATTERN or shards:TRAIN,TEST")
    assert "no train*.tar and val*.tar" in refusal(f"shards:{tmp_path}")
    missing = tmp_path / "x-1.tar"
    assert f"no file {missing}, which {tmp_path}/x-{{1..2}}.tar stands for" in refusal(
        f"shards:{tmp_path}/x-{{1..2}}.tar"
    )
    (tmp_path / "shards.json").write_text("{}")
    assert "does not say what the shards are" in refusal(f"shards:{tmp_path}")


def test_an_archive_that_has_been_cut_since_is_an_unreadable_image(shards: Path) -> None:
    images = packed(open_data(f"shards:{shards}").train)
    path = shards / "train-000000.tar"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(UnreadableImage, match=r"train-000000.tar:000001.jpg: the archive ends before it"):
        read(images.place(1))


def test_a_spec_means_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("shards:a-{1,2}.tar,b.tar") == f"shards:{tmp_path}/a-{{1,2}}.tar,{tmp_path}/b.tar"
    assert absolute("shards:https://host/a/,b") == f"shards:https://host/a/,{tmp_path}/b"
    assert absolute("imagenet:i") == f"imagenet:{tmp_path}/i"


def test_photographs_come_back_byte_for_byte(shards: Path, tmp_path: Path) -> None:
    out, seen = tmp_path / "out", [0]
    data = open_data(f"shards:{shards}")
    written = write_shards(data, out, images_per_shard=10, begin=seen.append, progress=seen.append)
    assert written["train"].shards == tuple(f"train-{number:06}.tar" for number in range(4))
    assert (written["train"].images, written["val"].images, written["val"].shards) == (36, 8, ("val-000000.tar",))
    assert seen == [0, 44] + [1] * 44
    again = open_data(f"shards:{out}")
    assert again.classes == data.classes
    for images, first in ((packed(again.train), 0), (packed(again.test), 40)):
        for at, key in enumerate(images.keys):
            assert read(images.place(at)) == photograph(first + int(key[:6]))
            assert images.labels[at] == (first + int(key[:6])) % 3
    # To learn from they are mixed, to test on they are as they were.
    assert list(packed(again.train).keys) != sorted(packed(again.train).keys)
    assert list(packed(again.test).keys) == [f"{number:06}.jpg" for number in range(8)]
    with pytest.raises(UsageError, match="holds other files"):
        write_shards(data, out, images_per_shard=10)


def test_the_indices_that_are_written_serve_wherever_the_shards_are_copied(
    shards: Path, tmp_path: Path, cache_folder: Path
) -> None:
    out = tmp_path / "out"
    write_shards(open_data(f"shards:{shards}"), out, images_per_shard=20)
    made = list((cache_folder / "classicnets" / "indices").iterdir())
    for path in out.glob("*.tar"):
        path.touch()
    assert len(open_data(f"shards:{out}").train) == 36
    assert list((cache_folder / "classicnets" / "indices").iterdir()) == made


def test_the_same_data_gives_the_same_bytes(shards: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_shards(open_data(f"shards:{shards}"), tmp_path / name, images_per_shard=20)
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.tar")} for name in ("one", "other")
    )
    assert one == other


def test_images_in_memory_are_written_without_loss(tmp_path: Path) -> None:
    digits = open_data("digits")
    write_shards(digits, tmp_path, images_per_shard=1000)
    again = packed(open_data(f"shards:{tmp_path}").test)
    assert again.labels.tolist() == digits.test.labels.tolist()
    for at in (0, 100, 359):
        pixels = decode_bytes(read(again.place(at)), name="", channels=1)
        assert torch.equal(pixels, digits.test.pixels[at])  # type: ignore[union-attr]
    assert [name.name for name in members(tmp_path / "val-000000.tar")][:3] == [
        "000000.png",
        "000000.cls",
        "000001.png",
    ]


def test_classes_called_by_numbers_in_another_order_keep_their_labels(tmp_path: Path) -> None:
    for name in ("1", "10", "2"):
        for at in range(5):
            path = tmp_path / "images" / name / f"{at}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (int(name), at, 0)).save(path)
    write_shards(open_data(f"folder:{tmp_path}/images"), tmp_path / "out", images_per_shard=6)
    data = open_data(f"shards:{tmp_path}/out")
    assert data.classes == ("1", "10", "2")
    train = packed(data.train)
    for at, label in enumerate(train.labels.tolist()):
        pixels = decode_bytes(read(train.place(at)), name="", channels=3)
        assert int(pixels[0, 0, 0]) == int(data.classes[label])

"""Shards that lie on a server: what is asked of it, what is kept, and what becomes of a connection that fails."""

from pathlib import Path

import pytest
import torch

from classicnets.data import archive_cache
from classicnets.data.archive_cache import ArchiveCache
from classicnets.data.images import PackedImages
from classicnets.data.pipeline import batches
from classicnets.data.reading import read
from classicnets.data.sets import open_data
from classicnets.data.shard_writer import write_shards
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from tests.data.home import Home
from tests.data.packs import photograph, shard

PREPROCESSING = Preprocessing(size=(24, 20), resize=28, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
NAMES = [f"train-{number:06}.tar" for number in range(12)]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, and a server that is asked again at once."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setattr(archive_cache, "_WAITS", (0.0, 0.0))
    return folder / "classicnets"


@pytest.fixture
def foreign(home: Home, tmp_path: Path) -> str:
    """The spec of twelve shards that nobody has indexed, three photographs each."""
    for number, name in enumerate(NAMES):
        home.files[name] = shard(tmp_path / name, range(3 * number, 3 * number + 3)).read_bytes()
    return f"shards:{home.url}train-{{000000..000011}}.tar"


@pytest.fixture
def own(home: Home, tmp_path: Path) -> str:
    """The spec of a folder of shards as this package writes them."""
    source, out = tmp_path / "source", tmp_path / "out"
    for number, name in enumerate(NAMES):
        shard(source / name, range(3 * number, 3 * number + 3))
    shard(source / "val-0.tar", range(36, 42))
    write_shards(open_data(f"shards:{source}"), out, images_per_shard=4)
    home.files.update({f"d/{path.name}": path.read_bytes() for path in out.iterdir()})
    return f"shards:{home.url}d/"


def packed(images: object) -> PackedImages:
    assert isinstance(images, PackedImages)
    return images


def visited(images: PackedImages, *, workers: int = 0, start: int = 0) -> list[torch.Tensor]:
    source = batches(images, PREPROCESSING, batch_size=5, shuffle=True, seed=1, workers=workers)
    source.start = start
    return [batch.images for batch in source]


def test_foreign_shards_are_fetched_once_and_indexed(home: Home, foreign: str) -> None:
    images = packed(open_data(foreign, hold_out=False).train)
    assert [read(images.place(at), images.cache) for at in range(36)] == [photograph(at) for at in range(36)]
    fetched = [name for name, _ in home.requests if name.endswith(".tar")]
    assert sorted(fetched) == NAMES
    home.requests.clear()
    again = packed(open_data(foreign, hold_out=False).train)
    assert again.labels.tolist() == images.labels.tolist()
    assert {name for name, _ in home.requests} <= {"shards.json", "classes.txt"}


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_server_gives_what_a_disk_gives(home: Home, foreign: str, tmp_path: Path) -> None:
    local = visited(packed(open_data(f"shards:{tmp_path}/train-{{000000..000011}}.tar", hold_out=False).train))
    remote = packed(open_data(foreign, hold_out=False).train)
    for workers, start in ((0, 0), (2, 0), (1, 4)):
        found = visited(remote, workers=workers, start=start)
        assert len(found) == len(local) - start
        assert all(map(torch.equal, found, local[start:]))


def test_a_folder_is_opened_by_its_small_files_alone(home: Home, own: str) -> None:
    data = open_data(own)
    train, test = packed(data.train), packed(data.test)
    assert (len(train), len(test), data.classes) == (36, 6, ("0", "1", "2"))
    assert not [name for name, _ in home.requests if name.endswith(".tar")]
    for images, first in ((train, 0), (test, 36)):
        for at in range(len(images)):
            number = first + int(images.keys[at][:6])
            assert read(images.place(at), images.cache) == photograph(number)
            assert images.labels[at] == number % 3


def test_an_epoch_fetches_each_shard_once_whoever_comes_first(home: Home, own: str) -> None:
    images = packed(open_data(own).train)
    home.requests.clear()
    assert sum(map(len, visited(images))) == 36
    assert sorted(name for name, _ in home.requests) == [f"d/train-{number:06}.tar" for number in range(9)]


def test_a_connection_that_is_cut_is_taken_up_where_it_broke_off(home: Home, own: str) -> None:
    images = packed(open_data(own).train)
    home.requests.clear()
    home.cuts = [1000, 500]
    assert read(images.place(0), images.cache) == photograph(int(images.keys[0][:6]))
    assert [wanted for _, wanted in home.requests] == [None, "bytes=1000-", "bytes=1500-"]


def test_a_server_that_fails_is_asked_again_and_named_in_the_end(home: Home, own: str) -> None:
    images = packed(open_data(own).train)
    home.cuts = [10] * 12  # two calls of five connections, and two more
    read(images.place(0), images.cache)
    home.cuts = [1] * 100_000
    at = int(images.counts[0])
    with pytest.raises(UsageError, match=rf"cannot get {home.url}d/train-000001.tar: broke off 5 times"):
        read(images.place(at), images.cache)
    with pytest.raises(UsageError, match="cannot get"):
        visited(images)
    home.cuts = []
    assert sum(map(len, visited(images))) == 36


def test_a_shard_that_has_been_changed_is_refused(home: Home, own: str, tmp_path: Path) -> None:
    images = packed(open_data(own).train)
    home.files["d/train-000000.tar"] = shard(tmp_path / "new.tar", range(9)).read_bytes()
    with pytest.raises(UsageError, match="when it was indexed; it has been changed"):
        read(images.place(0), images.cache)


def test_copies_make_room_for_others_the_oldest_first(home: Home, own: str, cache_folder: Path) -> None:
    images = packed(open_data(own).train)
    size = int(images.lengths[:8].max())
    cache = ArchiveCache(cache_folder / "shards", 3 * size)
    for shard_number in (0, 1, 2, 0, 3):
        cache.at_hand(images.archives[shard_number], int(images.lengths[shard_number]))
    kept = sorted(path.name.rpartition("-")[2] for path in (cache_folder / "shards").glob("*.tar"))
    assert kept == ["000000.tar", "000002.tar", "000003.tar"]
    with pytest.raises(UsageError, match="allow more by CLASSICNETS_SHARD_CACHE, in gigabytes"):
        ArchiveCache(cache_folder / "other", 100).at_hand(images.archives[0])


def test_too_little_room_for_what_is_read_at_a_time_is_said_at_once(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSICNETS_SHARD_CACHE", "0.00001")
    with pytest.raises(UsageError, match="allow more by CLASSICNETS_SHARD_CACHE"):
        open_data(own)
    monkeypatch.setenv("CLASSICNETS_SHARD_CACHE", "plenty")
    with pytest.raises(UsageError, match="CLASSICNETS_SHARD_CACHE is 'plenty'; it should be a number of gigabytes"):
        open_data(own)


def test_a_folder_on_a_server_needs_the_file_that_says_what_is_in_it(home: Home, own: str) -> None:
    del home.files["d/shards.json"]
    with pytest.raises(UsageError, match=r"d/ has no shards.json; name the shards, such as http"):
        open_data(own)


def test_a_shard_that_is_not_there_is_named(home: Home, foreign: str) -> None:
    del home.files[NAMES[5]]
    with pytest.raises(UsageError, match=rf"{NAMES[5]}: HTTP 404"):
        open_data(foreign)

"""Images that cannot be read: what stops, what is skipped, and what that changes for the others."""

from pathlib import Path

import numpy as np
import pytest
import torch

from classicnets.data.batches import Batch
from classicnets.data.decode import UnreadableImage
from classicnets.data.folder_batches import FolderBatches
from classicnets.data.images import ImageFiles
from classicnets.data.pipeline import batches
from classicnets.data.sets import open_data
from classicnets.data.sharing import Share
from classicnets.data.transforms import Augmentation, Preprocessing
from classicnets.data.unreadable import Skipped
from classicnets.errors import UsageError
from tests.data.packs import photograph, tar

PREPROCESSING = Preprocessing(size=(24, 20), resize=28, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
AUGMENTATION = Augmentation(random_area=(0.2, 1.0), flip=True)
BROKEN = (2, 3, 11)


@pytest.fixture
def photos(tmp_path: Path) -> ImageFiles:
    paths = []
    for number in range(16):
        path = tmp_path / f"{number:02}.jpg"
        path.write_bytes(photograph(number))
        paths.append(path)
    return ImageFiles(paths=paths, labels=np.arange(16))


def broken(photos: ImageFiles, *numbers: int) -> ImageFiles:
    for number in numbers:
        path = photos.paths[number]
        path.write_bytes(path.read_bytes()[:300])
    return photos


def epoch_of(
    photos: ImageFiles, skipped: Skipped | None, *, workers: int = 0, start: int = 0, share: Share | None = None
) -> tuple[FolderBatches, list[Batch]]:
    source = batches(
        photos,
        PREPROCESSING,
        batch_size=6,
        augmentation=AUGMENTATION,
        shuffle=True,
        seed=4,
        workers=workers,
        skipped=skipped,
    )
    assert isinstance(source, FolderBatches)
    source.start = start
    if share is not None:
        source.share = share
    return source, list(source)


def test_the_first_one_stops_the_work_unless_told_otherwise(photos: ImageFiles) -> None:
    with pytest.raises(UnreadableImage, match=r"cannot read the image .*(02|03|11)\.jpg: "):
        epoch_of(broken(photos, *BROKEN), None)


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 2])
def test_the_others_stay_what_and_where_they_are(photos: ImageFiles, workers: int) -> None:
    _, whole = epoch_of(photos, None)
    skipped = Skipped()
    _, rest = epoch_of(broken(photos, *BROKEN), skipped, workers=workers)
    assert [len(batch.labels) for batch in rest] == [
        len(batch.labels) - len(set(batch.indices.tolist()) & set(BROKEN)) for batch in whole
    ]
    pixels = {
        index: image for batch in whole for index, image in zip(batch.indices.tolist(), batch.images, strict=True)
    }
    for before, after in zip(whole, rest, strict=True):
        lost = len(before.labels) - len(after.labels)
        moved = 0
        for place, index in enumerate(after.indices.tolist()):
            assert torch.equal(after.images[place], pixels[index])
            assert after.labels[place] == index
            moved += index != int(before.indices[place])
        assert moved <= lost
    assert set(skipped.reasons) == {str(photos.paths[number]) for number in BROKEN}


def test_a_resumed_epoch_gives_the_same_batches(photos: ImageFiles) -> None:
    broken(photos, *BROKEN)
    _, whole = epoch_of(photos, Skipped())
    for start in range(4):
        _, rest = epoch_of(photos, Skipped(), start=start)
        assert len(rest) == 3 - start
        assert all(all(map(torch.equal, a, b)) for a, b in zip(rest, whole[start:], strict=True))


def test_the_indices_of_what_was_gone_through_are_known_afterwards(photos: ImageFiles) -> None:
    broken(photos, *BROKEN)
    for share in (Share(), Share(1, 2, 1), Share(0, 1, 3)):
        source, found = epoch_of(photos, Skipped(), share=share)
        assert source.indices().tolist() == torch.cat([batch.indices for batch in found]).tolist()


def test_images_are_listed_once_and_counted_over_interruptions(photos: ImageFiles, tmp_path: Path) -> None:
    file = tmp_path / "run" / "unreadable.jsonl"
    skipped = Skipped(file)
    epoch_of(broken(photos, 2, 3), skipped)
    epoch_of(photos, skipped)
    assert len(file.read_text().splitlines()) == len(skipped) == 2
    with file.open("a") as killed:
        killed.write('{"path": "half a li')
    resumed = Skipped(file)
    assert resumed.reasons == skipped.reasons
    epoch_of(broken(photos, 11), resumed)
    assert {Path(name).name for name in Skipped(file).reasons} == {"02.jpg", "03.jpg", "11.jpg"}


def test_what_is_said_of_them_is_one_line(tmp_path: Path) -> None:
    skipped = Skipped(tmp_path / "list.jsonl")
    assert str(skipped) == ""
    skipped.add(UnreadableImage("a, b.jpg", "the file is empty"))
    listed = f"; listed in {tmp_path}/list.jsonl"
    assert str(skipped) == f"1 unreadable image skipped: a, b.jpg (the file is empty){listed}"
    for number in range(4):
        skipped.add(UnreadableImage(f"{number}.jpg", "broken"))
    assert str(skipped) == (
        f"5 unreadable images skipped: a, b.jpg (the file is empty); 0.jpg (broken); 1.jpg (broken); and 2 more{listed}"
    )
    assert Skipped(tmp_path / "list.jsonl").reasons == skipped.reasons


def test_a_batch_to_learn_from_needs_an_image(photos: ImageFiles) -> None:
    broken(photos, *range(16))
    with pytest.raises(UsageError, match="a batch has no image that can be read: cannot read the image"):
        epoch_of(photos, Skipped())
    tested = batches(photos, PREPROCESSING, batch_size=6, workers=0, skipped=Skipped())
    assert [tuple(batch.images.shape) for batch in tested] == [(0, 3, 24, 20)] * 3


def test_a_broken_image_in_a_shard_is_called_by_both_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    members = []
    for number in range(4):
        content = b"no image" if number == 2 else photograph(number)
        members += [(f"{number}.jpg", content), (f"{number}.cls", str(number % 2).encode())]
    path = tar(tmp_path / "s.tar", members)
    skipped = Skipped()
    source = batches(
        open_data(f"shards:{path}", hold_out=False).train, PREPROCESSING, batch_size=4, workers=0, skipped=skipped
    )
    assert [batch.indices.tolist() for batch in source] == [[0, 1, 3]]
    assert skipped.reasons == {f"{path}:2.jpg": "not an image, or broken from its first bytes on"}


def test_figures_of_the_data_are_computed_of_what_can_be_read(photos: ImageFiles) -> None:
    augmentation = Augmentation.model_validate({"lighting": {"colours": "data"}})
    skipped = Skipped()
    batches(broken(photos, *BROKEN), PREPROCESSING, batch_size=4, augmentation=augmentation, workers=0, skipped=skipped)
    assert len(skipped) == 3

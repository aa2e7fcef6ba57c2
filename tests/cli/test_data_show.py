"""`data show`: the contact sheet of an augmentation, and how an augmentation is written."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from classicnets.data.augmentation.colour import Colour
from classicnets.data.augmentation.mixing import Mixing
from classicnets.data.sets import open_data
from classicnets.data.sheet import chosen
from classicnets.data.transforms import Augmentation
from classicnets.training.recipe.augmentations import read_augmentation
from classicnets.training.recipe.shipped import shipped_recipe, shipped_recipes
from tests.cli.command import Command


def pictures(page: Path) -> list[npt.NDArray[np.uint8]]:
    """The images of a sheet, row by row."""
    sources = re.findall(r'src="data:image/png;base64,([^"]+)"', page.read_text(encoding="utf-8"))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(source)))) for source in sources]


@pytest.fixture
def photos(tmp_path: Path) -> str:
    """A folder of two classes, images of two shapes."""
    for at, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            noise = np.random.default_rng(at).integers(0, 256, (300, 320 + 40 * number, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "photos" / name / f"{number}.jpg")
    return f"folder:{tmp_path / 'photos'}"


def test_a_sheet_shows_each_image_as_it_is_and_changed(command: Command, tmp_path: Path) -> None:
    page = tmp_path / "sheet.html"
    arguments = ("--images", 5, "--versions", 3, "--html", page)
    outcome = command("data", "show", "digits", "--augment", "affine, colour: {contrast: 0.2}", *arguments)
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"sheet  {page}\n"
    shown = pictures(page)
    assert len(shown) == 5 * (1 + 3)
    digits = open_data("digits").train
    originals = {image.numpy().tobytes() for image in digits.pixels[:, :, :, 0]}  # type: ignore[union-attr]
    rows = [shown[at : at + 4] for at in range(0, 20, 4)]
    for row in rows:
        assert row[0].tobytes() in originals
        assert len({image.tobytes() for image in row}) == 4
    text = page.read_text(encoding="utf-8")
    assert "contrast: 0.2" in text
    assert [f">{label}<small>" in text for label in range(6)] == [True] * 5 + [False]


def test_a_sheet_needs_nothing_from_elsewhere(command: Command, tmp_path: Path) -> None:
    page = tmp_path / "sheet.html"
    assert command("data", "show", "digits", "--html", page).code == 0
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.findall(r"https?:|@import|url\(", text)
    assert all('alt="' in image for image in re.findall(r"<img[^>]*>", text))


def test_without_an_augmentation_images_stay_as_they_are(command: Command, tmp_path: Path) -> None:
    page = tmp_path / "sheet.html"
    command("data", "show", "digits", "--images", 2, "--versions", 2, "--html", page)
    first, second = pictures(page)[:3], pictures(page)[3:]
    for row in (first, second):
        assert all(np.array_equal(image, row[0]) for image in row)


def test_the_same_seed_gives_the_same_sheet(command: Command, tmp_path: Path) -> None:
    pages = [tmp_path / f"{name}.html" for name in ("one", "again", "other")]
    for page, seed in zip(pages, (3, 3, 4), strict=True):
        command("data", "show", "digits", "--augment", "elastic", "--seed", seed, "--html", page)
    one, again, other = (page.read_text(encoding="utf-8") for page in pages)
    assert one == again
    assert one != other


def test_photographs_are_shown_whole_beside_their_crops(command: Command, tmp_path: Path, photos: str) -> None:
    page = tmp_path / "sheet.html"
    augment = "scale: [256, 300], flip, lighting: {colours: data}, mix: {cutmix: 1}"
    arguments = ("--images", 2, "--versions", 2, "--html", page)
    outcome = command("data", "show", photos, "--augment", augment, *arguments)
    assert outcome.code == 0, outcome.err
    shown = pictures(page)
    assert all(image.shape[0] < image.shape[1] for image in (shown[0], shown[3]))
    assert all(image.shape == (224, 224, 3) for image in (*shown[1:3], *shown[4:]))
    assert re.search(r"\d+% cat, \d+% dog", page.read_text(encoding="utf-8"))


def test_the_input_size_can_be_another(command: Command, tmp_path: Path, photos: str) -> None:
    page = tmp_path / "sheet.html"
    command("data", "show", photos, "--input", "1x50x60", "--images", 1, "--versions", 1, "--html", page)
    assert pictures(page)[1].shape == (50, 60)
    assert "50x60 pixels" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("augment", "told"),
    [
        ("flpi", "did you mean flip?"),
        ("flip, colour: {brightnes: 0.1}", "did you mean brightness?"),
        ("pad", "pad needs a value, such as 'pad: 4'"),
        ("mix", "such as 'mix: {mixup: 0.2}'"),
        ("colour: {hue: 3}", "augmentation.colour.hue: should be less than or equal to 0.5 (given: 3)"),
        ("colour: 3", "augmentation.colour: should be a mapping of fields"),
        ("lighting: {colours: mine}", "augmentation.lighting.colours: should be 'imagenet' or 'data'"),
        ("erase: {area: [0.5, 0.2]}", "augmentation.erase: area needs 0 < from <= to <= 1"),
        ("pad: {", "is not YAML"),
        ("resnet_cifar/defalt", "did you mean resnet_cifar/default"),
        ("nowhere.yaml", "cannot read the recipe nowhere.yaml"),
        ("scale: [4, 20]", "begin at 8 or more"),
    ],
)
def test_a_mistake_is_answered_with_one_line(command: Command, tmp_path: Path, augment: str, told: str) -> None:
    outcome = command("data", "show", "digits", "--augment", augment, "--html", tmp_path / "sheet.html")
    assert told in outcome.mistake()
    assert not list(tmp_path.iterdir())


def test_an_unreadable_photograph_is_named(command: Command, tmp_path: Path, photos: str) -> None:
    for path in (tmp_path / "photos" / "cat").iterdir():
        path.write_text("no image")
    outcome = command("data", "show", photos, "--html", tmp_path / "sheet.html")
    assert "cannot read the image" in outcome.mistake()


def test_an_augmentation_is_a_list_a_recipe_or_a_file(tmp_path: Path) -> None:
    assert read_augmentation("flip, pad: 4, colour").augmentation == Augmentation(flip=True, pad=4, colour=Colour())
    named = read_augmentation("lenet5/digits")
    assert named.augmentation == Augmentation(pad=2)
    assert named.preprocessing is not None
    assert named.preprocessing.size == (32, 32)
    file = tmp_path / "mine.yaml"
    file.write_text("epochs: 3\naugmentation: {mix: {mixup: 0.2}}\n")
    assert read_augmentation(str(file)).augmentation == Augmentation(mix=Mixing(mixup=0.2))
    assert read_augmentation("").augmentation == Augmentation()


def test_what_a_sheet_says_of_an_augmentation_can_be_given_again() -> None:
    given = read_augmentation("elastic: {sigma: 3}, lighting, scale: [256, 512], erase: {fill: black}, flip")
    assert read_augmentation(given.text.replace("\n", " ")).augmentation == given.augmentation


def test_every_recipe_of_the_package_has_its_name() -> None:
    assert {"default", "lenet5/default", "lenet5/digits", "resnet_cifar/default"} <= set(shipped_recipes())
    for name in shipped_recipes():
        assert {"epochs", "steps"} & set(shipped_recipe(name))
        read_augmentation(name)


def test_classes_take_turns_on_a_sheet() -> None:
    labels = np.repeat(np.arange(4), [50, 3, 20, 1])
    picked = chosen(labels, 12, 0)
    assert labels[picked].tolist() == [0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 0, 2]
    assert len(set(picked.tolist())) == 12
    assert len(chosen(labels, 1000, 0)) == 74

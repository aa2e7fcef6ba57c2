"""The classes of the images that ImageNet is tested on, from whichever file tells them."""

import csv
import io
import re
import tarfile
from pathlib import Path
from xml.etree import ElementTree

from classicnets.errors import UsageError

TRUTH = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
DEVKIT = "ILSVRC2012_devkit_t12"

_SYNSETS = "imagenet_2012_validation_synset_labels.txt"
_SOLUTION = "LOC_val_solution.csv"
_ANNOTATIONS = ("ILSVRC/Annotations/CLS-LOC/val", "Annotations/CLS-LOC/val", "bbox/val", "Annotations/val")
_NUMBER = re.compile(r"_(\d+)\.\w+$")
_WORDNET = re.compile(r"n\d{8}")


def class_of_each(path: Path, names: list[str], classes: tuple[str, ...]) -> list[str]:
    """The WordNet number of each image's class.

    Looked for, in this order, in the folder ``path``: `TRUTH` with `META`, as in the development kit, in the folder
    itself, in ``DEVKIT/data/`` or in ``DEVKIT.tar.gz``; ``LOC_val_solution.csv``; a line an image of WordNet numbers
    (``imagenet_2012_validation_synset_labels.txt``); ``val.txt`` with names and positions in the sorted classes; and
    the XML annotations, a file an image.

    Args:
        path: the folder of ImageNet.
        names: the images' file names, ``ILSVRC2012_val_00000001.JPEG``.
        classes: the WordNet numbers of the classes, sorted.

    Raises:
        UsageError: none of the files is there, or it does not tell the class of an image.
    """
    for read in (_from_devkit, _from_solution, _from_synsets, _from_list, _from_annotations):
        found = read(path, names, classes)
        if found is not None:
            return found
    raise UsageError(
        f"nothing in {path} tells the classes of the images in val; put {DEVKIT}.tar.gz, {_SOLUTION}, {_SYNSETS},"
        " val.txt or the XML annotations there"
    )


def _from_devkit(path: Path, names: list[str], classes: tuple[str, ...]) -> list[str] | None:
    del classes
    for folder in (path, path / DEVKIT / "data", path / "data"):
        if (folder / TRUTH).is_file() and (folder / META).is_file():
            truth, meta = (_content(folder / name) for name in (TRUTH, META))
            return _by_number(folder / TRUTH, names, _numbered(folder / TRUTH, truth, _wordnet_numbers(meta, folder)))
    archive = path / f"{DEVKIT}.tar.gz"
    if not archive.is_file():
        return None
    try:
        with tarfile.open(archive, "r:gz") as tar:
            truth, meta = (_in_tar(tar, f"{DEVKIT}/data/{name}") for name in (TRUTH, META))
    except (tarfile.TarError, OSError, EOFError, KeyError) as error:
        raise UsageError(f"{archive} is broken, or lacks {TRUTH} or {META}") from error
    return _by_number(archive, names, _numbered(archive, truth, _wordnet_numbers(meta, archive)))


def _in_tar(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def _wordnet_numbers(meta: bytes, where: Path) -> dict[int, str]:
    """By the development kit's own numbers, 1 to 1000, which are in no order that anybody else uses."""
    from scipy.io import loadmat  # slow to import
    from scipy.io.matlab import MatReadError

    try:
        synsets = loadmat(io.BytesIO(meta), squeeze_me=True)["synsets"]
        # Those above 1000 are groups of classes, which no image is of.
        return {int(entry["ILSVRC2012_ID"]): str(entry["WNID"]) for entry in synsets}
    except (MatReadError, KeyError, ValueError, TypeError, IndexError) as error:
        raise UsageError(f"{where}: {META} is not the development kit's") from error


def _numbered(where: Path, truth: bytes, wordnet: dict[int, str]) -> list[str]:
    try:
        return [wordnet[int(line)] for line in truth.split()]
    except (KeyError, ValueError) as error:
        raise UsageError(f"{where}: a line of {TRUTH} is no class of {META}: {error}") from error


def _from_solution(path: Path, names: list[str], classes: tuple[str, ...]) -> list[str] | None:
    """Of a table of image names with the class and the place of each object in them."""
    del classes
    file = path / _SOLUTION
    if not file.is_file():
        return None
    rows = csv.reader(io.StringIO(_text(file)))
    told = {row[0]: row[1].split()[0] for row in rows if len(row) == 2 and _WORDNET.match(row[1])}
    return _by_name(file, names, told)


def _from_synsets(path: Path, names: list[str], classes: tuple[str, ...]) -> list[str] | None:
    del classes
    file = path / _SYNSETS
    return _by_number(file, names, _text(file).split()) if file.is_file() else None


def _from_list(path: Path, names: list[str], classes: tuple[str, ...]) -> list[str] | None:
    file = path / "val.txt"
    if not file.is_file():
        return None
    rows = [line.split() for line in _text(file).splitlines()]
    if not all(len(row) == 2 and row[1].isdecimal() and int(row[1]) < len(classes) for row in rows):
        raise UsageError(f"{file}: each line should be the name of an image and a number below {len(classes)}")
    return _by_name(file, names, {Path(name).stem: classes[int(number)] for name, number in rows})


def _from_annotations(path: Path, names: list[str], classes: tuple[str, ...]) -> list[str] | None:
    """Of an XML file an image, which places the objects of its one class."""
    del classes
    folder = next((path / inside for inside in _ANNOTATIONS if (path / inside).is_dir()), None)
    if folder is None:
        return None
    told = {}
    for name in names:
        file = folder / f"{Path(name).stem}.xml"
        try:
            found = ElementTree.parse(file).findtext("object/name")
        except (OSError, ElementTree.ParseError) as error:
            raise UsageError(f"cannot read the annotation {file}: {error}") from error
        if found:
            told[Path(name).stem] = found
    return _by_name(folder, names, told)


def _by_name(where: Path, names: list[str], told: dict[str, str]) -> list[str]:
    missing = next((name for name in names if Path(name).stem not in told), None)
    if missing is not None:
        raise UsageError(f"{where} does not tell the class of {missing}")
    return [told[Path(name).stem] for name in names]


def _by_number(where: Path, names: list[str], told: list[str]) -> list[str]:
    """Where the classes stand in the order of the numbers in the images' names, which begin at 1."""
    found = []
    for name in names:
        number = _NUMBER.search(name)
        if number is None or not 1 <= int(number[1]) <= len(told):
            raise UsageError(f"{where} tells the classes of images 1 to {len(told)}, but not of {name}")
        found.append(told[int(number[1]) - 1])
    return found


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from error


def _text(file: Path) -> str:
    return _content(file).decode("utf-8", errors="replace")

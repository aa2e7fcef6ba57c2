"""The classes of ImageNet."""

import pytest

from classicnets.weights.imagenet import class_folders, class_names


def test_there_are_a_thousand_of_them_and_no_two_are_alike() -> None:
    assert len(class_names()) == len(set(class_names())) == 1000
    assert len(class_folders()) == len(set(class_folders())) == 1000


def test_folders_sort_into_the_order_of_the_classes() -> None:
    assert list(class_folders()) == sorted(class_folders())


# As they are known from the authors' list of synsets.
@pytest.mark.parametrize(
    ("index", "folder", "name"),
    [
        (0, "n01440764", "tench"),
        (207, "n02099601", "golden retriever"),
        (281, "n02123045", "tabby"),
        (779, "n04146614", "school bus"),
        (999, "n15075141", "toilet tissue"),
    ],
)
def test_some_of_them(index: int, folder: str, name: str) -> None:
    assert (class_folders()[index], class_names()[index]) == (folder, name)

"""What is said to a user who gave a wrong name."""

import re

import pytest

from classicnets.errors import UsageError, check_choice, near

NAMES = ["lenet5", "lenet5_dense", "resnet20_cifar", "resnet110_cifar", "plain20_cifar"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("lenet5_d", "; did you mean lenet5, lenet5_dense?"),
        ("resnet20_cifra", "; did you mean resnet20_cifar"),
        ("xyz", "; known: lenet5, lenet5_dense, resnet20_cifar, resnet110_cifar, plain20_cifar"),
        ("", "; known: lenet5"),
    ],
)
def test_near_names_what_was_meant_or_what_there_is(given: str, expected: str) -> None:
    assert near(given, NAMES).startswith(expected)


def test_a_long_list_is_cut() -> None:
    assert near("?", [f"name{number}" for number in range(40)]).endswith("name10, name11, ...")
    assert near("?", [f"name{number}" for number in range(12)]).endswith("name10, name11")


def test_no_more_than_asked_for() -> None:
    assert near("name1", (f"name{number}" for number in range(20)), most=2).count(",") == 1


def test_nothing_allowed_says_nothing() -> None:
    assert near("a", []) == ""


def test_a_usage_error_is_a_value_error() -> None:
    assert issubclass(UsageError, ValueError)


def test_a_choice_that_is_none_names_the_choices() -> None:
    check_choice("shortcut", "B", ("A", "B", "C"))
    for wrong in ("D", None, ["A"], 1):
        with pytest.raises(UsageError, match=f"^shortcut must be A, B or C, not {re.escape(repr(wrong))}$"):
            check_choice("shortcut", wrong, ("A", "B", "C"))
    with pytest.raises(UsageError, match=r"^gpus must be 2, not 3$"):
        check_choice("gpus", 3, (2,))

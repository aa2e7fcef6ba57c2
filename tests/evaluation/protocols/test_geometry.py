"""Views lie where the papers put them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classicnets.data.transforms import Preprocessing
from classicnets.evaluation.protocols.geometry import Pair, Window, box, canvas, rescaled, windows
from classicnets.evaluation.protocols.protocol import CROPS, Crops, Look

INPUT = (224, 224)
LANDSCAPE = (256, 341)  # 375x500 with a shorter side of 256


def preprocessing(size: Pair, fit: str = "crop", resize: int | None = None) -> Preprocessing:
    return Preprocessing.model_validate(
        {"channels": 1, "size": size, "fit": fit, "resize": resize, "mean": (0.0,), "std": (1.0,)}
    )


@pytest.mark.parametrize(
    ("given_size", "sizes"),
    [
        ((224, 224), [224, 256, 288, 320, 352, 384, 480, 512, 640]),
        ((32, 32), [32, 37, 41, 46, 50, 55, 69, 73, 91]),  # 256 x 32 / 224 = 36.57
        ((299, 299), [299, 342, 384, 427, 470, 513, 641, 683, 854]),
    ],
)
def test_the_papers_sizes_follow_the_input(given_size: Pair, sizes: list[int]) -> None:
    of_papers = (224, 256, 288, 320, 352, 384, 480, 512, 640)
    look = Look(sizes=of_papers, crops="dense")
    assert [box(size, look, given_size) for size in of_papers] == [(size, size) for size in sizes]


def test_sizes_of_ones_own_stay() -> None:
    look = Look(sizes=(40,), crops="dense", of_paper=False)
    assert box(40, look, (32, 32)) == (40, 40)
    assert box(40, look, (32, 64)) == (40, 80), "the shorter side of an input that is no square"


@pytest.mark.parametrize(
    ("image", "becomes"), [((375, 500), LANDSCAPE), ((500, 375), (341, 256)), ((90, 90), (256, 256))]
)
def test_the_shorter_side_becomes_the_size(image: Pair, becomes: Pair) -> None:
    assert rescaled(image, (256, 256), preprocessing(INPUT)) == becomes


def test_an_image_that_is_stretched_stays_stretched() -> None:
    assert rescaled((375, 500), (256, 256), preprocessing(INPUT, "stretch")) == (256, 256)


def test_a_padded_image_stands_on_its_canvas() -> None:
    padding = preprocessing((32, 32), "pad", resize=28)
    assert canvas((28, 28), padding) == (32, 32)
    assert canvas((56, 28), padding) == (64, 64)
    assert rescaled((64, 64), (37, 37), padding) == (37, 37)


def test_ten_crops_are_of_the_central_square() -> None:
    # Krizhevsky et al., section 2: the central 256x256; section 4.1: four corners and the centre, of 224x224.
    found = windows("corners", LANDSCAPE, (256, 256), INPUT)
    places = [(0, 42), (0, 74), (32, 42), (32, 74), (16, 58)]
    assert found == {Window(top, left, 224, 224): 1 for top, left in places}


@pytest.mark.parametrize(("image", "turned"), [(LANDSCAPE, False), (LANDSCAPE[::-1], True)])
def test_144_crops_are_of_three_squares(image: Pair, turned: bool) -> None:
    # Szegedy et al., section 7: left, centre, right; of portrait images top, centre, bottom.
    found = windows("squares", image, (256, 256), INPUT)
    assert sum(found.values()) == len(found) == 18
    squares = {(window.top, window.left) for window in found if window.height == 256}
    along = [(0, 0), (0, 42), (0, 85)]
    assert squares == {place[::-1] if turned else place for place in along}
    corners = [(0, 0), (0, 32), (32, 0), (32, 32), (16, 16)]
    assert {(window.top, window.left) for window in found if window.height == 224} == {
        (top + down, left + across) for top, left in squares for down, across in corners
    }


def test_of_a_square_image_the_three_squares_are_one() -> None:
    found = windows("squares", (256, 256), (256, 256), INPUT)
    assert len(found) == 6
    assert set(found.values()) == {3}


def test_a_grid_is_regular_and_spans_the_image() -> None:
    found = windows("grid", LANDSCAPE, (256, 256), INPUT)
    assert set(found.values()) == {1}
    assert sorted({window.top for window in found}) == [0, 8, 16, 24, 32]
    assert sorted({window.left for window in found}) == [0, 29, 59, 88, 117]
    assert len(found) == 25


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([crops for crops in CROPS if crops != "dense"]),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.integers(224, 700),
)
def test_every_view_lies_within_the_image(crops: Crops, image: Pair, given_size: Pair, size: int) -> None:
    square = box(size, Look(sizes=(size,), crops=crops), given_size)
    height, width = rescaled(image, square, preprocessing(given_size, resize=max(given_size)))
    assert (height, width) >= square
    found = windows(crops, (height, width), square, given_size)
    assert sum(found.values()) == CROPS[crops]
    for window in found:
        assert (window.height, window.width) in (given_size, square)
        assert window.top >= 0
        assert window.left >= 0
        assert window.top + window.height <= height
        assert window.left + window.width <= width

"""Images moved and bent, against NumPy, SciPy and single pixels."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from classicnets.data.augmentation.geometry import Affine, Elastic, backward, distort, warp
from tests.data.augmented import chance, noise, smooth

STILL = {"translate": 0.0, "scale": (1.0, 1.0), "squeeze": 1.0, "shear": 0.0, "rotate": 0.0}


def placed(matrix: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, ...]:
    """Where the pixel one right of the centre, and the one below it, come from."""
    return tuple(float(value) for value in np.concatenate([matrix @ [1, 0, 1], matrix @ [0, 1, 1]]))


@pytest.mark.parametrize("order", ["bilinear", "nearest"])
def test_pixels_are_fetched_as_scipy_fetches_them(order: str) -> None:
    pixels = smooth(1, 20, 30, 1)
    forward = np.array([[[1.13, 0.21], [-0.17, 0.93]]])
    matrix = backward(forward, np.array([[2.37, -1.41]]))
    got = warp(pixels.to(torch.float64) / 255, matrix, interpolation=order)[0, :, :, 0].numpy() * 255
    y, x = np.mgrid[0:20, 0:30]
    old_x, old_y = matrix[0] @ np.stack([x.ravel() - 14.5, y.ravel() - 9.5, np.ones(600)])
    expected = ndimage.map_coordinates(
        np.pad(pixels[0, :, :, 0].numpy().astype(float), 40),
        [old_y + 9.5 + 40, old_x + 14.5 + 40],
        order=1 if order == "bilinear" else 0,
    )
    assert np.abs(got.ravel() - expected).max() < 1e-4


def test_whole_pixels_are_moved_exactly_and_black_comes_in() -> None:
    pixels = noise(1, 7, 9)
    moved = warp(pixels, backward(np.eye(2)[None], np.array([[2.0, -1.0]])))
    expected = torch.zeros_like(pixels)
    expected[:, :-1, 2:] = pixels[:, 1:, :-2]
    assert torch.equal(moved, expected)


def test_a_quarter_turn_is_numpys() -> None:
    pixels = noise(1, 8, 8)
    turned = warp(pixels, backward(np.array([[[0.0, -1.0], [1.0, 0.0]]]), np.zeros((1, 2))))
    assert np.array_equal(turned[0].numpy(), np.rot90(pixels[0].numpy(), k=-1))


def test_each_part_of_an_affine_change_does_what_it_says() -> None:
    """LeNet-5 (1998), section III.B: translation, scaling, squeezing, horizontal shearing."""
    source = chance(500)

    def drawn(**part: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        matrices = Affine.model_validate(STILL | part).matrices(source, 20, 40)
        return np.array([placed(matrix) for matrix in matrices])

    moved = drawn(translate=0.1)
    assert np.allclose(moved[:, 0] - moved[:, 2], 1)
    assert np.abs(moved[:, 2]).max() == pytest.approx(4, rel=0.02)  # a tenth of the width of 40
    assert np.abs(moved[:, 1]).max() == pytest.approx(2, rel=0.02)  # and of the height of 20
    scaled = drawn(scale=(0.8, 1.25))
    assert np.allclose(scaled[:, 0], scaled[:, 3])
    assert (1 / scaled[:, 0]).min() == pytest.approx(0.8, rel=0.01)
    assert (1 / scaled[:, 0]).max() == pytest.approx(1.25, rel=0.01)
    squeezed = drawn(squeeze=1.5)
    assert np.allclose(squeezed[:, 0] * squeezed[:, 3], 1)
    assert squeezed[:, 0].max() == pytest.approx(1.5, rel=0.01)
    assert squeezed[:, 3].max() == pytest.approx(1.5, rel=0.01)
    sheared = drawn(shear=0.3)
    assert np.allclose(sheared[:, [0, 1, 3]], [1, 0, 1])
    assert np.abs(sheared[:, 2]).max() == pytest.approx(0.3, rel=0.02)
    turned = drawn(rotate=10)
    assert np.degrees(np.arcsin(turned[:, 1])).max() == pytest.approx(10, rel=0.02)
    assert np.degrees(np.arcsin(turned[:, 1])).min() == pytest.approx(-10, rel=0.02)


def test_displacements_are_smoothed_noise_as_scipy_smooths_it() -> None:
    """Simard et al. (2003), section 2: noise from -1 to 1 under a Gaussian of 4 pixels, times 34."""
    source, pixels = chance(3), noise(3, 29, 29, 1)
    got = Elastic(sigma=4, alpha=34).displacements(source, pixels).numpy()
    raw = 2 * source.noise("elastic", 2, 29, 29) - 1
    expected = 34 * ndimage.gaussian_filter(raw.astype(float), sigma=(0, 0, 4, 4), mode="constant")
    assert np.abs(got.transpose(0, 3, 1, 2) - expected).max() < 1e-4
    assert 0.8 < got.std() < 2  # pixels: about the paper's 34 / 29, that of a field of length 34


def test_one_resampling_of_both_is_sharper_than_two() -> None:
    pixels, source = noise(4, 32, 32, 1), chance(4)
    affine, elastic = Affine(), Elastic()
    together, apart = distort(pixels, affine, elastic, source), affine(elastic(pixels, source), source)
    assert together.float().std() > apart.float().std() + 5
    assert torch.equal(distort(pixels, affine, None, source), affine(pixels, source))
    assert torch.equal(distort(pixels, None, elastic, source), elastic(pixels, source))

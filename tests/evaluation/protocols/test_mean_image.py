"""A network that has the mean image subtracted hears of mirrored views what it hears of mirrored images."""

import numpy as np
import torch

from classicnets.data.batches import normalise
from classicnets.data.images import ImageArray
from classicnets.data.mean_image import MeanImage
from classicnets.evaluation.protocols.named import read_protocol
from classicnets.evaluation.protocols.testing import Member
from tests.evaluation.protocols.conftest import bundle_of, small


def test_the_mean_is_mirrored_with_its_image(array: ImageArray) -> None:
    mean = MeanImage.of(np.random.default_rng(0).random((32, 32, 3), dtype=np.float32))
    bundle = bundle_of(small(), mean_image=mean)
    images = array.taken(np.arange(2))
    (answer,) = Member(bundle).answers(images, read_protocol("multi-scale:36:crops=center"))
    plain = normalise(images.pixels[:, 2:34, 2:34], bundle.preprocessing)
    with torch.inference_mode():
        expected = (bundle.network(plain).softmax(dim=1) + bundle.network(plain.flip(3)).softmax(dim=1)) / 2
    expected = expected[torch.from_numpy(answer.indices)]
    torch.testing.assert_close(answer.logits.exp().float(), expected, rtol=1e-4, atol=1e-6)


def test_under_a_whole_image_it_is_resized(array: ImageArray) -> None:
    mean = MeanImage.of(np.full((32, 32, 3), 0.3, dtype=np.float32))
    with_image, without = bundle_of(small(), mean_image=mean), bundle_of(small(), mean=(0.3,) * 3)
    said = [list(Member(bundle).answers(array, read_protocol("vgg-dense"))) for bundle in (with_image, without)]
    for one, other in zip(*said, strict=True):
        torch.testing.assert_close(one.logits, other.logits, rtol=1e-3, atol=1e-4)

"""Features from whole images at several scales, as VGG's paper carries them over to other data sets.

Simonyan and Zisserman, ICLR 2015, appendix B: the shorter side of an image becomes Q pixels, the network runs over all
of it as one large convolution, what leaves the row is averaged over all places, and so are image and mirror image. The
descriptors of several Q are averaged or stacked, the result gets unit length, and a linear SVM learns on it.
"""

from collections.abc import Iterator
from typing import Literal

import torch

from classicnets.data.batches import normalise
from classicnets.data.decode import decode_bytes
from classicnets.data.images import ImageArray, Images, PackedImages
from classicnets.data.pixels import resize, with_channels
from classicnets.data.reading import read
from classicnets.errors import UsageError
from classicnets.evaluation.features.rows import Chunk, Wanted, finish, pooled
from classicnets.networks.chain import Chain
from classicnets.networks.features import Features, features
from classicnets.networks.fully_convolutional import fully_convolutional
from classicnets.weights.bundle import Bundle

Combine = Literal["average", "stack"]
"""How the descriptors of several scales become one."""


def dense_features(
    bundle: Bundle, images: Images, wanted: Wanted, *, scales: tuple[int, ...], combine: Combine = "average"
) -> Iterator[Chunk]:
    """The features of images, one image at a time in their order.

    Args:
        bundle: a network that takes images of any size, or one with fully connected layers that can be convolutions.
        images: in memory or in files.
        wanted: which features; maps are averaged whatever it says.
        scales: the lengths in pixels that the shorter side of each image is given, one after the other.
        combine: ``average`` the descriptors of the scales, or ``stack`` them to one as many times as long.

    Raises:
        UsageError: the network cannot do it, a scale is too small for it, or an image cannot be read.
    """
    dense = fully_convolutional(bundle.network).eval()
    least = max(dense.smallest_input(), _reads_at_once(dense, bundle.network))
    if min(scales) < least:
        raise UsageError(f"{dense.name} takes images of {least} pixels or more, not {min(scales)}")
    extract = features(dense, wanted.rows(bundle)).eval()
    for at in range(len(images)):
        pixels = _original(images, at, bundle)
        of_scales = [_of_scale(extract, pixels, side, bundle) for side in scales]
        joined = {
            name: torch.cat([found[name] for found in of_scales], dim=1)
            if combine == "stack"
            else torch.stack([found[name] for found in of_scales]).mean(dim=0)
            for name in of_scales[0]
        }
        yield Chunk({name: finish(values, wanted) for name, values in joined.items()}, 1)


def _of_scale(extract: Features, pixels: torch.Tensor, side: int, bundle: Bundle) -> dict[str, torch.Tensor]:
    """Under each name (1, channels): the mean over all places of the image and of its mirror image."""
    height, width = pixels.shape[:2]
    scale = side / min(height, width)
    size = (round(height * scale), round(width * scale))
    scaled = resize(pixels[None], size, bundle.preprocessing.interpolation)
    both = normalise(torch.cat([scaled, scaled.flip(2)]), bundle.preprocessing)
    device = next(bundle.network.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        found = extract(both.to(device))
    return {name: pooled(values, "average").mean(dim=0, keepdim=True) for name, values in found.items()}


def _original(images: Images, at: int, bundle: Bundle) -> torch.Tensor:
    """An image as it is: uint8, (height, width, channels of the network)."""
    channels = bundle.preprocessing.channels
    if isinstance(images, ImageArray):
        return with_channels(images.pixels[at], channels)
    place = images.place(at)
    content = read(place, images.cache if isinstance(images, PackedImages) else None)
    return with_channels(decode_bytes(content, name=place.name, channels=channels), channels)


def _reads_at_once(dense: Chain, network: Chain) -> int:
    """The side of the window that fully connected layers were made for; 0 where there are none."""
    return 0 if dense is network else min(network.input_shape[1:])

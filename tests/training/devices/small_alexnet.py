"""An AlexNet of a few kernels: its rows, its two groups, its dropout."""

from typing import Any

import torch

from classicnets.networks.alexnet import Order, norm_and_pool
from classicnets.networks.chain import Chain, Design, rows
from classicnets.networks.heads import Head, classifier, hidden
from classicnets.networks.rows import conv_relu, max_pool

CLASSES = 7


def small_alexnet(
    *, norm_groups: int = 1, order: Order = "norm_pool", head: Head = "connected", drop: float | None = 0.5
) -> Chain:
    """With lively weights in float64: from N(0, 0.01^2) the gradients of conv1 would be next to nothing."""
    pool = max_pool(3, stride=2, ceil=True)
    table = rows(
        conv1=conv_relu(8, 5, stride=2, padding=0),  # 8 x 16 x 16
        **norm_and_pool(1, "paper", pool, order, groups=norm_groups),  # 8 x 8 x 8
        conv2=conv_relu(12, 5, groups=2),  # 12 x 8 x 8
        **norm_and_pool(2, "paper", pool, order, groups=norm_groups),  # 12 x 4 x 4
        conv3=conv_relu(16, 3),  # 16 x 4 x 4
        conv4=conv_relu(16, 3, groups=2),  # 16 x 4 x 4
        conv5=conv_relu(12, 3, groups=2),  # 12 x 4 x 4
        pool5=pool,  # 12 x 2 x 2
        fc6=hidden(24, head=head, drop_after=drop),  # 24
        fc7=hidden(24, head=head, drop_after=drop),  # 24
        fc8=classifier(head=head),  # 7
    )
    torch.manual_seed(3)
    network = Chain(Design(rows=table, input_shape=(3, 35, 35), num_classes=CLASSES), name="small_alexnet")
    network.to_empty(device="cpu").reset()
    return network.double()


def batch(images: int = 6, side: int = 35, classes: int = CLASSES) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels so large that response normalisation divides by more than 2, and labels."""
    generator = torch.Generator().manual_seed(5)
    pixels: Any = 40 * torch.randn(images, 3, side, side, generator=generator, dtype=torch.float64)
    return pixels, torch.randint(0, classes, (images,), generator=generator)

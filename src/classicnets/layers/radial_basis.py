"""The output layer of LeNet-5: Euclidean radial basis functions, and the paper's losses on it."""

import torch
import torch.nn.functional as F
from torch import nn

BITMAP_WIDTH = 7
BITMAP_HEIGHT = 12

# The paper prints its 7x12 target bitmaps as a drawing only (figure 3), so these ten are our own.
_DIGITS = """
..###.. ...#... .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
.#...#. ..##... ##...## ##...## ...###. ##..... .##.... ##...## ##...## ##...##
##...## .###... .....## .....## ..####. ##..... ##..... .....## ##...## ##...##
##...## ...#... .....## .....## .##.##. ##..... ##..... ....##. ##...## ##...##
##...## ...#... ....##. .....## ##..##. ######. ##..... ....##. .##.##. ##...##
##...## ...#... ....##. ..####. ##..##. .....## ######. ...##.. ..###.. .######
##...## ...#... ...##.. .....## ####### .....## ##...## ...##.. .##.##. .....##
##...## ...#... ..##... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...#... .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...#... ##..... ##...## ....##. ##...## ##...## .##.... ##...## ....##.
.#...#. ...#... ##..... ##...## ....##. ##...## ##...## .##.... ##...## ...##..
..###.. .#####. ####### .#####. ....##. .#####. .#####. ##..... .#####. .###...
"""


def bitmaps(classes: int) -> torch.Tensor:
    """A target of -1 and +1 for each class: (classes, 84) float32.

    The first ten are drawn digits; a class beyond them gets a code of random signs, always the same one.
    """
    lines = [line.split() for line in _DIGITS.split("\n") if line]
    drawn = ["".join(line[digit] for line in lines) for digit in range(10)]
    # On the processor, whatever the default device is: the generator lives there too.
    targets = torch.tensor([[1.0 if dot == "#" else -1.0 for dot in bitmap] for bitmap in drawn], device="cpu")
    if classes <= len(targets):
        return targets[:classes]
    generator = torch.Generator("cpu").manual_seed(1998)
    signs = torch.randint(0, 2, (classes - len(targets), targets.shape[1]), generator=generator, device="cpu")
    return torch.cat([targets, signs * 2.0 - 1.0])


class RadialBasis(nn.Module):
    """Minus the squared Euclidean distance of the input to each class's fixed target: y_i = sum_j (x_j - w_ij)^2.

    The paper's output is the distance, the smallest wins (LeCun et al. 1998, section II.B); with its sign turned the
    largest wins, so that argmax, softmax and cross-entropy do what they do for every other network.

    Args:
        in_features: must be 84, the number of pixels of a 7x12 bitmap.
        classes: how many targets.
    """

    targets: torch.Tensor

    def __init__(self, in_features: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("targets", torch.empty(classes, in_features))

    def reset_parameters(self) -> None:
        """Draw the targets."""
        self.targets.copy_(bitmaps(len(self.targets)))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, 84) -> (N, classes), float32, at most 0."""
        differences = inputs.float()[:, None, :] - self.targets
        return -differences.square().sum(dim=2)

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        return f"{self.targets.shape[1]}, {self.targets.shape[0]}"


def minimum_distance_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean distance to the right class's target (LeCun et al. 1998, equation 8).

    Args:
        logits: what `RadialBasis` returns, (N, classes).
        labels: int64, (N,).
    """
    return -logits.gather(1, labels[:, None]).mean()


def maximum_a_posteriori_loss(logits: torch.Tensor, labels: torch.Tensor, *, rubbish: float) -> torch.Tensor:
    """The paper's discriminative loss: the mean of y_D + log(exp(-j) + sum_i exp(-y_i)) (equation 9).

    It also pushes the wrong classes' distances up, as far as the constant j, which stands for a rubbish class: cross
    entropy with one more class whose logit is always -j.

    Args:
        logits: what `RadialBasis` returns, (N, classes).
        labels: int64, (N,).
        rubbish: the paper's j, positive; it does not print the value.
    """
    rubbish_class = logits.new_full((len(logits), 1), -rubbish)
    return F.cross_entropy(torch.cat([logits, rubbish_class], dim=1), labels)

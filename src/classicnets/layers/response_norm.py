"""Local response normalisation (Krizhevsky, Sutskever, Hinton, NIPS 2012, section 3.3)."""

import torch
import torch.nn.functional as F
from torch import nn


class ResponseNorm(nn.Module):
    """b_i = a_i / (k + alpha * sum of a_j^2 over the ``size`` channels around i) ^ beta.

    The sum runs over the channels that exist, i - size // 2 to i + size // 2. The paper's formula multiplies the sum
    by alpha as it stands; its author's later code, Caffe, ONNX and PyTorch divide alpha by ``size`` first.

    Args:
        size: how many channels are summed, odd; the paper's n.
        alpha: the paper prints 1e-4.
        beta: the paper prints 0.75.
        k: the paper prints 2; Caffe's default is 1.
        divide_alpha: divide alpha by ``size``, as most code does.
        groups: of channels side by side; no sum crosses from one into the next.
    """

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        *,
        divide_alpha: bool = False,
        groups: int = 1,
    ) -> None:
        super().__init__()
        assert size % 2 == 1, "as many channels before as after"
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k
        self.divide_alpha = divide_alpha
        self.groups = groups

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalise across channels; the shape (N, C, H, W) stays."""
        # In half precision squares overflow beyond 255, and sums lose their small terms.
        exact = inputs.float() if inputs.dtype in (torch.float16, torch.bfloat16) else inputs
        alpha = self.alpha / self.size if self.divide_alpha else self.alpha
        squares = exact.square()
        if self.groups == 1:
            sums = self._sums(squares)
        else:
            sums = torch.cat([self._sums(group) for group in squares.chunk(self.groups, dim=1)], dim=1)
        return (exact * (self.k + alpha * sums) ** -self.beta).to(inputs.dtype)

    def _sums(self, squares: torch.Tensor) -> torch.Tensor:
        # Adding shifted maps takes a third of the time of average pooling over channels, in any memory format.
        around, channels = self.size // 2, squares.shape[1]
        padded = F.pad(squares, (0, 0, 0, 0, around, around))
        sums = squares
        for away in range(1, around + 1):
            sums = sums + padded.narrow(1, around - away, channels) + padded.narrow(1, around + away, channels)
        return sums

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        divided = f"{self.alpha}/{self.size}" if self.divide_alpha else f"{self.alpha}"
        groups = f", groups={self.groups}" if self.groups > 1 else ""
        return f"{self.size}, alpha={divided}, beta={self.beta}, k={self.k}{groups}"

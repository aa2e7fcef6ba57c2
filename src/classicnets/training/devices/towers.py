"""AlexNet in two towers on two devices, as it was trained (Krizhevsky, Sutskever, Hinton, NIPS 2012, section 3.2).

Each device holds half of the kernels of every layer: of conv1 48, of conv2 128, of conv3 and conv4 192, of conv5 128,
of fc6 and fc7 2,048 neurons. conv3, fc6 and fc7 read both halves. fc8 is on device 0 alone, as in the configuration
files that the author trained with (``layers/layers-145.cfg`` of the code that the Computer History Museum released in
2025: ``fc1000`` has ``gpu=0`` and the inputs ``hs2a,hs2b``).

Response normalisation: the paper's formula sums over the N maps of the layer, so that at the cut each tower needs two
maps of the other's. The author's code has one normalisation for each tower (``rnorm1a``, ``rnorm1b``, of 48 channels)
and sends nothing. Both are here: ``alexnet(norm_over="tower")`` is the latter.
"""

import copy
from collections.abc import Mapping
from typing import Literal, Self

import torch
from torch import nn

from classicnets.errors import UsageError
from classicnets.layers.response_norm import ResponseNorm
from classicnets.networks.chain import Chain
from classicnets.training.devices.exchange import announce, both_halves, collect, hand_over, own_maps, with_border
from classicnets.training.devices.wire import DEVICES, ProcessWire, Way, Wire

Reads = Literal["own", "border", "both"]
"""What a row of a tower reads: its own tower's maps, those and the other's at the cut, or all."""

_LEARNING = (nn.Conv2d, nn.Linear)
_WITHOUT_WEIGHTS = (nn.MaxPool2d, nn.ReLU, nn.Flatten, nn.Dropout, nn.Identity, nn.AdaptiveAvgPool2d)


class Tower(nn.Module):
    """One device's half of an AlexNet; both halves run at once, each in its process.

    Rows and weights have the names that they have in the whole network, the weights half as many kernels. ``forward``
    returns the same logits on both devices, and the loss of them can be taken on both: the gradient is that of
    device 0. Both processes must give it the same images, and in training stand at the same of torch's random numbers.

    Args:
        network: the whole; its weights are copied.
        wire: to the other device.

    Attributes:
        rows: the names, in order.
        reads: what each row reads.
        head: the tensors of the last row, which are device 0's alone: name, shape and whether they learn.
        num_classes: the number of logits.

    Raises:
        UsageError: the network has no two towers.
    """

    def __init__(self, network: Chain, wire: Wire) -> None:
        super().__init__()
        self.wire = wire
        self.rows = network.rows
        self.input_shape = network.input_shape
        self.num_classes = network.num_classes
        self.frozen = network.frozen
        self.reads = _what_rows_read(network)
        *body, (self._last, last) = network.row_modules()
        for row, module in body:
            self.add_module(row, _half(module, wire))
        if wire.rank == 0:
            self.add_module(self._last, copy.deepcopy(last))
        self.head = {
            f"{self._last}.{name}": (tuple(tensor.shape), tensor.requires_grad)
            for name, tensor in last.named_parameters()
        }
        self.train(network.training)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, num_classes) logits, once the other device has run its half of them."""
        if images.dim() != 4 or images.shape[1] != self.input_shape[0]:
            raise UsageError(
                f"a tower takes images of shape (images, {self.input_shape[0]}, height, width),"
                f" not {tuple(images.shape)}"
            )
        activation = images
        for row in self.rows[:-1]:
            activation = self._run(row, activation)
        if self.wire.rank == 1:
            return hand_over(activation, self.wire, self._last, self.num_classes)
        logits: torch.Tensor = self.get_submodule(self._last)(collect(activation, self.wire, self._last))
        return announce(logits, self.wire, self._last)

    def train(self, mode: bool = True) -> Self:
        """Switch to training, or to evaluation; frozen rows stay in evaluation."""
        super().train(mode)
        for row, module in self.named_children():
            if row in self.frozen:
                module.eval()
        return self

    def _run(self, row: str, activation: torch.Tensor) -> torch.Tensor:
        module = self.get_submodule(row)
        if self.reads[row] == "border":
            assert isinstance(module, ResponseNorm)
            reach = module.size // 2
            extended: torch.Tensor = module(with_border(activation, self.wire, row, reach))
            return own_maps(extended, self.wire, reach)
        if self.reads[row] == "both":
            activation = both_halves(activation, self.wire, row)
        found: torch.Tensor = module(activation)
        return found


class _HalfDropout(nn.Dropout):
    """Dropout of one half of the values, by the mask that the whole network would draw from the same random numbers.

    Args:
        share: the probability that a value is zeroed.
        rank: which half, along the channels.
    """

    def __init__(self, share: float, rank: int) -> None:
        super().__init__(share)
        self._rank = rank

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The shape stays."""
        if not self.training:
            return inputs
        # The order in memory decides which random number falls to which value.
        ones = torch.ones_like(inputs)
        whole: torch.Tensor = super().forward(torch.cat([ones, ones], dim=1))
        return inputs * whole.chunk(DEVICES, dim=1)[self._rank]


def split(network: Chain, wire: Wire | None = None) -> Tower:
    """This process's tower of an AlexNet; the two processes call it with equal networks.

    Args:
        network: `alexnet`, `alexnet_caffe` or `caffenet`; its weights are copied, it can be dropped.
        wire: to the other device; without it the processes of torch.distributed, of which there must be two.

    Raises:
        UsageError: the network has no two towers, or there are not two processes.
    """
    return Tower(network, wire or ProcessWire())


def join(tower: Tower, *, gradients: bool = False) -> dict[str, torch.Tensor]:
    """The weights of both towers as the whole network's ``state_dict``; both processes call it, both get it.

    Args:
        tower: this process's.
        gradients: take the gradients of the weights instead; frozen weights, which have none, are left out.
    """
    wire = tower.wire
    mine = _tensors(tower, gradients=gradients)
    shared = {name: tensor for name, tensor in mine.items() if name not in tower.head}
    whole = {name: wire.both(tensor, Way(name, backward=gradients)) for name, tensor in shared.items()}
    like = next(tower.parameters())
    for name, (shape, learns) in tower.head.items():
        if gradients and not learns:
            continue
        way = Way(name, backward=gradients)
        if wire.rank == 0:
            wire.send(mine[name], way)
            whole[name] = mine[name].clone()
        else:
            whole[name] = wire.receive(like, shape, way)
    return whole


def _tensors(tower: Tower, *, gradients: bool) -> Mapping[str, torch.Tensor]:
    if not gradients:
        return {name: parameter.detach() for name, parameter in tower.named_parameters()}
    return {name: parameter.grad for name, parameter in tower.named_parameters() if parameter.grad is not None}


def _what_rows_read(network: Chain) -> dict[str, Reads]:
    """From the first convolution on every activation is in halves."""
    must_have_towers(network)
    reads: dict[str, Reads] = {}
    halved = False
    for row, module in network.row_modules():
        parts = _leaves(module)
        learning = [part for part in parts if isinstance(part, _LEARNING)]
        assert len(learning) <= 1, f"{row} would need both halves in its midst"
        across = any(not isinstance(part, nn.Conv2d) or part.groups == 1 for part in learning)
        norms = [part for part in parts if isinstance(part, ResponseNorm) and part.groups == 1]
        reads[row] = "both" if halved and across else "border" if halved and norms else "own"
        halved = halved or bool(learning)
    return reads


def must_have_towers(network: Chain) -> None:
    """Make sure that convolutions are in one group or two, and that everything else works map by map.

    Raises:
        UsageError: they are not.
    """
    leaves = [part for _, module in network.row_modules() for part in _leaves(module)]
    groups = {part.groups for part in leaves if isinstance(part, nn.Conv2d)}
    known = all(isinstance(part, (*_LEARNING, *_WITHOUT_WEIGHTS, ResponseNorm)) for part in leaves)
    if groups != {1, DEVICES} or not known:
        raise UsageError(
            f"{network.name} has no two towers: of two groups are alexnet (with gpus=2), alexnet_caffe and caffenet;"
            " any other network can be cut into a pipeline"
        )


def _leaves(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.modules() if not any(part.children())]


def _half(module: nn.Module, wire: Wire) -> nn.Module:
    """One's half of a row."""
    if isinstance(module, nn.Sequential):
        halves = copy.copy(module)
        halves._modules = {name: _half(part, wire) for name, part in module.named_children()}
        return halves
    if isinstance(module, _LEARNING):
        return _half_of_kernels(module, wire.rank)
    if isinstance(module, nn.Dropout):
        return _HalfDropout(module.p, wire.rank)
    half = copy.deepcopy(module)
    if isinstance(half, ResponseNorm):
        half.groups = 1
    return half


def _half_of_kernels(module: nn.Conv2d | nn.Linear, rank: int) -> nn.Module:
    """The layer with the first or the second half of its kernels, which are copied."""
    half = copy.copy(module)
    half._parameters = {
        name: None if tensor is None else nn.Parameter(_own(tensor, rank), requires_grad=tensor.requires_grad)
        for name, tensor in module._parameters.items()
    }
    if isinstance(half, nn.Conv2d):
        half.in_channels //= half.groups
        half.out_channels //= DEVICES
        half.groups = 1
    else:
        half.out_features //= DEVICES
    return half


def _own(tensor: torch.Tensor, rank: int) -> torch.Tensor:
    return tensor.detach().chunk(DEVICES, dim=0)[rank].clone()

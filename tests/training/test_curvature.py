"""LeNet-5's second derivatives, as its paper estimates them, against brute force in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import jacrev

from classicnets.errors import UsageError
from classicnets.layers.activations import AMPLITUDE, SLOPE
from classicnets.networks import create
from classicnets.networks.chain import Chain
from classicnets.networks.lenet5 import C3_READS
from classicnets.training.optimizers.curvature import Curvatures, curvatures
from classicnets.training.recipe.sections import Loss
from classicnets.training.steps import loss_of


def map_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return loss_of(Loss(name="maximum_a_posteriori", rubbish=3.0), logits, labels)


def by_name(network: Chain, found: Curvatures) -> dict[str, torch.Tensor]:
    return {name: found[parameter] for name, parameter in network.named_parameters()}


@pytest.fixture(scope="module")
def net() -> Chain:
    """LeNet-5 in float64 whose F6 stands near the targets, so that no class's part in the loss vanishes."""
    torch.manual_seed(0)
    network = create("lenet5").double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
        network.get_submodule("OUTPUT").targets.mul_(0.1)  # type: ignore[operator]  # a tensor
    return network


@pytest.fixture(scope="module")
def sample() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(3, 1, 32, 32, generator=generator, dtype=torch.float64)
    return images, torch.tensor([4, 0, 7])


@pytest.fixture(scope="module")
def found(net: Chain, sample: tuple[torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
    return by_name(net, curvatures(net, map_loss, *sample))


class TestCurvature:
    def test_of_the_last_layer_is_the_exact_gauss_newton_diagonal(
        self, net: Chain, sample: tuple[torch.Tensor, torch.Tensor], found: dict[str, torch.Tensor]
    ) -> None:
        """One unit, one weight: nothing is dropped. Brute force: J^T H J of each image, J and H by autograd."""
        linear_layer = net.get_submodule("F6.linear")
        assert isinstance(linear_layer, nn.Linear)
        images, labels = sample
        exact = torch.zeros_like(linear_layer.weight)
        for image, label in zip(images, labels, strict=True):
            arrives = net.upto("C5")(image[None]).flatten().detach()

            def units(weight: torch.Tensor, arrives: torch.Tensor = arrives) -> torch.Tensor:
                return AMPLITUDE * torch.tanh(SLOPE * (weight @ arrives + linear_layer.bias))

            def of_units(leaves: torch.Tensor, label: torch.Tensor = label) -> torch.Tensor:
                return map_loss(net.get_submodule("OUTPUT")(leaves[None]), label[None])

            jacobian = jacrev(units)(linear_layer.weight.detach())
            second = jacrev(jacrev(of_units))(units(linear_layer.weight.detach()).detach())
            exact += torch.einsum("ucd,uv,vcd->cd", jacobian, second, jacobian) / len(images)
        assert exact.min() >= 0
        torch.testing.assert_close(found["F6.linear.weight"], exact, rtol=1e-5, atol=1e-12)

    def test_is_the_papers_recursion_connection_by_connection(
        self, net: Chain, sample: tuple[torch.Tensor, torch.Tensor], found: dict[str, torch.Tensor]
    ) -> None:
        """Unfolded into plain sums over connections, from the loss down to C1, without convolutions or autograd."""
        expected: dict[str, torch.Tensor] = {}
        for image in sample[0]:
            for name, value in unfolded(net, image).items():
                expected[name] = expected.get(name, torch.zeros_like(value)) + value / len(sample[1])
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            assert torch.allclose(found[name], value, rtol=1e-5, atol=1e-12), name

    @pytest.mark.parametrize("loss", ["maximum_a_posteriori", "minimum_distance", "cross_entropy"])
    def test_is_never_negative(self, loss: str, sample: tuple[torch.Tensor, torch.Tensor]) -> None:
        network = create("lenet5").double()
        section = Loss.model_validate({"name": loss})
        values = curvatures(network, lambda logits, labels: loss_of(section, logits, labels), *sample)
        assert all(bool((value >= 0).all()) and bool(value.isfinite().all()) for value in values.values())

    def test_of_the_head_under_cross_entropy_is_the_exact_hessian_diagonal(
        self, sample: tuple[torch.Tensor, torch.Tensor]
    ) -> None:
        torch.manual_seed(0)
        network = create("lenet5_dense").double()
        layer = network.get_submodule("OUTPUT")
        assert isinstance(layer, nn.Linear)
        images, labels = sample
        arrives = network.upto("F6")(images).detach()

        def whole(weight: torch.Tensor) -> torch.Tensor:
            return F.cross_entropy(arrives @ weight.view(10, 84).T + layer.bias.detach(), labels)

        exact = torch.diagonal(jacrev(jacrev(whole))(layer.weight.detach().flatten()))
        values = curvatures(network, F.cross_entropy, images, labels)
        torch.testing.assert_close(by_name(network, values)["OUTPUT.weight"].flatten(), exact)

    def test_of_chunks_is_that_of_the_whole(self, net: Chain, sample: tuple[torch.Tensor, torch.Tensor]) -> None:
        images, labels = (part.repeat(70, *(1,) * (part.dim() - 1)) for part in sample)
        whole = by_name(net, curvatures(net, map_loss, images, labels))
        part = by_name(net, curvatures(net, map_loss, *sample))
        for name, value in whole.items():
            torch.testing.assert_close(value, part[name])

    def test_of_frozen_rows_is_left_out(self, sample: tuple[torch.Tensor, torch.Tensor]) -> None:
        network = create("lenet5").double().freeze(upto="C5")
        assert set(curvatures(network, map_loss, *sample)) == set(network.get_submodule("F6").parameters())

    def test_other_networks_are_refused(self) -> None:
        network = create("resnet8_cifar")
        with pytest.raises(UsageError, match=r"no rule for BatchNorm2d \(row conv1 of resnet8_cifar\)"):
            curvatures(network, F.cross_entropy, torch.zeros(1, 3, 32, 32), torch.zeros(1, dtype=torch.int64))


def unfolded(net: Chain, image: torch.Tensor) -> dict[str, torch.Tensor]:
    """Appendix C for one image, written out in sums over the connections of LeNet-5.

    The image's class is in the first derivatives alone: the loss is -log of a softmax, and y_D is no part of its sum.
    """
    weights = {name: parameter.detach() for name, parameter in net.named_parameters()}
    outputs = {"": image}
    for row in net.rows[:-1]:
        outputs[row] = net.upto(row)(image[None])[0].detach()
    slopes = {row: SLOPE * (AMPLITUDE - outputs[row] ** 2 / AMPLITUDE) for row in outputs if row}  # f' from f
    # The loss by F6: y = |x - w|^2, E = y_D + log(exp(-j) + sum exp(-y)).
    targets = net.get_submodule("OUTPUT").targets
    assert isinstance(targets, torch.Tensor)
    apart = outputs["F6"] - targets
    shares = torch.softmax(torch.cat([-(apart**2).sum(1), torch.tensor([-3.0], dtype=torch.float64)]), 0)[:-1]
    first = 2 * apart
    mean = (shares[:, None] * first).sum(0)
    spread = (shares[:, None] * first**2).sum(0) - mean**2
    by_output = 2 * (1 - shares.sum()) + spread
    found: dict[str, torch.Tensor] = {}
    above = by_output * slopes["F6"] ** 2
    below = outputs["C5"].flatten()
    found["F6.linear.weight"] = above[:, None] * below[None] ** 2
    found["F6.linear.bias"] = above
    above = ((weights["F6.linear.weight"] ** 2).T @ above) * slopes["C5"].flatten() ** 2
    below, kernel = outputs["S4"], weights["C5.convolution.weight"]
    found["C5.convolution.weight"] = above[:, None, None, None] * below[None] ** 2
    found["C5.convolution.bias"] = above
    by_maps = torch.einsum("o,oihw->ihw", above, kernel**2)
    by_maps = subsampled("S4", by_maps * slopes["S4"] ** 2, outputs["C3"], weights, found) * slopes["C3"] ** 2
    reads = [(out, read) for out, row in enumerate(C3_READS) for read in row]
    by_maps = convolved("C3", by_maps, outputs["S2"], reads, weights, found)
    by_maps = subsampled("S2", by_maps * slopes["S2"] ** 2, outputs["C1"], weights, found) * slopes["C1"] ** 2
    convolved("C1", by_maps, outputs[""], [(out, 0) for out in range(6)], weights, found)
    return found


def subsampled(
    row: str,
    above: torch.Tensor,
    below: torch.Tensor,
    weights: dict[str, torch.Tensor],
    found: dict[str, torch.Tensor],
) -> torch.Tensor:
    coefficient = weights[f"{row}.subsampling.coefficient"]
    of_coefficient, by_inputs = torch.zeros_like(coefficient), torch.zeros_like(below)
    channels, height, width = above.shape
    for y in range(height):
        for x in range(width):
            block = below[:, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
            of_coefficient += above[:, y, x] * block.sum((1, 2)) ** 2
            by_inputs[:, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2] = (coefficient**2 * above[:, y, x])[:, None, None]
    found[f"{row}.subsampling.coefficient"] = of_coefficient
    found[f"{row}.subsampling.bias"] = above.sum((1, 2))
    assert channels == len(coefficient)
    return by_inputs


def convolved(
    row: str,
    above: torch.Tensor,
    below: torch.Tensor,
    reads: list[tuple[int, int]],
    weights: dict[str, torch.Tensor],
    found: dict[str, torch.Tensor],
) -> torch.Tensor:
    """Kernels lie one after the other, ``reads`` says between which maps; each of 5x5."""
    kernels = weights[f"{row}.convolution.weight"].reshape(-1, 5, 5)
    of_kernels, by_inputs = torch.zeros_like(kernels), torch.zeros_like(below)
    height, width = above.shape[1:]
    for number, (out, read) in enumerate(reads):
        for v in range(5):
            for u in range(5):
                seen = below[read, v : v + height, u : u + width]
                of_kernels[number, v, u] = (above[out] * seen**2).sum()
                by_inputs[read, v : v + height, u : u + width] += kernels[number, v, u] ** 2 * above[out]
    found[f"{row}.convolution.weight"] = of_kernels.view_as(weights[f"{row}.convolution.weight"])
    found[f"{row}.convolution.bias"] = above.sum((1, 2))
    return by_inputs

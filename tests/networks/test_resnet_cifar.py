"""The CIFAR networks beside section 4.2 of He, Zhang, Ren, Sun (CVPR 2016)."""

import pytest
import torch
import torch.nn.functional as F

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.networks import build
from tests.networks.counting import macs_by_module

# Depth: parameters counted over the table, millions as printed with their number of decimals, MACs.
SIZES = {
    20: (269_722, "0.27", 40_551_040),
    32: (464_154, "0.46", 68_862_592),
    44: (658_586, "0.66", 97_174_144),
    56: (853_018, "0.85", 125_485_696),
    110: (1_727_962, "1.7", 252_887_680),
    1202: (19_421_274, "19.4", 2_829_238_912),
}


@pytest.mark.parametrize("kind", ["resnet", "plain"])
@pytest.mark.parametrize("depth", SIZES)
def test_sizes_are_as_printed(kind: str, depth: int) -> None:
    parameters, millions, macs = SIZES[depth]
    network = build(f"{kind}{depth}_cifar")
    assert inspect(network).parameters == parameters
    decimals = len(millions.split(".")[1])
    assert f"{parameters / 1e6:.{decimals}f}" == millions
    assert sum(macs_by_module(network).values()) == macs


@pytest.mark.parametrize("kind", ["resnet", "plain"])
def test_depth_counts_the_layers_with_weights(kind: str) -> None:
    network = build(f"{kind}32_cifar")
    assert sum(isinstance(module, torch.nn.Conv2d | torch.nn.Linear) for module in network.modules()) == 32


@pytest.mark.parametrize("name", ["resnet20_cifar", "plain20_cifar"])
def test_parameters_of_the_twenty_layers_row_by_row(name: str) -> None:
    rows = {row.name: (row.output, row.parameters) for row in inspect(build(name)).rows}
    assert rows == {
        "conv1": ((16, 32, 32), 464),
        "conv2_1": ((16, 32, 32), 2336 + 2336),
        "conv2_2": ((16, 32, 32), 2336 + 2336),
        "conv2_3": ((16, 32, 32), 2336 + 2336),
        "conv3_1": ((32, 16, 16), 4672 + 9280),
        "conv3_2": ((32, 16, 16), 9280 + 9280),
        "conv3_3": ((32, 16, 16), 9280 + 9280),
        "conv4_1": ((64, 8, 8), 18560 + 36992),
        "conv4_2": ((64, 8, 8), 36992 + 36992),
        "conv4_3": ((64, 8, 8), 36992 + 36992),
        "average": ((64,), 0),
        "fc": ((10,), 650),
    }


@pytest.mark.parametrize("name", ["resnet20_cifar", "plain20_cifar"])
def test_macs_of_the_twenty_layers_one_by_one(name: str) -> None:
    found = list(macs_by_module(build(name)).values())
    halved, usual = 1_179_648, 2_359_296
    assert found == [442_368, *[usual] * 6, halved, *[usual] * 5, halved, *[usual] * 5, 640]


def test_option_b_projects_where_the_shape_changes() -> None:
    network = build("resnet20_cifar", shortcut="B")
    assert inspect(network).parameters == 272_474
    assert sum(macs_by_module(network).values()) == 40_813_184


def test_option_c_projects_everywhere() -> None:
    # Beyond option B, seven 1x1 convolutions that keep the width, each with its normalisation.
    widths = [16, 16, 16, 32, 32, 64, 64]
    assert inspect(build("resnet20_cifar", shortcut="C")).parameters == 272_474 + sum(w * w + 2 * w for w in widths)


@pytest.mark.parametrize("option", ["A", "B", "C", "A-pooled", "B-pooled"])
def test_every_option_learns(option: str) -> None:
    network = cn.create("resnet8_cifar", shortcut=option)
    torch.autograd.backward(F.cross_entropy(network(torch.randn(4, 3, 32, 32)), torch.arange(4)))
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_block_is_relu_of_branch_plus_shortcut() -> None:
    network = cn.create("resnet8_cifar").eval()
    arrives = torch.randn(2, 16, 32, 32, generator=torch.manual_seed(0)).relu()
    weights = network.state_dict()

    def layer(images: torch.Tensor, number: int, stride: int) -> torch.Tensor:
        convolved = F.conv2d(images, weights[f"conv3_1.branch.conv{number}.weight"], stride=stride, padding=1)
        norm = f"conv3_1.branch.norm{number}"
        return F.batch_norm(
            convolved,
            weights[f"{norm}.running_mean"],
            weights[f"{norm}.running_var"],
            weights[f"{norm}.weight"],
            weights[f"{norm}.bias"],
        )

    branch = layer(layer(arrives, 1, stride=2).relu(), 2, stride=1)
    shortcut = torch.zeros_like(branch)
    shortcut[:, 8:24] = arrives[:, :, ::2, ::2]
    torch.testing.assert_close(network.get_submodule("conv3_1")(arrives), (branch + shortcut).relu())


@pytest.mark.parametrize(
    ("name", "neighbours"),
    [
        ("resnet21_cifar", "take 20 or 26"),
        ("plain19_cifar", "take 14 or 20"),
        ("resnet2_cifar", "take 8 or 14"),
        ("resnet1_cifar", "take 8 or 14"),
        ("plain7_cifar", "take 8 or 14"),
        ("resnet1000_cifar", "take 998 or 1004"),
    ],
)
def test_a_depth_that_is_not_6n_plus_2_names_its_neighbours(name: str, neighbours: str) -> None:
    with pytest.raises(UsageError) as caught:
        cn.create(name)
    assert str(caught.value).startswith(f"{name}: ")
    assert neighbours in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["D", "a", ["A"], None])
def test_an_unknown_shortcut_is_named(wrong: object) -> None:
    with pytest.raises(UsageError, match="shortcut must be A, B, C, A-pooled or B-pooled, not "):
        cn.create("resnet20_cifar", shortcut=wrong)


@pytest.mark.parametrize("name", ["resnet20_cifar", "plain20_cifar"])
@pytest.mark.parametrize("size", [(1, 1), (33, 17), (64, 48)])
def test_images_of_any_size_pass(name: str, size: tuple[int, int]) -> None:
    assert cn.create(name).eval()(torch.randn(1, 3, *size)).shape == (1, 10)


def test_ten_thousand_layers_run_forward_and_backward() -> None:
    network = cn.create("resnet9998_cifar")
    assert len(network.rows) == 9996 // 2 + 3
    torch.autograd.backward(network(torch.randn(1, 3, 32, 32)).sum())
    first = network.get_submodule("conv1.convolution").weight
    assert isinstance(first, torch.Tensor)
    assert first.grad is not None
    assert first.grad.any()
    assert len(network.state_dict()) == 9997 * 6 + 2

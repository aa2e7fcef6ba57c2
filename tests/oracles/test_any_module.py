"""Networks of other libraries traced as they come, and judged by torch's own counter of operations."""

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from classicnets.inspection.counting.macs import macs
from classicnets.inspection.inspection import inspect
from classicnets.inspection.memory.live import live_peak
from classicnets.inspection.tracing.trace import Trace

TORCHVISION: list[str] = models.list_models(module=models)

TIMM = [  # one of each family, the smallest of them or nearly so; 224 pixels unless the network has a size of its own
    "beit_base_patch16_224",
    "cait_xxs24_224",
    "caformer_s18",
    "coat_tiny",
    "coatnet_nano_rw_224",
    "convit_tiny",
    "convmixer_1024_20_ks9_p14",
    "convnext_atto",
    "crossvit_tiny_240",
    "cspresnet50",
    "davit_tiny",
    "deit_tiny_distilled_patch16_224",
    "densenet121",
    "dla34",
    "dm_nfnet_f0",
    "dpn68",
    "edgenext_xx_small",
    "efficientformer_l1",
    "efficientnet_b0",
    "efficientvit_b0",
    "ese_vovnet19b_dw",
    "eva02_tiny_patch14_336",
    "fastvit_t8",
    "focalnet_tiny_srf",
    "gcvit_xxtiny",
    "ghostnet_100",
    "gmlp_s16_224",
    "halonet26t",
    "hgnet_tiny",
    "hiera_tiny_224",
    "hrnet_w18_small",
    "inception_next_tiny",
    "inception_resnet_v2",
    "inception_v4",
    "lambda_resnet26t",
    "lcnet_050",
    "legacy_xception",
    "levit_128s",
    "mambaout_femto",
    "maxvit_tiny_rw_224",
    "mixer_s32_224",
    "mixnet_s",
    "mobilenetv3_small_050",
    "mobilevit_xxs",
    "mvitv2_tiny",
    "nasnetalarge",
    "nest_tiny",
    "pit_ti_224",
    "poolformer_s12",
    "pvt_v2_b0",
    "regnety_002",
    "repvgg_a0",
    "repvit_m0_9",
    "res2net50_26w_4s",
    "resmlp_12_224",
    "resnest14d",
    "resnetv2_50",
    "rexnet_100",
    "selecsls42",
    "skresnet18",
    "starnet_s1",
    "swin_tiny_patch4_window7_224",
    "swinv2_tiny_window8_256",
    "tiny_vit_5m_224",
    "tnt_s_patch16_224",
    "tresnet_m",
    "twins_pcpvt_small",
    "vgg11_bn",
    "visformer_tiny",
    "vit_tiny_patch16_224",
    "volo_d1_224",
    "xception41",
    "xcit_nano_12_p16_224",
]

TRAINED = {
    "torchvision": [
        *("convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "maxvit_t"),
        *("mobilenet_v3_small", "regnet_y_400mf", "shufflenet_v2_x0_5", "swin_t", "vit_b_32"),
    ],
    "timm": ["davit_tiny", "dm_nfnet_f0", "ghostnet_100", "levit_128s", "mixer_s32_224", "mobilevit_xxs"],
}

TUPLES = {"googlenet", "inception_v3"}  # in training their forward returns auxiliary logits beside the logits


class Weightless(TorchFunctionMode):
    """Layers made in its block have no memory for weights.

    The meta device for everything would do for most; some constructors read the numbers of tensors that they compute.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones):
            given["device"] = "meta"
        return func(*args, **given)


def made(library: str, name: str) -> tuple[nn.Module, int]:
    """The network without weights, and the side of its images."""
    with Weightless():
        if library == "timm":
            network = timm.create_model(name, num_classes=1000)
            return network, network.pretrained_cfg["input_size"][-1]
        options = {"init_weights": False} if name in TUPLES else {}
        return models.get_model(name, weights=None, **options), 299 if name == "inception_v3" else 224


def counted_by_torch(network: nn.Module, side: int) -> tuple[int, list[tuple[int, ...]]]:
    """FLOPs of the forward by torch's counter, and the shapes of what it returns, for two images."""
    network.to("meta")  # constants that were computed follow where weights are
    with FlopCounterMode(display=False) as counter:
        returned = network(torch.empty(2, 3, side, side, device="meta"))
    outputs = [returned] if isinstance(returned, torch.Tensor) else [out for out in returned if out is not None]
    return counter.get_total_flops(), [tuple(out.shape) for out in outputs]


def first_convolution(network: nn.Module, side: int) -> int:
    """FLOPs of the first convolution that two images meet."""
    met: list[int] = []

    def note(layer: nn.Module, inputs: tuple[torch.Tensor], out: torch.Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            met.append(2 * out.numel() * layer.weight[0].numel())

    with nn.modules.module.register_module_forward_hook(note):
        network(torch.empty(2, 3, side, side, device="meta"))
    return met[0]


def shapes_of(trace: Trace) -> list[tuple[int, ...]]:
    """Of what the forward returned."""
    return [value.shape for value in trace.outputs]


def must_be_seen(library: str, name: str) -> None:
    """Totals and rows of a network in evaluation are what others count."""
    network, side = made(library, name)
    seen = inspect(network, side, batch=2)
    assert seen.parameters == sum(tensor.numel() for tensor in network.parameters())
    assert seen.buffers == sum(tensor.numel() for tensor in network.buffers())
    flops, outputs = counted_by_torch(network.eval(), side)
    assert 2 * 2 * seen.macs == flops > 0
    assert shapes_of(seen.trace) == outputs == [(2, 1000)]
    assert live_peak(seen.trace) > 2 * 1000 * 4
    assert len(seen.rows) > 1
    assert sum(row.macs for row in seen.rows) <= seen.macs
    assert sum(row.parameters for row in seen.rows) <= seen.parameters


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name: str) -> None:
    must_be_seen("torchvision", name)


@pytest.mark.parametrize("name", TIMM)
def test_timm(name: str) -> None:
    must_be_seen("timm", name)


@pytest.mark.parametrize(("library", "name"), [(library, name) for library in TRAINED for name in TRAINED[library]])
def test_training(library: str, name: str) -> None:
    """The backward of each product is two more of the same size; the images need no gradient.

    torch's counter is asked for the forward alone, for it counts the backward of grouped convolutions too high.
    """
    network, side = made(library, name)
    seen = inspect(network, side, batch=2)
    trace = seen.training_trace
    flops, outputs = counted_by_torch(network.train(), side)
    expected = 3 * flops - first_convolution(network, side)
    assert 2 * sum(macs(operation, network) for operation in trace.operations) == expected > 0
    assert shapes_of(trace) == outputs
    assert len(outputs) == (1 if name not in TUPLES else 3 if name == "googlenet" else 2)
    gradients = [storage.size for storage in trace.storages if storage.held == "gradient"]
    assert sum(gradients) == 4 * seen.parameters

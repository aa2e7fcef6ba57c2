"""Whatever rows a chain is made of, its tables say what a real run of it shows."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch import nn

from classicnets.inspection.inspection import Inspection
from classicnets.inspection.memory.live import live_peak
from classicnets.inspection.sight.receptive_field import row_fields
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.tracing.rows import traced_rows
from classicnets.inspection.tracing.shapes import SHAPED
from classicnets.inspection.tracing.trace import Trace
from classicnets.networks.chain import Chain
from tests.inspection.chains import chains, peak_of_a_run, ready, shown_by_rows
from tests.inspection.gradients import average_all_windows, spans

aten = torch.ops.aten

few = settings(
    phases=[Phase.generate, Phase.shrink],
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""The same examples each time."""


def parameters_of(module: nn.Module) -> int:
    """By the formulas of a textbook."""
    if isinstance(module, nn.Conv2d):
        kernel = module.kernel_size[0] * module.kernel_size[1]
        return module.out_channels * (module.in_channels // module.groups * kernel + (module.bias is not None))
    if isinstance(module, nn.Linear):
        return (module.in_features + 1) * module.out_features
    return 2 * module.num_features if isinstance(module, nn.BatchNorm2d) else 0


@given(chains())
@few
def test_totals_are_those_of_a_real_run(network: Chain) -> None:
    found = Inspection(network, network.input_shape)
    counts = {row: sum(map(parameters_of, module.modules())) for row, module in network.row_modules()}
    rows = {row.name: row for row in found.rows}
    peak = live_peak(found.trace)
    shown = shown_by_rows(ready(network))
    assert list(rows) == list(network.rows)
    assert {name: row.parameters for name, row in rows.items()} == counts
    assert {name: (1, *row.output) for name, row in rows.items()} == {name: row.shape for name, row in shown.items()}
    assert {name: row.macs for name, row in rows.items()} == {name: row.macs for name, row in shown.items()}
    assert {name: row.activation_bytes for name, row in rows.items()} == {
        name: row.new_bytes for name, row in shown.items()
    }
    assert (found.parameters, found.macs) == (sum(counts.values()), sum(row.macs for row in shown.values()))
    assert peak == peak_of_a_run(network)


@given(chains(classifier=False))
@few
def test_fields_are_those_measured(network: Chain) -> None:
    seen = trace(network, torch.empty(1, *network.input_shape, device="meta"))
    found = row_fields(seen, traced_rows(seen))
    down, across = found[network.rows[-1]]
    height, width = (extent.size + 4 * extent.stride for extent in (down, across))
    average_all_windows(ready(network, torch.float64))
    image = torch.ones(1, network.input_shape[0], height, width, dtype=torch.float64, requires_grad=True)
    activation = image
    for _, module in network.row_modules():
        activation = module(activation)
    middle = [side // 2 for side in activation.shape[2:]]
    for extent, place, measured in zip((down, across), middle, spans(image, activation, middle), strict=True):
        assert measured == (extent.first + place * extent.stride, extent.last + place * extent.stride)


# On channels_last maps the processor's global average pooling also puts its strides in order.
STRIDES_ALONE = aten.as_strided_.default


def operations_of(trace: Trace) -> list[tuple[str, list[tuple[tuple[int, ...], torch.dtype, int]]]]:
    found = []
    for operation in trace.operations:
        # Processors keep the statistics of bfloat16 maps in bfloat16; GPUs, which are trained on, in float32.
        statistics = operation.name == "native_batch_norm" and operation.outputs[0].dtype is torch.bfloat16
        outputs = operation.outputs[:1] if statistics else operation.outputs
        if operation.function is not STRIDES_ALONE:
            facts = [(value.shape, value.dtype, trace.storages[value.storage].size) for value in outputs]
            found.append((str(operation.function), facts))
    return found


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@given(network=chains(), last=st.booleans())
@settings(few, max_examples=15)
def test_the_meta_run_is_the_real_one(network: Chain, last: bool, dtype: torch.dtype, training: bool) -> None:
    # The backward pass of a single channels_last map goes by what its convolution's library makes of the order.
    order = torch.channels_last if last and not training else torch.contiguous_format
    images = torch.ones(2, *network.input_shape, dtype=dtype).contiguous(memory_format=order)
    network = ready(network, dtype)
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=order)
    assert operations_of(trace(network, images, training=training)) == operations_of(
        trace(network, images, training=training, run="real")
    )


shapes = st.lists(st.integers(1, 3), min_size=1, max_size=4)
pairs = st.lists(st.integers(1, 4), min_size=2, max_size=2)


@given(
    sides=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=pairs,
    stride=pairs | st.just([]),
    padded=st.booleans(),
    dilation=st.integers(1, 2),
    ceil=st.booleans(),
    last=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
)
@settings(few, max_examples=150)
def test_pools_have_the_shapes_that_pytorch_gives_them(
    sides: tuple[int, int],
    kernel: list[int],
    stride: list[int],
    padded: bool,
    dilation: int,
    ceil: bool,
    last: bool,
    dtype: torch.dtype,
) -> None:
    padding = [side // 2 for side in kernel] if padded else [0]
    order = torch.channels_last if last else torch.contiguous_format
    images = torch.ones(2, 3, *sides, dtype=dtype).contiguous(memory_format=order)
    for operator, rest in (
        (aten.max_pool2d_with_indices.default, (padding, [dilation], ceil)),
        (aten.avg_pool2d.default, (padding, ceil)),
    ):
        shaped = SHAPED[operator](images.to("meta"), kernel, stride, *rest)
        try:
            real = operator(images, kernel, stride, *rest)
        except RuntimeError:
            assert shaped is None
            continue
        results = zip(shaped, real, strict=True) if isinstance(real, tuple) else [(shaped, real)]
        for one, other in results:
            assert (one.shape, one.dtype, one.stride()) == (other.shape, other.dtype, other.stride())


@given(
    shapes=st.lists(shapes, min_size=2, max_size=2) | shapes.map(lambda shape: [shape, shape]),
    dtypes=st.lists(
        st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int64]), min_size=2, max_size=2
    ),
    last=st.booleans(),
)
@settings(few, max_examples=150)
def test_pairs_have_the_shapes_that_pytorch_gives_them(
    shapes: list[list[int]], dtypes: list[torch.dtype], last: bool
) -> None:
    one, other = (torch.ones(shape, dtype=dtype) for shape, dtype in zip(shapes, dtypes, strict=True))
    if last and one.dim() == 4 and one.shape == other.shape:
        one = one.contiguous(memory_format=torch.channels_last)
    lone = one.to("meta"), other.to("meta")
    for operator in (aten.add.Tensor, aten.mul.Tensor, aten.div.Tensor, aten.add_.Tensor):
        assert_like(SHAPED[operator](*lone), partial(operator, one, other))
    for along in range(one.dim()):
        assert_like(SHAPED[aten.cat.default](lone, along), partial(aten.cat.default, [one, other], along))


@pytest.mark.parametrize("image_last", [False, True])
@pytest.mark.parametrize("weight_last", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_convolutions_have_the_order_that_pytorch_gives_them(
    image_last: bool, weight_last: bool, dtype: torch.dtype
) -> None:
    images, weight = torch.ones(2, 4, 7, 9, dtype=dtype), torch.ones(3, 4, 3, 3, dtype=dtype)
    if image_last:
        images = images.contiguous(memory_format=torch.channels_last)
    if weight_last:
        weight = weight.contiguous(memory_format=torch.channels_last)
    rest = (None, [2, 1], [1, 0], [1, 2], False, [0, 0], 1)
    run = aten.convolution.default
    assert_like(SHAPED[run](images.to("meta"), weight.to("meta"), *rest), partial(run, images, weight, *rest))


@given(
    shape=shapes,
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    gone=st.sets(st.integers(-4, 3)),
    keep=st.booleans(),
)
@settings(few, max_examples=60)
def test_sums_have_the_shapes_that_pytorch_gives_them(
    shape: list[int], dtype: torch.dtype, gone: set[int], keep: bool
) -> None:
    given = torch.ones(shape, dtype=dtype)
    places = [place for place in gone if -len(shape) <= place < len(shape)]
    if len({place % len(shape) for place in places}) == len(places):
        for operator in (aten.sum.dim_IntList, aten.mean.dim):
            assert_like(SHAPED[operator](given.to("meta"), places, keep), partial(operator, given, places, keep))


def assert_like(shaped: torch.Tensor | None, run: Callable[[], torch.Tensor]) -> None:
    """Where a quick answer is given it is that of the real run."""
    if shaped is not None:
        real = run()
        assert (shaped.shape, shaped.dtype, shaped.stride()) == (real.shape, real.dtype, real.stride())

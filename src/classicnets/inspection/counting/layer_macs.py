"""Multiply-accumulates of the operators by which torch runs a whole attention, transformer or recurrent layer at once.

On meta tensors it runs the same layers as matrix products; on real ones, and fake ones that stand for them, it may not.
"""

from collections.abc import Callable

import torch

from classicnets.inspection.tracing.trace import Operation, Value

aten = torch.ops.aten


def _attention(operation: Operation) -> int:
    queries, keys, values = _values(operation, 0, 1, 2)
    return _scores(queries, keys) + _weighted(queries, keys, values)


def _attention_backward(operation: Operation) -> int:
    """Of scores, which are computed anew, queries and keys; of weights and values: as torch's own counter has it."""
    queries, keys, values = _values(operation, 1, 2, 3)
    return 3 * _scores(queries, keys) + 2 * _weighted(queries, keys, values)


def _self_attention_layer(operation: Operation) -> int:
    return _of_tokens(*_values(operation, 0, 5, 7))


def _transformer_layer(operation: Operation) -> int:
    tokens, inwards, outwards, hidden, back = _values(operation, 0, 3, 5, 14, 16)
    return _of_tokens(tokens, inwards, outwards) + tokens.elements // tokens.shape[-1] * (
        hidden.elements + back.elements
    )


def _recurrent_layer(operation: Operation) -> int:
    steps, on_input, on_state = _values(operation, 0, 1, 2)
    return steps.elements // steps.shape[-1] * (on_input.elements + on_state.elements)


def _recurrent_layer_backward(operation: Operation) -> int:
    return 2 * _recurrent_layer(operation)


def _values(operation: Operation, *places: int) -> list[Value]:
    return [operation.arguments[place] for place in places]


def _scores(queries: Value, keys: Value) -> int:
    """Each query with each key."""
    return queries.elements * keys.shape[-2]


def _weighted(queries: Value, keys: Value, values: Value) -> int:
    """For each query the sum of all values."""
    return queries.elements // queries.shape[-1] * keys.shape[-2] * values.shape[-1]


def _of_tokens(tokens: Value, inwards: Value, outwards: Value) -> int:
    """Projections in and out, and between them each token with each other one of its image twice."""
    count = tokens.elements // tokens.shape[-1]
    return count * (inwards.elements + outwards.elements) + 2 * tokens.elements * tokens.shape[-2]


LAYER_COUNTS: dict[torch._ops.OpOverload, Callable[[Operation], int]] = {
    **{
        operator.default: _attention
        for operator in (
            aten._scaled_dot_product_cudnn_attention,
            aten._scaled_dot_product_efficient_attention,
            aten._scaled_dot_product_flash_attention,
            aten._scaled_dot_product_flash_attention_for_cpu,
            aten._scaled_dot_product_fused_attention_overrideable,
        )
    },
    **{
        operator.default: _attention_backward
        for operator in (
            aten._scaled_dot_product_cudnn_attention_backward,
            aten._scaled_dot_product_efficient_attention_backward,
            aten._scaled_dot_product_flash_attention_backward,
            aten._scaled_dot_product_flash_attention_for_cpu_backward,
            aten._scaled_dot_product_fused_attention_overrideable_backward,
        )
    },
    aten._native_multi_head_attention.default: _self_attention_layer,
    aten._transformer_encoder_layer_fwd.default: _transformer_layer,
    aten.mkldnn_rnn_layer.default: _recurrent_layer,
    aten.mkldnn_rnn_layer_backward.default: _recurrent_layer_backward,
}

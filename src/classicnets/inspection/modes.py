"""The ways of running a network."""

from typing import Literal

Mode = Literal["eager", "fused", "training"]
"""Inference operation by operation, inference as a runtime plans it, or training."""

Optimizer = Literal["sgd", "momentum", "rmsprop", "adam", "adamw"]
"""By what it keeps for each parameter: nothing, one number (momentum, rmsprop), or two."""

Run = Literal["meta", "fake", "real"]
"""What tensors a trace runs on: ones without memory, ones that also pretend to be on a device, or real ones."""

Precision = Literal["float32", "bfloat16", "mixed"]
"""Of training: everything in one format, or activations in bfloat16 and weights, gradients and state in float32."""

"""Training on mixed images: what the loss sees, and that nothing depends on where a run was interrupted."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.mixing import Mixing
from classicnets.data.batches import Batch
from classicnets.errors import UsageError
from classicnets.training.keeper import Interrupted
from classicnets.training.module import TrainedNetwork
from classicnets.training.recipe.reading import complete
from tests.training.small_runs import LENET5, equal, go_on, run, trained_network, weights

MIXED: dict[str, Any] = {"augmentation": {"mix": {"mixup": 0.4, "cutmix": 1.0}}, "loss": {"name": "cross_entropy"}}


def batch(indices: list[int]) -> Batch:
    generator = torch.manual_seed(0)
    images = torch.randn(len(indices), 1, 32, 32, generator=generator).to(memory_format=torch.channels_last)
    return Batch(images, torch.tensor(indices) % 10, torch.tensor(indices))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_both_classes_of_the_mixed_image(smoothing: float) -> None:
    loss = {"name": "cross_entropy", "label_smoothing": smoothing}
    module = trained_network(steps=12, **{**MIXED, "loss": loss, "epochs": 3, "seed": 5})
    given = batch([7, 11, 2, 30])
    got = module.training_step(given, 9)  # the second step of the last of three epochs of four steps
    source = Chance(5, 2, np.array([7, 11, 2, 30]))
    mixed = Mixing(mixup=0.4, cutmix=1.0)(given.images.permute(0, 2, 3, 1), given.labels, source)
    logits = module.network(mixed.images.permute(0, 3, 1, 2))
    by_hand = sum(
        share * F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
        for share, labels in ((mixed.weights, mixed.labels), (1 - mixed.weights, mixed.others))
    )
    assert isinstance(by_hand, torch.Tensor)
    assert got.item() == pytest.approx(by_hand.mean().item(), rel=1e-5)
    larger = torch.where(mixed.weights < 0.5, mixed.others, mixed.labels)
    assert int(module.errors) == int((logits.argmax(dim=1) != larger).sum())


def test_a_mixed_run_that_is_interrupted_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything at once that happens to images: mixing, noise, bending; and a moving average of the weights."""
    kinds = {"pad": 2, "affine": {}, "elastic": {}, "jitter": {}, "erase": {}, **MIXED["augmentation"]}
    fields = {**LENET5, **MIXED, "augmentation": kinds, "epochs": 2, "average": 0.9}
    run(tmp_path / "undisturbed", fields)
    take_step = TrainedNetwork.training_step

    def interrupted_step(module: TrainedNetwork, batch: Batch, batch_idx: int) -> torch.Tensor:
        if batch_idx == 27:  # in the second epoch of 23 steps
            os.kill(os.getpid(), signal.SIGINT)
        return take_step(module, batch, batch_idx)

    with monkeypatch.context() as patched:
        patched.setattr(TrainedNetwork, "training_step", interrupted_step)
        with pytest.raises(Interrupted, match="stopped after step 28 of 46"):
            run(tmp_path / "run", fields)
    go_on(tmp_path / "run")
    assert equal(weights(tmp_path / "run"), weights(tmp_path / "undisturbed"))


def test_only_cross_entropy_takes_two_classes() -> None:
    with pytest.raises(UsageError, match=r"loss: augmentation.mix gives an image two classes, which maximum_a_post"):
        complete({**LENET5, "augmentation": {"mix": {"mixup": 0.2}}})

"""A network cut into stages gives what it gives in one process."""

from typing import Any

import pytest
import torch.nn.functional as F

from classicnets.errors import UsageError
from classicnets.networks import build
from classicnets.training.devices.pipeline import pipeline
from tests.training.devices.pipeline_jobs import Compared, compare, join_after_steps, refuse
from tests.training.devices.processes import Processes

EXACT: dict[str, dict[str, Any]] = {
    "VGG-11 with its dropout": {"name": "vgg11", "input_size": 32},
    "GoogLeNet with its auxiliary heads": {
        "name": "googlenet",
        "input_size": 80,
        "aux_weight": 0.3,
        "schedule": "gpipe",
        "cuts": ["inception_4b"],
    },
    "ResNet-18 beside accumulated micro-batches": {"name": "resnet18", "input_size": 32, "one_by_one": True},
    "frozen rows": {"name": "lenet5", "freeze": "C3", "cuts": ["C5"]},
}


@pytest.mark.parametrize("setting", EXACT.values(), ids=EXACT.keys())
def test_a_step_is_that_of_one_process(pair: Processes, setting: dict[str, Any]) -> None:
    first, last = pair.run(compare, **setting)
    assert (first.loss, first.logits, first.evaluated) == (None, None, None)
    must_be_equal(last)
    must_be_equal(first._replace(loss=last.loss, logits=last.logits, evaluated=last.evaluated))


def test_with_batch_normalisation_it_is_not_that_of_the_whole_batch(pair: Processes) -> None:
    first, last = pair.run(compare, name="resnet8_cifar")
    assert last.logits is not None
    assert last.logits > 1e-3
    assert max(first.gradients.values()) > 1e-3
    assert max(first.statistics.values()) > 1e-3


def test_gradients_add_up_and_the_whole_is_joined(pair: Processes) -> None:
    for distance in pair.run(join_after_steps):
        assert distance < 1e-12


def test_what_cannot_be_is_told_in_one_line(pair: Processes) -> None:
    found = pair.run(refuse)
    assert found[0] == found[1]
    assert found[0] == [
        "2 cuts make 3 stages, for 2 processes; give 1 cuts, or start with torchrun --nproc-per-node 3",
        "10 images cannot be divided into 4 micro-batches of the same size",
        "1f1b needs at least as many micro-batches as stages, 2, not 1; gpipe takes any number",
        "schedule must be gpipe or 1f1b, not 'zero'",
        "this pipeline takes 8 images a step, not 5",
    ]


def test_a_process_alone_is_told_how_to_start() -> None:
    with pytest.raises(UsageError, match=r"start with torchrun --nproc-per-node N$"):
        pipeline(build("lenet5"), batch=4, loss=F.cross_entropy)


def must_be_equal(found: Compared) -> None:
    for figure in (found.loss, found.logits, found.evaluated):
        assert figure is not None
        assert figure < 1e-12
    assert max(found.gradients.values(), default=0.0) < 1e-11, found.gradients
    assert max(found.statistics.values(), default=0.0) < 1e-12, found.statistics

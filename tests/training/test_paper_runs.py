"""Papers' recipes on real images, shortened; and what they need of a run, such as auxiliary heads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from classicnets.data.images import ImageArray
from classicnets.data.sets import open_data
from classicnets.errors import UsageError
from classicnets.networks import create
from classicnets.training.checkpoints import read_checkpoint
from classicnets.training.recipe.reading import complete
from classicnets.training.recipe.sections import Loss
from classicnets.training.recipe.shipped import shipped_recipe
from classicnets.training.steps import check_parts, losses_of
from tests.training.small_runs import LENET5, equal, go_on, run, weights


class TestAuxiliaryHeads:
    def test_add_their_share_to_what_is_learned_and_nothing_to_what_is_shown(self) -> None:
        torch.manual_seed(0)
        net = create("googlenet", num_classes=5, input_size=79).eval()
        images, labels = torch.randn(2, 3, 79, 79), torch.tensor([1, 4])
        found = losses_of(Loss(aux_weight=0.3, label_smoothing=0.1), net, images, labels)
        logits, auxiliary = net.forward_with_aux(images)
        assert list(auxiliary) == ["inception_4a", "inception_4d"]
        main, *beside = (F.cross_entropy(each, labels, label_smoothing=0.1) for each in (logits, *auxiliary.values()))
        assert found.main.item() == pytest.approx(main.item())
        assert found.learned.item() == pytest.approx((main + 0.3 * sum(beside)).item())
        found.learned.backward()  # type: ignore[no-untyped-call]
        assert all(parameter.grad is not None for parameter in net.parameters())

    def test_are_left_out_where_they_weigh_nothing(self) -> None:
        net = create("googlenet", num_classes=5, input_size=79)
        found = losses_of(Loss(), net, torch.randn(2, 3, 79, 79), torch.tensor([1, 4]))
        found.learned.backward()  # type: ignore[no-untyped-call]
        assert found.learned is found.main
        assert all(parameter.grad is None for parameter in net.aux.parameters())

    def test_are_refused_where_there_are_none(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"loss\.aux_weight is 0\.3, but lenet5 has no auxiliary heads"):
            run(tmp_path / "run", loss={"name": "maximum_a_posteriori", "aux_weight": 0.3})
        assert not (tmp_path / "run").exists()


SECOND_ORDER = {**LENET5, "optimizer": {"name": "levenberg_marquardt", "lr": 0.0005, "damping": 0.5, "samples": 50}}


class TestLevenbergMarquardt:
    def test_resumes_with_the_same_second_derivatives(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        run(folder, SECOND_ORDER, epochs=2, batch_size=480, checkpoint_steps=2)
        before = weights(folder)
        newest = sorted((folder / "checkpoints").iterdir())[-1]
        state = read_checkpoint(newest)["optimizer_states"][0]["state"]
        assert all((each["curvature"] >= 0).all() for each in state.values())
        newest.unlink()  # the one before was written in the midst of the second epoch
        go_on(folder)
        assert equal(weights(folder), before)

    def test_is_refused_for_other_networks_before_a_folder_is_made(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="has no rule for BatchNorm2d"):
            run(tmp_path / "run", SECOND_ORDER, network="resnet8_cifar", loss={"name": "cross_entropy"})
        assert not (tmp_path / "run").exists()


def test_filters_stay_within_their_limit(tmp_path: Path) -> None:
    fields = {**LENET5, "optimizer": {"name": "sgd", "lr": 0.01}, "filter_limit": 0.01}
    run(tmp_path / "run", fields, steps=3)
    kernel = weights(tmp_path / "run")["C5.convolution.weight"]
    sizes = kernel.square().mean(dim=(1, 2, 3)).sqrt()
    assert sizes.max() <= 0.01 * (1 + 1e-5)


class TestShortened:
    """A paper's recipe with --epochs 1, on real digits."""

    def test_resnet20_cifar(self, tmp_path: Path) -> None:
        """200 of the digits: five steps, of which the paper's two drops are a half and three quarters."""
        folder = some_digits(tmp_path / "digits", of_each=20)
        more: dict[str, Any] = {"network": "resnet20_cifar", "data": f"folder:{folder}", "batch_size": 32, "workers": 0}
        run(tmp_path / "run", shipped_recipe("resnet_cifar/paper", "resnet20_cifar"), epochs=1, steps=None, **more)
        epoch = only_epoch(tmp_path / "run")
        assert int(epoch["step"]) in (5, 6)
        assert float(epoch["learning_rate"]) == pytest.approx(0.001)
        assert 0 < float(epoch["train_loss"]) < 10

    def test_lenet5(self, tmp_path: Path) -> None:
        """300 of the digits, one at a time. A network that knows nothing is 84 away from each target."""
        folder = some_digits(tmp_path / "digits", of_each=30)
        fields = shipped_recipe("lenet5/paper", "lenet5")
        run(tmp_path / "run", fields, network="lenet5", data=f"folder:{folder}", epochs=1, workers=0)
        epoch = only_epoch(tmp_path / "run")
        assert int(epoch["step"]) > 200
        assert float(epoch["train_loss"]) < 75

    def test_recipes_for_the_real_set_are_complete(self) -> None:
        recipe = complete(
            shipped_recipe("resnet_cifar/paper", "resnet110_cifar") | {"network": "resnet110_cifar", "data": "cifar10"}
        )
        assert (recipe.steps, recipe.epochs, recipe.batch_size) == (64000, None, 128)
        assert recipe.schedule.milestones == (32000, 48000)
        check_parts(recipe, create("resnet8_cifar"))


def only_epoch(run_folder: Path) -> dict[str, str]:
    """The one line of a run's figures."""
    heads, line = (run_folder / "metrics.csv").read_text().splitlines()
    return dict(zip(heads.split(","), line.split(","), strict=True))


def some_digits(folder: Path, *, of_each: int) -> Path:
    """Handwritten digits as files, a folder a class."""
    digits = open_data("digits").train
    assert isinstance(digits, ImageArray)
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
        for index in np.flatnonzero(digits.labels == label)[:of_each]:
            Image.fromarray(digits.pixels[index, :, :, 0].numpy()).save(folder / str(label) / f"{index}.png")
    return folder

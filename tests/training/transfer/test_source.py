"""Weights to begin with are identified, and decide what a recipe leaves open."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import classicnets as cn
from classicnets.data.mean_image import MeanImage
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.training.recipe.reading import complete
from classicnets.training.recipe.transfer import Transfer, absolute_reference
from classicnets.training.transfer.source import begin_with, digest, open_source, reopen
from tests.training.transfer.sources import PREPARED, resnet8, saved


class TestReference:
    def test_a_path_is_made_absolute_wherever_it_stands(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "bundle").mkdir()
        (tmp_path / "weights.h5").touch()
        monkeypatch.chdir(tmp_path)
        assert absolute_reference("bundle") == str(tmp_path / "bundle")
        assert absolute_reference("keras:weights.h5") == f"keras:{tmp_path / 'weights.h5'}"
        assert (
            absolute_reference("torchvision:resnet18@weights.h5") == f"torchvision:resnet18@{tmp_path / 'weights.h5'}"
        )
        assert Transfer(weights="bundle").weights == str(tmp_path / "bundle")

    @pytest.mark.parametrize("reference", ["torchvision:resnet18", "timm:resnet50.tv_in1k", "nowhere/at/all"])
    def test_others_stay_as_they_are(self, reference: str) -> None:
        assert absolute_reference(reference) == reference


class TestDigest:
    def test_does_not_depend_on_the_file(self, tmp_path: Path) -> None:
        made = resnet8()
        as_bundle = open_source(str(saved(tmp_path / "bundle", made)))
        assert as_bundle.sha256 == digest(made.network)
        network = cn.create("resnet18", num_classes=3).eval()
        cn.save_as("torchvision", network, tmp_path / "resnet18.pth")
        assert open_source(f"torchvision:resnet18@{tmp_path / 'resnet18.pth'}").sha256 == digest(network)

    def test_tells_a_single_changed_number(self) -> None:
        network = resnet8().network
        before = digest(network)
        with torch.no_grad():
            network.get_parameter("conv1.convolution.weight")[0, 0, 0, 0] += 1e-3
        assert digest(network) != before

    def test_heads_that_a_file_lacks_change_neither_it_nor_who_draws(self, tmp_path: Path) -> None:
        cn.save_as("torchvision", cn.create("resnet18", num_classes=3), tmp_path / "whole.pth")
        whole = torch.load(tmp_path / "whole.pth", weights_only=True)
        torch.save({name: whole[name] for name in whole if not name.startswith("fc.")}, tmp_path / "headless.pth")
        torch.manual_seed(3)
        before = torch.get_rng_state()
        one, other = (open_source(f"torchvision:resnet18@{tmp_path / 'headless.pth'}").sha256 for _ in range(2))
        assert one == other
        assert torch.equal(torch.get_rng_state(), before)


class TestFields:
    @pytest.fixture
    def weights(self, tmp_path: Path) -> Path:
        return saved(tmp_path / "bundle", resnet8())

    def test_the_weights_decide_what_the_recipe_leaves_open(self, weights: Path) -> None:
        fields, source = begin_with({"data": "digits", "transfer": {"weights": str(weights)}})
        assert source is not None
        recipe = complete(fields)
        assert (recipe.network, recipe.options, recipe.in_channels) == ("resnet8_cifar", {"input_size": [32, 32]}, 3)
        assert recipe.preprocessing == PREPARED
        assert recipe.transfer is not None
        assert (recipe.transfer.weights, recipe.transfer.sha256) == (str(weights), source.sha256)

    def test_without_weights_nothing_is_decided(self) -> None:
        assert begin_with({"network": "lenet5", "data": "digits"}) == ({"network": "lenet5", "data": "digits"}, None)
        assert begin_with({"transfer": None}) == ({"transfer": None}, None)

    def test_what_the_recipe_says_of_images_stands(self, weights: Path) -> None:
        stated = {"mean": [0.1, 0.1, 0.1]}
        fields, _ = begin_with({"data": "digits", "preprocessing": stated, "transfer": {"weights": str(weights)}})
        recipe = complete(fields)
        assert recipe.preprocessing == PREPARED.model_copy(update={"mean": (0.1, 0.1, 0.1)})

    def test_another_size_takes_the_images_with_it(self, tmp_path: Path) -> None:
        prepared = Preprocessing(size=(32, 32), resize=40, mean=(0.5,) * 3, std=(0.25,) * 3)
        weights = saved(tmp_path / "bundle", resnet8(preprocessing=prepared))
        fields, _ = begin_with({"data": "digits", "options": {"input_size": 64}, "transfer": {"weights": str(weights)}})
        recipe = complete(fields)
        assert recipe.preprocessing is not None
        assert (recipe.preprocessing.size, recipe.preprocessing.resize) == ((64, 64), 80)
        assert recipe.options == {"input_size": 64}

    def test_grey_images_have_the_mean_of_the_figures(self, weights: Path) -> None:
        fields, _ = begin_with({"data": "digits", "in_channels": 1, "transfer": {"weights": str(weights)}})
        recipe = complete(fields)
        assert recipe.preprocessing is not None
        assert recipe.preprocessing.channels == 1
        assert recipe.preprocessing.mean == pytest.approx((0.4,))

    def test_a_mean_image_of_another_size_gives_way_to_the_means_of_its_channels(self, tmp_path: Path) -> None:
        mean = np.zeros((40, 40, 3), dtype=np.float32) + np.array([0.1, 0.2, 0.3], dtype=np.float32)
        prepared = Preprocessing(
            size=(32, 32), resize=40, mean=(0.5,) * 3, std=(0.25,) * 3, mean_image=MeanImage.of(mean)
        )
        weights = saved(tmp_path / "bundle", resnet8(preprocessing=prepared))
        fields, _ = begin_with({"data": "digits", "transfer": {"weights": str(weights)}})
        recipe = complete(fields)
        assert recipe.preprocessing is not None
        assert recipe.preprocessing.mean_image is None
        assert recipe.preprocessing.mean == pytest.approx((0.1, 0.2, 0.3), abs=1e-5)  # bundles round it

    @pytest.mark.parametrize(
        ("more", "told"),
        [
            ({"network": "resnet20_cifar"}, "holds weights of resnet8_cifar, not of resnet20_cifar"),
            ({"transfer": {"sha256": "0" * 64}}, r"holds other weights than .*, not 000000000000\.\.\.\); .*leave"),
        ],
    )
    def test_what_does_not_agree_is_refused(self, weights: Path, more: dict[str, object], told: str) -> None:
        transfer = {"weights": str(weights), **more.pop("transfer", {})}  # type: ignore[dict-item]  # a mapping
        with pytest.raises(UsageError, match=told):
            begin_with({"data": "digits", "transfer": transfer, **more})

    def test_options_of_the_weights_are_needed(self, tmp_path: Path) -> None:
        network = cn.create("resnet8_cifar", num_classes=2, shortcut="B").eval()
        weights = saved(tmp_path / "bundle", replace(resnet8(("a", "b")), network=network))
        transfer = {"weights": str(weights)}
        assert begin_with({"data": "digits", "transfer": transfer})[0]["options"]["shortcut"] == "B"
        with pytest.raises(UsageError, match="needs shortcut='B', not 'A'"):
            begin_with({"data": "digits", "options": {"shortcut": "A"}, "transfer": transfer})

    def test_weights_that_have_changed_are_not_taken_up_again(self, weights: Path) -> None:
        fields, source = begin_with({"data": "digits", "transfer": {"weights": str(weights)}})
        transfer = complete(fields).transfer
        again = reopen(transfer)
        assert again is not None
        assert source is not None
        assert again.sha256 == source.sha256
        other = resnet8()
        with torch.no_grad():
            other.network.get_parameter("fc.weight").zero_()
        saved(weights, other)
        with pytest.raises(UsageError, match="holds other weights"):
            reopen(transfer)
        assert reopen(None) is None

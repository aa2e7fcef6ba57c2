"""The package's recipes: each says what it is and where its figures come from, stands for its paper, and trains."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from classicnets import catalog
from classicnets.data.sets import open_data
from classicnets.errors import UsageError
from classicnets.papers import read_paper
from classicnets.training.module import TrainedNetwork
from classicnets.training.parts import filled_in, network_of, quiet_lightning, stream_of, trainer_of
from classicnets.training.preparing import with_means
from classicnets.training.recipe.reading import complete
from classicnets.training.recipe.shipped import (
    about_shipped,
    default_recipe,
    find_recipe,
    read_recipe,
    shipped_recipe,
    shipped_recipes,
    shipped_text,
    with_default,
)

PAPERS = [name for name in shipped_recipes() if name.endswith("/paper")]
SOURCE = re.compile(
    r"section|appendix|figure|release|recalled|torch|training reference|first paper|images of|1998|its "
)

# A network of each family, and what makes it small enough for two steps of a test.
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "alexnet": ("alexnet", {"input_size": 36}),
    "alexnet_owt": ("alexnet_owt", {"release": "cuda_convnet2", "input_size": 63}),
    "bn_inception": ("bn_inception", {"input_size": 32}),
    "caffenet": ("caffenet", {"input_size": 39}),
    "googlenet": ("googlenet", {"input_size": 79}),
    "inception_resnet_v1": ("inception_resnet_v1", {"input_size": 75}),
    "inception_resnet_v2": ("inception_resnet_v2_paper", {"input_size": 75}),
    "inception_v3": ("inception_v3", {"input_size": 75}),
    "inception_v4": ("inception_v4", {"input_size": 75}),
    "lenet5": ("lenet5", {}),
    "preact_resnet": ("preact_resnet8_cifar", {}),
    "resnet": ("resnet18", {"input_size": 32}),
    "resnet_cifar": ("resnet8_cifar", {}),
    "resnet_d": ("resnet50_b", {"input_size": 32}),
    "resnext": ("resnext50_32x4d", {"input_size": 32}),
    "se_resnet": ("se_resnet50", {"input_size": 32}),
    "stochastic_depth": ("stochastic_depth_resnet8_cifar", {}),
    "vgg": ("vgg11", {"input_size": 32}),
    "wide_resnet": ("wide_resnet10_1_cifar", {}),
    "zfnet": ("zfnet", {"input_size": 47}),
}
SHORT = {
    "default": ("vgg11_bn", {"input_size": 32}),
    "modern": ("resnet18", {"input_size": 32}),
    "modern_long": ("resnet18", {"input_size": 32}),
    "transfer": ("resnet18", {"input_size": 32}),
    "lenet5/default": ("lenet5", {}),
    "lenet5/digits": ("lenet5", {}),
    "resnet_cifar/default": ("resnet8_cifar", {}),
} | {f"{family}/paper": small for family, small in SMALL.items()}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve small photographs of noise, in three classes, and six to test on."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for part, images in (("train", 4), ("val", 2)):
        for label in ("one", "two", "three"):
            (folder / part / label).mkdir(parents=True)
            for number in range(images):
                pixels = random.integers(0, 256, (40, 44, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / label / f"{number}.png")
    return folder


class Steps(lightning.Callback):
    """Remembers what each step's loss was."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        del trainer, pl_module, batch, batch_idx
        self.losses.append(float(outputs["loss"]))


@pytest.mark.parametrize("name", shipped_recipes())
def test_trains_two_steps(name: str, photos: Path) -> None:
    network, options = SHORT[name]
    fields = shipped_recipe(name, network)
    small: dict[str, Any] = {"network": network, "data": f"folder:{photos}", "workers": 0}
    small |= {"steps": 2, "epochs": None, "batch_size": 2, "options": {**fields.get("options", {}), **options}}
    augmentation = dict(fields.get("augmentation", {}))
    if augmentation.get("scale"):
        least, most = augmentation["scale"]
        side = options["input_size"] + 4
        augmentation["scale"] = [side, side + (most > least)]
    recipe = complete(fields | small | {"augmentation": augmentation})
    data = open_data(recipe.data, seed=recipe.seed)
    made = network_of(recipe, data)
    recipe = with_means(filled_in(recipe, made), data)
    stream = stream_of(recipe, data)
    module = TrainedNetwork(made, recipe, len(stream), epoch_steps=stream.batches.steps)
    before = [parameter.detach().clone() for parameter in made.parameters()][:: len(made.rows)]
    steps = Steps()
    with quiet_lightning():
        trainer_of(recipe, steps).fit(module, stream)
    assert len(steps.losses) == 2
    assert np.isfinite(steps.losses).all()
    after = list(made.parameters())[:: len(made.rows)]
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_every_recipe_is_among_those_that_train() -> None:
    assert set(SHORT) == set(shipped_recipes())
    assert {catalog.find(network).family for network in catalog.list_networks()} == set(SMALL)


class TestHead:
    @pytest.mark.parametrize("name", shipped_recipes())
    def test_has_a_command_for_it(self, name: str) -> None:
        about = about_shipped(name)
        words = about.command.split()
        assert words[:2] == ["classicnets", "train"]
        if "--recipe" in words:
            assert find_recipe(words[words.index("--recipe") + 1], words[2]) == name
        elif "--from" not in words:
            own = default_recipe(words[2], words[words.index("--data") + 1])
            assert own == shipped_recipe(name, words[2])

    @pytest.mark.parametrize("name", PAPERS)
    def test_promises_what_the_paper_printed(self, name: str) -> None:
        about = about_shipped(name)
        if "printed" not in about.expected:
            return
        network = about.command.split()[2]
        paper = read_paper(catalog.find(network).family)
        known = [result.value for facts in paper.networks.values() for result in facts.reported]
        promised = [float(figure) for figure in re.findall(r"(\d+\.\d+)%", about.expected)]
        own = [result.value for result in paper.facts(network).reported]
        assert promised
        assert promised[0] in own
        assert set(promised) <= {*known, *(result.value for result in paper.results)}

    @pytest.mark.parametrize("name", PAPERS)
    def test_every_figure_has_a_source_or_is_marked_as_unsaid(self, name: str) -> None:
        unsaid = about_shipped(name).unsaid
        lines = shipped_text(name).splitlines()
        for field, line in figures(shipped_text(name)):
            marked = any(field == each or field.startswith(f"{each}.") for each in unsaid)
            source = lines[line].partition("#")[2]
            assert marked or SOURCE.search(source), f"{name}: {field}"

    def test_a_mark_on_what_is_no_field_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        about = "about: {what: a, command: b, time: c, expected: d, unsaid: {optimizer.speed: no such thing}}\n"
        file.write_text(about)
        with pytest.raises(UsageError, match=r"about\.unsaid: no field 'optimizer\.speed'"):
            read_recipe(str(file))


def figures(text: str) -> Iterator[tuple[str, int]]:
    """Each field of a recipe file that is written in a line of its own, with the number of that line."""

    def walk(node: yaml.MappingNode, inside: str) -> Iterator[tuple[str, int]]:
        for key, value in node.value:
            field = f"{inside}{key.value}"
            if isinstance(value, yaml.MappingNode) and value.flow_style is False:
                yield from walk(value, f"{field}.") if not head(text, key) else [(field, key.start_mark.line)]
            elif isinstance(value, yaml.MappingNode) and not head(text, key):
                yield from ((f"{field}.{inner.value}", inner.start_mark.line) for inner, _ in value.value)
            else:
                yield field, key.start_mark.line

    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    for key, value in root.value:
        if key.value not in ("about", "base", "only"):
            yield from walk(yaml.MappingNode(root.tag, [(key, value)], flow_style=False), "")


def head(text: str, key: yaml.Node) -> bool:
    """Whether the line of ``key`` names a source for all that is in it."""
    return "#" in text.splitlines()[key.start_mark.line]


class TestNames:
    def test_paper_alone_is_the_familys(self) -> None:
        assert find_recipe("paper", "resnet20_cifar") == "resnet_cifar/paper"
        assert find_recipe("modern", "resnet20_cifar") == "modern"
        assert find_recipe("vgg/paper") == "vgg/paper"

    def test_paper_without_a_network_is_refused(self) -> None:
        with pytest.raises(UsageError, match="name the network, or write FAMILY/paper"):
            find_recipe("paper")

    def test_what_a_family_has_is_told(self) -> None:
        with pytest.raises(UsageError, match=r"no recipe digits for vgg16; its family vgg has: vgg/paper"):
            find_recipe("digits", "vgg16")

    def test_near_names_are_told(self) -> None:
        with pytest.raises(UsageError, match=r"no recipe 'resnet_cifer/paper'; did you mean resnet_cifar/paper"):
            find_recipe("resnet_cifer/paper")

    def test_what_is_for_some_networks_alone_is_for_them_alone(self) -> None:
        assert shipped_recipe("preact_resnet/paper", "preact_resnet200")["batch_size"] == 256
        assert shipped_recipe("preact_resnet/paper", "preact_resnet164_cifar")["batch_size"] == 128
        assert shipped_recipe("default", "googlenet")["loss"] == {"aux_weight": 0.3}
        assert shipped_recipe("default", "inception_v3")["loss"] == {"aux_weight": 0.4}
        assert "loss" not in shipped_recipe("default", "vgg11")


class TestFiles:
    def test_a_copy_of_a_shipped_one_is_the_same(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text(shipped_text("resnet/paper"))
        own = read_recipe(str(file), "resnet18")
        assert own.fields == shipped_recipe("resnet/paper", "resnet18")
        assert own.alone
        wanted = own.fields | {"network": "resnet18", "data": "digits"}
        assert with_default(own, wanted) == wanted

    def test_one_that_says_nothing_lies_on_the_default(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text("steps: 70\noptimizer: {lr: 0.3}\n")
        own = read_recipe(str(file))
        made = complete(with_default(own, own.fields | {"network": "vgg11", "data": "mnist"}))
        assert (made.steps, made.epochs) == (70, None)
        assert (made.optimizer.name, made.optimizer.lr, made.clip_norm) == ("adamw", 0.3, 1.0)

    def test_one_can_change_a_shipped_one(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text("base: resnet_cifar/paper\nonly: {resnet56_cifar: {batch_size: 64}}\n")
        assert read_recipe(str(file), "resnet56_cifar").fields["batch_size"] == 64
        assert read_recipe(str(file), "resnet20_cifar").fields["steps"] == 64000

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("base: resnet/papers", "base: no recipe 'resnet/papers'; did you mean resnet/paper"),
            ("only: 3", "only: should be a mapping of networks to fields"),
            ("about: {what: a}", "about.command: Field required"),
        ],
    )
    def test_mistakes_are_named(self, text: str, told: str, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text(text)
        with pytest.raises(UsageError) as error:
            read_recipe(str(file))
        assert told in str(error.value)

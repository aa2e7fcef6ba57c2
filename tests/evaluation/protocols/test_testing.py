"""Each protocol says what its views say one by one, of each image once, however they are put together."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

import classicnets as cn
from classicnets.data.decode import decode
from classicnets.data.images import ImageArray, ImageFiles, Images
from classicnets.data.pipeline import batches
from classicnets.errors import UsageError
from classicnets.evaluation.counting import evaluate_network
from classicnets.evaluation.protocols.named import PROTOCOLS, read_protocol
from classicnets.evaluation.protocols.plan import Plan
from classicnets.evaluation.protocols.testing import Member, run
from classicnets.weights.bundle import Bundle
from tests.evaluation.protocols import by_hand
from tests.evaluation.protocols.conftest import CLASSES, SHAPES, bundle_of, small


def probabilities(member: Member, images: Images, name: str) -> torch.Tensor:
    """What is said of each image, (images, classes), in the order of the images; each is answered for once."""
    answers = list(member.answers(images, read_protocol(name)))
    indices = np.concatenate([answer.indices for answer in answers])
    assert sorted(indices.tolist()) == list(range(len(images)))
    return torch.cat([answer.logits for answer in answers])[torch.from_numpy(np.argsort(indices))].exp()


def originals(files: ImageFiles) -> list[torch.Tensor]:
    return [decode(path, channels=3) for path in files.paths]


BY_HAND: dict[str, Callable[[Bundle, torch.Tensor], torch.Tensor]] = {
    "ten-crop": by_hand.ten_crop,
    "crops-144": by_hand.crops_144,
    "vgg-dense": lambda bundle, image: by_hand.vgg_dense(bundle, bundle.network, image),
    "vgg-multicrop": by_hand.vgg_multicrop,
    "vgg-both": lambda bundle, image: (
        (by_hand.vgg_dense(bundle, bundle.network, image) + by_hand.vgg_multicrop(bundle, image)) / 2
    ),
    "resnet-dense": lambda bundle, image: by_hand.resnet_dense(bundle, bundle.network, image),
    "multi-scale:33,40:average=scores": lambda bundle, image: by_hand.resnet_dense(
        bundle, bundle.network, image, sides=(33, 40)
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_as_by_hand(bundle: Bundle, files: ImageFiles, name: str) -> None:
    expected = torch.stack([BY_HAND[name](bundle, image) for image in originals(files)])
    assert (expected.max(dim=1).values < 0.999).all(), "nothing is said for certain, or averages would not show"
    torch.testing.assert_close(probabilities(Member(bundle, workers=0), files, name), expected, rtol=1e-4, atol=1e-6)


def test_a_network_with_connected_layers_runs_as_one_convolution(files: ImageFiles) -> None:
    torch.manual_seed(0)
    network = cn.create("vgg11", input_size=32, num_classes=len(CLASSES), initialisation="glorot").eval()
    bundle = bundle_of(network)
    dense = cn.fully_convolutional(network)
    some = files.taken(np.array([2, 4]))
    expected = torch.stack([by_hand.vgg_dense(bundle, dense, image, sides=(37, 64)) for image in originals(some)])
    found = probabilities(Member(bundle, workers=0), some, "vgg-dense:37,64")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["center", "ten-crop", "crops-144", "vgg-both", "resnet-dense"])
@pytest.mark.parametrize("kind", ["files", "array"])
def test_batch_size_and_workers_change_nothing(
    bundle: Bundle, name: str, kind: str, request: pytest.FixtureRequest
) -> None:
    images: Images = request.getfixturevalue(kind)
    if kind == "array" and name == "vgg-both":
        images = images.taken(np.arange(9))
    expected = probabilities(Member(bundle, workers=0), images, name)
    for at_once, workers in ((7, 0), (64, 2)) if kind == "files" else ((50, 0),):
        found = probabilities(Member(bundle, at_once=at_once, workers=workers), images, name)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_forwards_are_filled_across_images(bundle: Bundle, files: ImageFiles) -> None:
    passed: list[tuple[int, ...]] = []
    bundle.network.register_forward_pre_hook(lambda _, arguments: passed.append(tuple(arguments[0].shape)))
    probabilities(Member(bundle, at_once=16, workers=0), files, "ten-crop")
    assert [shape[0] for shape in passed] == [16, 16, 16, 2]  # 5 images
    assert {shape[1:] for shape in passed} == {(3, 32, 32)}
    passed.clear()
    probabilities(Member(bundle, at_once=16, workers=0), files, "multi-scale:40:mirror=no")
    assert Counter(passed) == {  # images of one size together, those of 40x56 from two files
        (2, 3, 40, 56): 1,
        (1, 3, 56, 40): 1,
        (1, 3, 40, 40): 1,
        (1, 3, 40, 73): 1,
    }


def test_what_waits_is_bounded(bundle: Bundle, files: ImageFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = probabilities(Member(bundle, workers=0), files, "vgg-both")
    monkeypatch.setattr("classicnets.evaluation.protocols.looking._MOST_WAITING", 0)
    passed: list[int] = []
    bundle.network.register_forward_pre_hook(lambda _, arguments: passed.append(len(arguments[0])))
    found = probabilities(Member(bundle, workers=0), files, "vgg-both")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert max(passed) == 150, "no view waits for the next image"


@pytest.mark.parametrize("kind", ["files", "array"])
def test_center_is_what_the_bundle_has_always_meant(bundle: Bundle, kind: str, request: pytest.FixtureRequest) -> None:
    images: Images = request.getfixturevalue(kind)
    bundle = replace(bundle, preprocessing=bundle.preprocessing.model_copy(update={"resize": 36}))
    expected = evaluate_network(bundle.network, batches(images, bundle.preprocessing, batch_size=256), CLASSES)
    found = run([Member(bundle)], images, PROTOCOLS["center"])
    assert np.array_equal(found.evaluation.probability, expected.probability)
    assert np.array_equal(found.evaluation.losses, expected.losses)
    same = run([Member(bundle)], images, read_protocol("multi-scale:36:crops=center:mirror=no"))
    np.testing.assert_allclose(same.evaluation.losses, expected.losses, rtol=1e-4, atol=1e-6)
    assert (same.views, same.macs) == (found.views, found.macs) == (1, cn.inspect(bundle.network).macs)


def test_outcomes_stand_in_the_order_of_the_images(bundle: Bundle, files: ImageFiles) -> None:
    said = probabilities(Member(bundle, workers=0), files, "vgg-dense")
    told: list[int] = []
    found = run([Member(bundle, at_once=2, workers=0)], files, PROTOCOLS["vgg-dense"], progress=told.append)
    assert sum(told) == len(files)
    assert found.evaluation.labels.tolist() == files.labels.tolist()
    assert found.evaluation.predicted.tolist() == said.argmax(dim=1).tolist()
    np.testing.assert_allclose(found.evaluation.probability, said.max(dim=1).values, rtol=1e-4)
    np.testing.assert_allclose(
        found.evaluation.losses, -said.log()[torch.arange(len(files)), torch.from_numpy(files.labels)], rtol=1e-3
    )


def test_an_ensemble_averages_the_softmax_of_networks_that_each_prepare_their_own_way(files: ImageFiles) -> None:
    one = bundle_of(small())
    other = bundle_of(small(channels=1), mean=(0.1,), resize=36)
    for name in ("center", "ten-crop"):
        alone = [probabilities(Member(bundle, workers=0), files, name) for bundle in (one, other)]
        expected = (alone[0] + alone[1]) / 2
        told: list[int] = []
        found = run(
            [Member(one, workers=0), Member(other, workers=0)], files, read_protocol(name), progress=told.append
        )
        assert sum(told) == 2 * len(files)
        assert found.evaluation.predicted.tolist() == expected.argmax(dim=1).tolist()
        np.testing.assert_allclose(found.evaluation.probability, expected.max(dim=1).values, rtol=1e-4)
        each = [cn.inspect(bundle.network).macs * found.views for bundle in (one, other)]
        assert found.macs == sum(each)


def test_what_ran_is_what_the_plan_says(bundle: Bundle, files: ImageFiles, array: ImageArray) -> None:
    array = array.taken(np.arange(3))
    for name in ("crops-144", "vgg-both"):
        plan = Plan(protocol=PROTOCOLS[name], preprocessing=bundle.preprocessing)
        for images, shapes in ((files, SHAPES), (array, [(36, 36)] * len(array))):
            member = Member(bundle, workers=0)
            probabilities(member, images, name)
            assert member.ran == sum((plan.kinds(shape) for shape in shapes), Counter()), name


def test_equal_views_pass_once_and_count_as_often_as_the_paper_has_them(bundle: Bundle, array: ImageArray) -> None:
    found = run([Member(bundle)], array, PROTOCOLS["crops-144"])
    assert found.views == 144
    assert found.macs == 48 * cn.inspect(bundle.network).macs, "the three squares of a square image are one"
    image = array.pixels[3]
    torch.testing.assert_close(
        probabilities(Member(bundle), array, "crops-144")[3],
        by_hand.crops_144(bundle, image),
        rtol=1e-4,
        atol=1e-6,
    )


def test_an_image_that_is_none_is_named(bundle: Bundle, files: ImageFiles) -> None:
    files.paths[3].write_text("no image")
    for workers in (0, 2):
        with pytest.raises(UsageError, match=str(files.paths[3])):
            run([Member(bundle, workers=workers)], files, PROTOCOLS["ten-crop"])


def test_a_network_that_is_no_number_is_told(bundle: Bundle, array: ImageArray) -> None:
    torch.nn.init.constant_(bundle.network.get_parameter("fc.bias"), float("nan"))
    with pytest.raises(UsageError, match="not a number"):
        run([Member(bundle)], array, PROTOCOLS["ten-crop"])


@pytest.mark.parametrize(
    ("name", "protocol", "told"),
    [
        ("lenet5_dense", "vgg-dense", "lenet5_dense has no convolutional head: row F6 reads every pixel"),
        ("lenet5_dense", "vgg-both", "lenet5_dense has no convolutional head"),
        ("resnet8_cifar", "vgg-multicrop:40,30", "of images of 30 pixels there are no crops of 32x32"),
        ("vgg11", "vgg-dense:30", "vgg11 takes images of at least 32x32 pixels, not 30x30"),
    ],
)
def test_a_network_that_cannot_be_tested_so_is_told_at_once(name: str, protocol: str, told: str) -> None:
    with torch.device("meta"):
        network = cn.create(name, input_size=32)
    with pytest.raises(UsageError, match=told):
        Member(bundle_of(network)).check(read_protocol(protocol))

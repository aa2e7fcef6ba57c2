"""`split`: what a network over several devices costs, on the command line."""

from tests.cli.command import Command


def test_towers(command: Command) -> None:
    told = command("split", "alexnet", "--towers", "--json")
    assert '"bytes": 75919360' in told.out
    shown = command("split", "alexnet", "--towers", "--set", "norm_over=tower")
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines()[1:5]] == ["conv3", "fc6", "fc7", "fc8"]
    assert "60.5 MB cross" in shown.out


def test_a_pipeline(command: Command) -> None:
    shown = command("split", "vgg16", "--cut", "pool3", "--cut", "pool5", "--batch", "64", "--micro-batches", "4")
    assert shown.code == 0
    assert "conv1_1 to pool3" in shown.out
    assert "64 images in 4 micro-batches: a device waits 33.3% of a step" in shown.out


def test_mistakes(command: Command) -> None:
    both = command("split", "vgg16", "--towers", "--cut", "pool3")
    assert both.mistake() == "error: --towers is one way to split a network, --cut another; give one of them"
    assert "vgg16 has no two towers" in command("split", "vgg16", "--towers").mistake()
    assert "balance must be macs or memory, not 'time'" in command("split", "vgg16", "--balance", "time").mistake()

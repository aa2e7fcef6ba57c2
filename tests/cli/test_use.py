"""`evaluate` and `predict`."""

import dataclasses
import io
import json
import os
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

import classicnets as cn
from classicnets.training.run import Run
from classicnets.weights import bundle
from tests.cli.command import Command


def test_evaluate_as_json(command: Command, run: Run) -> None:
    told = command("evaluate", run.bundle, "--json").json()
    assert {"bundle", "report", "images", "top1_error", "top5_error", "interval"} <= set(told)
    assert (told["data"], told["images"], told["report"]) == ("digits", 360, str(run.report))
    assert told["interval"][0] < told["top1_error"] < told["interval"][1]
    assert sum(row["errors"] for row in told["per_class"]) == told["top1_errors"]


def test_evaluate_as_a_table(command: Command, run: Run) -> None:
    out = command("evaluate", run.bundle, "--data", "digits", "--per-class").out
    assert f"{run.evaluation.top1_error:.2f}%" in out
    classes = [line.split()[0] for line in out.splitlines()[-10:]]
    assert classes == list("0123456789")


TODAY = {"bundle", "report", "images", "top1_error", "top5_error", "interval", "data", "top1_errors", "top5_errors"}
OF_PROTOCOLS = {"protocol", "views", "macs", "images_per_second", "ensemble", "per_class"}


def test_one_protocol_is_an_object_as_ever(command: Command, run: Run) -> None:
    told = command("evaluate", run.bundle, "--protocol", "ten-crop", "--json").json()
    assert set(told) == TODAY | OF_PROTOCOLS
    assert (told["protocol"], told["views"], told["images"], told["ensemble"]) == ("ten-crop", 10, 360, [])
    assert told["macs"] == 10 * cn.inspect(cn.load(run.bundle)).macs
    plain = command("evaluate", run.bundle, "--json").json()
    assert (plain["protocol"], plain["views"]) == ("center", 1)
    assert plain["top1_error"] == run.evaluation.top1_error


def test_several_protocols_are_a_list(command: Command, run: Run) -> None:
    outcome = command(
        "evaluate", run.bundle, "--protocol", "center", "--protocol", "multi-scale:33:crops=grid", "--json"
    )
    told = outcome.json()
    assert [row["protocol"] for row in told] == ["center", "multi-scale:33:crops=grid"]
    assert all(set(row) == TODAY | OF_PROTOCOLS for row in told)
    assert len(outcome.out.splitlines()) == 1


def test_protocols_side_by_side(command: Command, run: Run) -> None:
    out = command("evaluate", run.bundle, "--protocol", "center", "--protocol", "ten-crop", "--per-class").out
    head, *lines = out.splitlines()[2:5]
    assert " ".join(head.split()) == "protocol top-1 error 95% interval top-5 error views MACs an image images/s"
    rows = [line.split() for line in lines]
    assert [row[0] for row in rows] == ["center", "ten-crop"]
    assert f"{run.evaluation.top1_error:.2f}%" == rows[0][1]
    assert [row[-3] for row in rows] == ["1", "10"]
    assert [line for line in out.splitlines() if line in ("center", "ten-crop")] == ["center", "ten-crop"]


def test_all_leaves_out_what_the_network_cannot_do(command: Command, run: Run, tmp_path: Path) -> None:
    # LeNet-5 reads maps of one size.
    photos = tmp_path / "digits"
    for name in "0123456789":
        (photos / name).mkdir(parents=True)
        Image.new("L", (40, 50), 20 * int(name)).save(photos / name / "a.png")
    outcome = command("evaluate", run.bundle, "--data", f"folder:{photos}", "--protocol", "all", "--json")
    assert [row["protocol"] for row in outcome.json()] == ["center", "ten-crop", "crops-144", "vgg-multicrop"]
    left_out = [line.split(" is left out: ")[0] for line in outcome.err.splitlines()]
    assert left_out == ["vgg-dense", "vgg-both", "resnet-dense"]
    assert (
        command("evaluate", run.bundle, "--data", f"folder:{photos}", "--protocol", "vgg-dense").mistake()
        == "error: lenet5 has no convolutional head: row F6 reads every pixel of maps of one size"
    )


def test_an_ensemble_of_twins_says_what_each_says(command: Command, run: Run) -> None:
    told = command("evaluate", run.bundle, "--ensemble", run.bundle, "--json").json()
    assert told["top1_errors"] == run.evaluation.top1_errors
    assert told["ensemble"] == [str(run.bundle)]
    assert told["macs"] == 2 * cn.inspect(cn.load(run.bundle)).macs
    assert f"{run.bundle} and {run.bundle} on digits" in command("evaluate", run.bundle, "--ensemble", run.bundle).out


def test_batch_normalisation_is_measured_and_the_bundle_stays(command: Command, run: Run, tmp_path: Path) -> None:
    assert "no batch normalisation" in command("evaluate", run.bundle, "--reestimate-batch-norm", "64").mistake()
    kept = bundle.load(run.bundle)
    made = cn.create("resnet8_cifar", num_classes=10, in_channels=1)
    made.get_buffer("conv1.norm.running_var").fill_(float("nan"))
    bundle.save(tmp_path, dataclasses.replace(kept, network=made))
    before = (tmp_path / "model.safetensors").read_bytes()
    assert "not a number" in command("evaluate", tmp_path).mistake()
    assert command("evaluate", tmp_path, "--reestimate-batch-norm", "64", "--json").json()["images"] == 360
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_protocols_that_are_none_are_told(command: Command, run: Run) -> None:
    assert "did you mean ten-crop?" in command("evaluate", run.bundle, "--protocol", "10-crop").mistake()
    assert "begin at 32" in command("evaluate", run.bundle, "--protocol", "vgg-multicrop:16").mistake()


def test_predict_goes_on_after_a_broken_image(command: Command, run: Run, photos: Path) -> None:
    outcome = command("predict", run.bundle, photos, "--json", "--top", 3)
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [Path(line["path"]).name for line in lines] == ["a.png", "b.jpg", "c.jpg", "d.jpg"]
    good, bad = {"path", "predictions"}, {"path", "error"}
    assert [set(line) for line in lines] == [good, bad, bad, good]
    assert [sorted(guess) for guess in lines[0]["predictions"]] == [["class", "index", "probability"]] * 3
    assert (outcome.code, outcome.err) == (2, "error: 2 of 4 images could not be read\n")


def test_predict_as_text(command: Command, run: Run, photos: Path) -> None:
    odd = photos / "[bold]é.png"
    (photos / "a.png").rename(odd)
    outcome = command("predict", run.bundle, odd, photos / "b.jpg")
    assert outcome.out.startswith(f"{odd}  ")
    assert outcome.out.count("%") == 5
    assert [line.partition(" ")[0] for line in outcome.err.splitlines()] == ["error:", "error:"]
    assert outcome.code == 2


def test_predict_reads_standard_input(command: Command, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = []
    for ink, paper in ((0, 255), (255, 0)):
        picture, encoded = Image.new("L", (64, 64), paper), io.BytesIO()
        ImageDraw.Draw(picture).ellipse((16, 8, 48, 56), outline=ink, width=7)
        picture.save(encoded, "PNG")
        encoded.seek(0)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(encoded))
        answers.append(command("predict", run.bundle, "-", "--json").json())
    assert all(answer["path"] == "-" and len(answer["predictions"]) == 5 for answer in answers)
    assert answers[0] != answers[1]


@pytest.mark.parametrize("stdin", ["empty", "closed"])
def test_predict_of_nothing(command: Command, run: Run, monkeypatch: pytest.MonkeyPatch, stdin: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()) if stdin == "empty" else None)
    outcome = command("predict", run.bundle, "-", "--json")
    assert outcome.code == 2
    assert "the file is empty" in outcome.json()["error"]


def test_predict_reads_a_pipe(command: Command, run: Run, photos: Path) -> None:
    pipe = photos / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=((photos / "a.png").read_bytes(),))
    writer.start()
    outcome = command("predict", run.bundle, pipe, "--json")
    writer.join()
    assert outcome.code == 0


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (("nope.png",), "nope.png does not exist"),
        (("",), "empty name"),
        (("/dev/null",), "neither a file nor a folder"),
        (("-", "-"), "given twice"),
        ((".",), "has no images"),
    ],
)
def test_predict_refuses_what_is_no_image(
    command: Command,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    images: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in command("predict", run.bundle, *images).mistake()


@pytest.mark.parametrize(
    ("training", "told"),
    [
        ({}, "does not say what it was trained on; give --data"),
        ({"data": 7}, "does not say what it was trained on; give --data"),
        ({"data": "digits", "seed": "x"}, "seed 'x', which is no whole number"),
    ],
)
def test_evaluate_does_not_trust_the_summary(
    command: Command, run: Run, tmp_path: Path, training: dict[str, object], told: str
) -> None:
    bundle.save(tmp_path, dataclasses.replace(bundle.load(run.bundle), training=training))
    assert told in command("evaluate", tmp_path).mistake()


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Weights of torchvision's ResNet-18 for three classes, which no bundle is around."""
    file = tmp_path / "resnet18.pth"
    cn.save_as("torchvision", cn.create("resnet18", num_classes=3), file)
    return file


def test_predict_and_evaluate_take_other_librarys_weights(command: Command, foreign: Path, tmp_path: Path) -> None:
    for name in "012":
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (40, 40), (80 * int(name), 0, 0)).save(tmp_path / "photos" / name / "a.png")
    outcome = command("predict", f"torchvision:resnet18@{foreign}", tmp_path / "photos", "--json")
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [sorted(guess["class"] for guess in line["predictions"]) for line in lines] == [["0", "1", "2"]] * 3
    assert (outcome.code, outcome.err) == (0, "")
    outcome = command("evaluate", foreign, "--data", f"folder:{tmp_path / 'photos'}", "--json")
    assert (outcome.code, outcome.json()["images"], outcome.json()["report"]) == (0, 3, None)
    assert outcome.json()["bundle"] == str(foreign)


def test_weights_that_cannot_be_had_are_a_line(command: Command, foreign: Path) -> None:
    assert "resnet55" in command("predict", "torchvision:resnet55", "a.png").mistake()
    assert "expects shape" in command("evaluate", f"timm:resnet34@{foreign}").mistake()
    assert (
        "does not say what it was trained on; give --data" in command("evaluate", f"timm:resnet18@{foreign}").mistake()
    )

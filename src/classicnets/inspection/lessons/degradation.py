"""The degradation problem: what residual learning is for (ResNet's paper, section 1 and tables 2, 3, 6)."""

from typing import Any

from classicnets import catalog
from classicnets.inspection.inspection import Inspection, inspect
from classicnets.inspection.lessons.form import Column, Lesson, LessonTable, Progress, counted, stepped, table, text
from classicnets.inspection.lessons.sources import claim, reported, source

_IMAGENET: tuple[tuple[str, dict[str, Any]], ...] = (
    ("plain18", {}),
    ("plain34", {}),
    ("resnet18", {"shortcut": "A"}),
    ("resnet34", {"shortcut": "A"}),
)
_DEPTHS = (20, 32, 44, 56, 110, 1202)


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    pairs = {name: inspect(name, **options) for name, options in stepped(_IMAGENET, progress)}
    errors = {name: _error(name) for name in pairs}
    cifar = {depth: inspect(f"resnet{depth}_cifar") for depth in _DEPTHS[:-1]}
    same = all(inspect(f"plain{depth}_cifar").parameters == found.parameters for depth, found in cifar.items())
    deep = pairs["plain34"]
    assert same, "shortcuts of option A have parameters"
    assert deep.parameters == pairs["resnet34"].parameters
    return Lesson(
        topic="degradation",
        title="Deeper and worse, deeper and better",
        question="Why is a deeper network not simply better, and what do shortcuts change about that?",
        tables=(_on_imagenet(pairs, errors), _on_cifar(cifar)),
        conclusions=(
            f"From 18 to 34 plain layers the top-1 error rises from {errors['plain18']}% to {errors['plain34']}%,"
            " though the deeper network could be the shallower one with layers that pass on what arrives.",
            f"With shortcuts of option A it falls from {errors['resnet18']}% to {errors['resnet34']}%. Plain and"
            f" residual network have the same {deep.parameters:,} parameters at 34 layers and the same {deep.macs:,}"
            " MACs: it is not size that makes the difference but what can be learnt.",
            f"On CIFAR-10 the error falls down to {_cifar_error(110)}% at 110 layers; at 1202 it is"
            f" {_cifar_error(1202)}% again, which the paper puts down to overfitting.",
        ),
        papers=(
            claim("plain34", "Of plain networks the deeper is worse"),
            claim("plain34", "no vanishing gradient"),
            claim("plain56_cifar", "Plain networks of 20 to 56 layers"),
        ),
    )


def _error(name: str) -> float:
    protocol = "10 crops, shortcut A" if name.startswith("resnet") else "10 crops"
    return reported(name, "top-1 error", protocol).value


def _cifar_error(depth: int) -> float:
    name = f"resnet{depth}_cifar"
    return catalog.paper(name).facts(name).reported[0].value


def _on_imagenet(pairs: dict[str, Inspection], errors: dict[str, float]) -> LessonTable:
    columns = (
        text("network"),
        counted("parameters"),
        counted("MACs"),
        Column("top-1 error, 10 crops", "percent"),
    )
    return table(
        f"ImageNet, shortcuts of option A; errors from {source('resnet34')}",
        columns,
        [(name, found.parameters, found.macs, errors[name]) for name, found in pairs.items()],
    )


def _on_cifar(cifar: dict[int, Inspection]) -> LessonTable:
    columns = (
        counted("layers"),
        counted("parameters, plain and residual"),
        counted("MACs"),
        Column("error, residual", "percent"),
    )
    sizes = {depth: (found.parameters, found.macs) for depth, found in cifar.items()}
    deepest = catalog.paper("resnet1202_cifar").facts("resnet1202_cifar")
    assert deepest.parameters is not None
    assert deepest.macs is not None
    sizes[_DEPTHS[-1]] = (deepest.parameters.value, deepest.macs.value)
    return table(
        "CIFAR-10; the paper prints no figures for the plain networks, only curves",
        columns,
        [(depth, *sizes[depth], _cifar_error(depth)) for depth in _DEPTHS],
    )

"""A recipe: all that decides how a network is trained, in one YAML file."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from classicnets import catalog
from classicnets.data.local import absolute
from classicnets.data.settings import Settings
from classicnets.data.transforms import Augmentation, Preprocessing
from classicnets.errors import UsageError, near
from classicnets.files import write_text
from classicnets.training.values import as_text, read_assignment, read_value

Decay = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Loss(Settings):
    """What is made small.

    Attributes:
        name: ``cross_entropy``; or LeNet-5's own: ``maximum_a_posteriori`` (equation 9), ``minimum_distance`` (8).
        label_smoothing: the share of the target spread evenly over all classes; cross-entropy only.
        rubbish: the constant j of ``maximum_a_posteriori``.
    """

    name: Literal["cross_entropy", "maximum_a_posteriori", "minimum_distance"] = "cross_entropy"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    rubbish: float = Field(default=0.1, gt=0)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.label_smoothing and self.name != "cross_entropy":
            raise ValueError(f"label_smoothing is of cross_entropy, {self.name} has none")
        return self


class Optimizer(Settings):
    """How a step is taken.

    Attributes:
        name: stochastic gradient descent with momentum, or AdamW.
        lr: the learning rate at its highest.
        momentum: of sgd.
        nesterov: whether sgd looks ahead.
        betas: of adamw.
        weight_decay: of the weights of convolutions and fully connected layers.
        decay_all: decay biases and the scales and shifts of batch normalisation too, as the papers of the time did.
    """

    name: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(default=0.1, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = False
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    weight_decay: float = Field(default=0.0, ge=0)
    decay_all: bool = False

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.name == "sgd" and self.nesterov and self.momentum == 0:
            raise ValueError("nesterov looks ahead along the momentum, which is 0")
        return self


class Schedule(Settings):
    """How the learning rate moves, as a share of the optimizer's ``lr``, over the whole run.

    Attributes:
        name: ``constant``; ``step``: times ``factor`` at each milestone; ``cosine``: down to ``final`` along a half
            cosine; ``one_cycle``: up in a straight line for the share ``rise`` of the run, then as cosine.
        warmup: the share of the run in which the rate first climbs from ``warmup_from``; not for ``one_cycle``.
        warmup_from: where it climbs from.
        milestones: shares of the run.
        factor: see ``step``.
        rise: see ``one_cycle``.
        final: where ``cosine`` and ``one_cycle`` end.
    """

    name: Literal["constant", "step", "cosine", "one_cycle"] = "cosine"
    warmup: float = Field(default=0.0, ge=0, lt=1)
    warmup_from: float = Field(default=0.0, ge=0, le=1)
    milestones: tuple[Share, ...] = (0.5, 0.75)
    factor: float = Field(default=0.1, gt=0, le=1)
    rise: float = Field(default=0.3, gt=0, lt=1)
    final: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.name == "one_cycle" and self.warmup > 0:
            raise ValueError("one_cycle climbs for the share rise of the run; warmup is for the other schedules")
        return self


class Recipe(Settings):
    """All that decides how a network is trained; ``recipe.yaml`` in a run folder is one, complete.

    Attributes:
        network: its name in the catalog.
        options: of the network, beyond its defaults.
        in_channels: of the images; None stands for the paper's.
        num_classes: None stands for the data's; another number than the data's is a mistake.
        data: a data set's name, or ``folder:PATH``.
        seed: decides the first weights, the order of the images and every random choice.
        epochs: passes through the training images.
        batch_size: images a step.
        preprocessing: how an image becomes the input; None is filled in from the network and the data.
        augmentation: what training adds.
        clip_norm: the largest norm of the gradient; None does not clip.
        average: the decay a step of a moving average of the weights, which is then what is tested and kept; None
            keeps the weights themselves.
        precision: ``auto`` takes bf16 autocast where the processor multiplies it natively, else fp32.
        keep: the weights of the ``last`` epoch, or of the one with the smallest test error (``best``). The error of
            the best is a biased one: it was chosen on the images it is measured on.
        checkpoint_steps: write a checkpoint every so many steps; None does at each epoch's end and twice a minute.
        workers: processes that read image files; None stands for the number of cores.
    """

    network: str
    options: dict[str, Any] = Field(default={})
    in_channels: int | None = Field(default=None, gt=0)
    num_classes: int | None = Field(default=None, gt=0)
    data: str
    seed: int = Field(default=0, ge=0, lt=2**32)
    epochs: int = Field(default=10, gt=0)
    batch_size: int = Field(default=128, gt=0)
    preprocessing: Preprocessing | None = None
    augmentation: Augmentation = Augmentation()
    loss: Loss = Loss()
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    clip_norm: float | None = Field(default=None, gt=0)
    average: float | None = Field(default=None, gt=0, lt=1)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    keep: Literal["last", "best"] = "last"
    checkpoint_steps: int | None = Field(default=None, gt=0)
    workers: int | None = Field(default=None, ge=0)

    @field_validator("data")
    @classmethod
    def _anywhere(cls, data: str) -> str:
        return absolute(data)

    @field_validator("loss")
    @classmethod
    def _goes_with_mixing(cls, loss: Loss, info: ValidationInfo) -> Loss:
        augmentation = info.data.get("augmentation")
        if augmentation is not None and augmentation.mix is not None and loss.name != "cross_entropy":
            raise ValueError(
                f"augmentation.mix gives an image two classes, which {loss.name} cannot take; "
                "take cross_entropy, or leave mix out"
            )
        return loss

    @field_validator("options")
    @classmethod
    def _are_no_fields(cls, options: dict[str, Any]) -> dict[str, Any]:
        for name in ("num_classes", "in_channels"):
            if name in options:
                raise ValueError(f"{name} is a field of the recipe itself; write it outside of options")
        return options


def default_recipe(network: str, data: str) -> dict[str, Any]:
    """The fields that the package's own recipe sets for a network on a data set.

    The recipe of the network's family for that data set, else the family's ``default``, else the one for all.

    Raises:
        UsageError: no such network.
    """
    recipes = resources.files(__package__) / "recipes"
    family = recipes / catalog.find(network).family
    files = (family / f"{data.split(':')[0]}.yaml", family / "default.yaml", recipes / "default.yaml")
    file = next(file for file in files if file.is_file())
    return _mapping(file.read_text(encoding="utf-8"), str(file))


def read_fields(path: Path) -> dict[str, Any]:
    """The fields of a recipe file, which need not be complete.

    Raises:
        UsageError: not readable, or not YAML with fields.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read the recipe {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the recipe {path} is not text") from error
    return _mapping(text, f"the recipe {path}")


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of both, where both have one those of ``above``; sections field by field."""
    merged = dict(below)
    for field, value in above.items():
        under = merged.get(field)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[field] = merge(under, value) if both else value  # type: ignore[arg-type]  # known to be a mapping
    return merged


def override(fields: dict[str, Any], assignment: str) -> None:
    """Set one field from ``a.b=value``, the value read as YAML.

    Raises:
        UsageError: no such field, or no value.
    """
    key, value = read_assignment(assignment, like="optimizer.lr=0.05")
    _must_exist(key)
    *sections, last = key.split(".")
    inner = fields
    for section in sections:
        if inner.get(section) is None:  # not there yet, or a section that may be left out and was
            inner[section] = {}
        inner = inner[section]
        if not isinstance(inner, dict):
            raise UsageError(f"--set {assignment}: {section} was given as {inner!r}, which has no fields")
    inner[last] = value


def complete(fields: dict[str, Any], *, source: str = "the recipe") -> Recipe:
    """The recipe with those fields.

    Raises:
        UsageError: a field is unknown or its value is not allowed; the message names it.
    """
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            _must_exist(field, source=source)
        if first["type"] in ("model_type", "dict_type"):
            reason = "should be a mapping of fields"
        else:
            reason = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
        # A whole section would make a long line, and the reason names the field in it.
        known = first["type"] != "missing" and not isinstance(first["input"], dict)
        given = f" (given: {first['input']!r})" if known else ""
        raise UsageError(f"{source}: {field}: {reason}{given}") from error


def write(path: Path, recipe: Recipe) -> None:
    """Write the recipe, complete, whole or not at all."""
    write_text(path, as_yaml(recipe))


def as_yaml(recipe: Recipe) -> str:
    """The recipe as YAML, fields in their order."""
    return as_text(recipe.model_dump(mode="json"))


def _must_exist(key: str, *, source: str = "--set") -> None:
    model: type[BaseModel] = Recipe
    path: list[str] = []
    for part in key.split("."):
        if path and path[0] == "options":
            return  # whatever the network takes; it checks them itself
        if not model.model_fields:
            raise UsageError(f"{source}: no field {key!r}: {'.'.join(path)} is a single value")
        if part not in model.model_fields:
            where = f" (in {'.'.join(path)})" if path else ""
            raise UsageError(f"{source}: no field {key!r}{near(part, model.model_fields)}{where}")
        path.append(part)
        model = next(iter(_sections(model, part)), BaseModel)


def _sections(model: type[BaseModel], field: str) -> list[type[BaseModel]]:
    annotation = model.model_fields[field].annotation
    candidates = getattr(annotation, "__args__", (annotation,))
    return [kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _mapping(text: str, where: str) -> dict[str, Any]:
    content = read_value(text, where=where)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{where} holds no fields: a recipe is a YAML mapping such as 'epochs: 10'")
    return content

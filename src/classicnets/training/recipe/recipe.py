"""A recipe: all that decides how a network is trained, in one YAML file."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from classicnets.data.local import absolute
from classicnets.data.settings import Settings
from classicnets.data.transforms import Augmentation, Preprocessing
from classicnets.training.recipe.sections import Loss, Optimizer, Schedule
from classicnets.training.recipe.transfer import Transfer


class Recipe(Settings):
    """All that decides how a network is trained; ``recipe.yaml`` in a run folder is one, complete.

    Attributes:
        network: its name in the catalog.
        options: of the network, beyond its defaults.
        in_channels: of the images; None stands for the paper's.
        num_classes: None stands for the data's; another number than the data's is a mistake.
        data: a data set's name, or ``folder:PATH``.
        transfer: weights to begin with, of which the network, its options and the preprocessing are taken where the
            recipe leaves them open; None stands for first weights.
        seed: decides the first weights, the order of the images and every random choice.
        epochs: passes through the training images; 10 where neither they nor ``steps`` are given.
        steps: after which the run ends, in the midst of an epoch if it comes to that. Where ``epochs`` are given too
            it ends at what comes first.
        batch_size: images a step.
        preprocessing: how an image becomes the input; None is filled in from the network and the data.
        pixels: what is filled in: pixels ``normalised`` by mean and deviation; ``centred``: from 0 to 255, less the
            mean of each channel; or less the training set's ``mean_image``. So the papers had them until 2015, and
            so their first weights want them.
        augmentation: what training adds.
        clip_norm: the largest norm of the gradient; None does not clip.
        filter_limit: the largest root mean square of the weights of a convolution's filter, which is scaled back to
            it after a step (ZFNet, section 3.1: 0.1); None has no limit.
        average: the decay a step of a moving average of the weights, which is then what is tested and kept; None
            keeps the weights themselves.
        accumulate: pieces that a batch is taken in, one after the other, to fit into memory; a step is taken at the
            end. Batch normalisation counts the images of a piece.
        sync_batch_norm: whether batch normalisation counts the images of all processes that share a piece, so that
            the result does not depend on their number, or each those of its own, as papers on several GPUs did.
        recompute: what training runs again in its backward pass so that it holds less memory, with the same result:
            ``none``; ``auto``, rows chosen so that it holds the least; a size ("4GB"), so few that it holds no more; or
            rows ("conv2_x,conv3_x") that segments of rows run again end with.
        precision: ``auto`` takes bf16 autocast where the processor multiplies it natively, else fp32.
        keep: the weights of the ``last`` epoch, or of the one with the smallest test error (``best``). The error of
            the best is a biased one: it was chosen on the images it is measured on.
        checkpoint_steps: write a checkpoint every so many steps; None does at each epoch's end and twice a minute.
        workers: processes that read image files; None stands for the number of cores.
        unreadable: whether an image that cannot be read is to ``stop`` the run, or to be counted, listed in
            ``unreadable.jsonl`` and passed over (``skip``): its batch is then smaller.
    """

    network: str
    options: dict[str, Any] = Field(default={})
    in_channels: int | None = Field(default=None, gt=0)
    num_classes: int | None = Field(default=None, gt=0)
    data: str
    transfer: Transfer | None = None
    seed: int = Field(default=0, ge=0, lt=2**32)
    epochs: int | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, gt=0)
    batch_size: int = Field(default=128, gt=0)
    preprocessing: Preprocessing | None = None
    pixels: Literal["normalised", "centred", "mean_image"] = "normalised"
    augmentation: Augmentation = Augmentation()
    loss: Loss = Loss()
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    clip_norm: float | None = Field(default=None, gt=0)
    filter_limit: float | None = Field(default=None, gt=0)
    average: float | None = Field(default=None, gt=0, lt=1)
    accumulate: int = Field(default=1, gt=0)
    sync_batch_norm: bool = True
    recompute: str = "none"
    precision: Literal["auto", "bf16", "fp32", "fp64"] = "auto"
    keep: Literal["last", "best"] = "last"
    checkpoint_steps: int | None = Field(default=None, gt=0)
    workers: int | None = Field(default=None, ge=0)
    unreadable: Literal["stop", "skip"] = "stop"

    @model_validator(mode="before")
    @classmethod
    def _has_an_end(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("epochs") is None and fields.get("steps") is None:
            return fields | {"epochs": 10}
        return fields

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

"""Weights for other libraries: a file that loads into their network."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from classicnets.errors import UsageError
from classicnets.files import write_whole
from classicnets.networks.chain import Chain
from classicnets.weights.exchange import export_state

State = Mapping[str, torch.Tensor]


def save_as(source: str, network: Chain, file: str | Path) -> None:
    """Write the weights of ``network`` as ``load_state_dict`` of another library's network takes them.

    Auxiliary heads stay behind where the other library's network has none unless asked for: in timm.

    Args:
        source: ``torchvision`` or ``timm``; ``timm:NAME`` where several networks there are this one.
        network: for any number of classes and channels.
        file: ends in ``.pth`` or ``.pt``, for ``torch.load``, or in ``.safetensors``. It is written whole or not at
            all.

    Raises:
        UsageError: the library has no such network, the file is called otherwise, or it cannot be written.
    """
    path = Path(file)
    write = _WRITERS.get(path.suffix)
    if write is None:
        raise UsageError(f"{path} must end in {' or '.join(_WRITERS)}")
    state = {name: _alone(tensor) for name, tensor in export_state(source, network).items()}
    write_whole(path, lambda beside: write(state, beside))


def _alone(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor with nothing beside it in memory, which would be written too."""
    plain = tensor.detach().cpu().contiguous()
    return plain if plain.untyped_storage().nbytes() == plain.nbytes else plain.clone()


def _write_pickle(state: State, path: Path) -> None:
    try:
        torch.save(dict(state), path)
    except RuntimeError as error:  # what torch makes of a full disk
        raise OSError(str(error).partition("\n")[0]) from error


def _write_safetensors(state: State, path: Path) -> None:
    try:
        save_file(dict(state), path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(str(error)) from error


_WRITERS: Mapping[str, Callable[[State, Path], None]] = {
    ".pth": _write_pickle,
    ".pt": _write_pickle,
    ".safetensors": _write_safetensors,
}

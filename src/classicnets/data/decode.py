"""Image files and their bytes, decoded to upright uint8 pixels."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
import simplejpeg
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from classicnets.errors import UsageError

Pixels = npt.NDArray[np.uint8]
Result = TypeVar("Result")

_JPEG_START = b"\xff\xd8\xff"
_MARKER, _START_OF_SCAN = 0xFF, 0xDA  # ITU-T T.81, table B.1
_WHITE_16 = 0xFFFF
# What Pillow's readers raise on broken files, besides the errors of `_RefusedError`.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error, zlib.error)


class UnreadableImage(UsageError):
    """An image that cannot be used; as text, one line with its name and the reason.

    Attributes:
        name: the file's path, or what else the image is called.
        reason: what is wrong with it.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)  # both, so that the error survives the way out of a worker process
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot read the image {self.name}: {self.reason}"


def decode(path: Path, *, channels: Literal[1, 3]) -> torch.Tensor:
    """The pixels of an image file: uint8, (height, width, channels); see `decode_bytes`.

    Raises:
        UnreadableImage: the file cannot be opened, or its content is refused by `decode_bytes`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(str(path), (error.strerror or str(error)).lower()) from error
    return decode_bytes(data, name=str(path), channels=channels)


def decode_bytes(data: bytes, *, name: str, channels: Literal[1, 3]) -> torch.Tensor:
    """The pixels of an encoded image.

    JPEGs in grey or colour go through simplejpeg, everything else through Pillow; both give the same pixels to a few
    levels. What a viewer does is done here too: an EXIF orientation is applied, transparent pixels lie on white, 16-bit
    grey is scaled to 8 bits, CMYK, palettes and bitmaps become colour or grey; of an animation the first image counts.

    Args:
        data: the content of an image file.
        name: what to call the image in errors.
        channels: 1 for grey (ITU-R BT.601 luma), 3 for red, green and blue.

    Returns:
        uint8, (height, width, channels).

    Raises:
        UnreadableImage: no image, a broken or truncated one, more pixels than Pillow's ``Image.MAX_IMAGE_PIXELS``, or
            pixels without a defined white (floating point, 32 bits).
    """
    try:
        pixels = _jpeg_pixels(data, channels) if data.startswith(_JPEG_START) else _pillow_pixels(data, channels)
    except _RefusedError as refused:
        raise UnreadableImage(name, str(refused)) from refused
    return torch.from_numpy(pixels)


class _RefusedError(Exception):
    """Why an image is refused, before its name is known."""


def _jpeg_pixels(data: bytes, channels: int) -> Pixels:
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return _pillow_pixels(data, channels)  # unusual subsampling, which Pillow reads, or broken, which it tells
    _refuse_bomb(height * width)
    wanted = "CMYK" if colours in ("CMYK", "YCCK") else "GRAY" if channels == 1 else "RGB"
    try:
        # Strict: whatever libjpeg warns of is damage that shows. Pillow would pass over it in silence.
        pixels: Pixels = simplejpeg.decode_jpeg(data, colorspace=wanted, strict=True)
    except ValueError as error:
        raise _RefusedError(f"broken JPEG ({str(error).lower()})") from error
    if wanted == "CMYK":
        return _pillow_pixels(data, channels)  # it knows that Adobe stores the inks inverted
    return np.ascontiguousarray(_UPRIGHT.get(_jpeg_orientation(data), _as_it_is)(pixels))


def _jpeg_orientation(data: bytes) -> int:
    header = data[: _header_length(data)]
    if b"Exif\0\0" not in header and b"tiff:Orientation" not in header:
        return 1  # the common case, told without reading the metadata
    orientation = _with_pillow(data, lambda image: image.getexif().get(ExifTags.Base.Orientation, 1))
    return orientation if isinstance(orientation, int) else 1


def _header_length(data: bytes) -> int:
    """Bytes before a JPEG's image data: hundreds, where searching all of the file would take as long as a resize."""
    at = 2
    while at + 4 <= len(data) and data[at] == _MARKER and data[at + 1] != _START_OF_SCAN:
        # A marker may be preceded by any number of fill bytes of its own first value.
        at += 1 if data[at + 1] == _MARKER else 2 + int.from_bytes(data[at + 2 : at + 4])
    return at


def _as_it_is(pixels: Pixels) -> Pixels:
    return pixels


# What brings pixels upright, by the EXIF orientation they were stored in; 1 is upright.
_UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels, 1),
}


def _pillow_pixels(data: bytes, channels: int) -> Pixels:
    return _with_pillow(data, lambda image: _plain(image, "L" if channels == 1 else "RGB"))


def _with_pillow(data: bytes, use: Callable[[Image.Image], Result]) -> Result:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on odd metadata, which nobody asked for
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                return use(image)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _RefusedError(_too_large()) from error
    except UnidentifiedImageError as error:
        raise _RefusedError(
            "the file is empty" if not data else "not an image, or broken from its first bytes on"
        ) from error
    except _BROKEN as error:
        raise _RefusedError(f"broken image ({' '.join(str(error).lower().split())})") from error


def _plain(image: Image.Image, mode: Literal["L", "RGB"]) -> Pixels:
    """The pixels of any image in 8-bit grey or colour, (height, width, 1 or 3)."""
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = _to_8_bits(image)
    elif image.mode == "F":
        raise _RefusedError(
            "its pixels are floating-point numbers, which have no defined white; save it with 8 or 16 bits"
        )
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    pixels = np.array(image.convert(mode), dtype=np.uint8)
    return pixels[..., None] if mode == "L" else pixels


def _to_8_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > _WHITE_16:
        raise _RefusedError("its pixels have 32 bits, which have no defined white; save it with 8 or 16 bits")
    return Image.fromarray(((values * 255 + _WHITE_16 // 2) // _WHITE_16).astype(np.uint8))


def _refuse_bomb(pixels: int) -> None:
    limit = Image.MAX_IMAGE_PIXELS  # None where somebody has lifted the limit on purpose
    if limit is not None and pixels > limit:
        raise _RefusedError(_too_large())


def _too_large() -> str:
    return f"it decodes to more than {Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller first"

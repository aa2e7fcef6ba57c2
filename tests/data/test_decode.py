"""Every kind of image file a folder may hold, good, odd and bad, each made for real."""

import io
import pickle
import struct
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import simplejpeg
import torch
from PIL import Image, ImageOps

from classicnets.data.decode import UnreadableImage, decode, decode_bytes
from classicnets.errors import UsageError

PHOTOGRAPH = Path(str(files("sklearn") / "datasets" / "images" / "china.jpg"))


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    with Image.open(PHOTOGRAPH) as image:
        return image.resize((123, 85))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(data: bytes, channels: Literal[1, 3] = 3) -> npt.NDArray[np.uint8]:
    pixels = decode_bytes(data, name="it", channels=channels)
    assert pixels.dtype == torch.uint8
    assert pixels.is_contiguous()
    assert pixels.shape[-1] == channels
    result: npt.NDArray[np.uint8] = pixels.numpy()
    return result


def difference(one: npt.NDArray[np.uint8], other: Any) -> int:
    return int(np.abs(one.astype(int) - np.asarray(other, dtype=int)).max())


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}, {"keep_rgb": True}, {"quality": 20}],
    ids=str,
)
def test_a_jpeg_has_pillows_pixels(photograph: Image.Image, options: dict[str, Any]) -> None:
    data = encoded(photograph, "JPEG", **options)
    with Image.open(io.BytesIO(data)) as image:
        assert difference(decoded(data), image.convert("RGB")) <= 1
        grey = decoded(data, 1)[..., 0]
        assert np.abs(grey.astype(int) - np.asarray(image.convert("L"))).mean() < 1


def test_a_common_jpeg_does_not_go_through_pillow(photograph: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(photograph, "JPEG")
    monkeypatch.setattr(Image, "open", None)
    assert decoded(data).shape == (85, 123, 3)


def test_a_grey_jpeg_serves_both_channel_counts(photograph: Image.Image) -> None:
    data = encoded(photograph.convert("L"), "JPEG")
    assert np.array_equal(decoded(data), decoded(data, 1).repeat(3, axis=-1))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3])
def test_a_rotated_jpeg_stands_upright(photograph: Image.Image, orientation: int, channels: Literal[1, 3]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photograph, "JPEG", exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
    got = decoded(data, channels)
    assert got.shape[:2] == (upright.height, upright.width)
    assert np.abs(got.squeeze().astype(int) - np.asarray(upright)).mean() < 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_other_formats_stand_upright_too(photograph: Image.Image, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"lossless": True} if kind == "WEBP" else {}
    assert (
        difference(decoded(encoded(photograph, kind, exif=exif, **options)), photograph.rotate(-90, expand=True)) == 0
    )


def test_an_orientation_in_xmp_counts(photograph: Image.Image) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
    upright = decoded(encoded(photograph, "JPEG"))[::-1, ::-1]
    assert np.array_equal(decoded(encoded(photograph, "JPEG", xmp=xmp)), upright)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_give_their_pixels(photograph: Image.Image, kind: str) -> None:
    assert difference(decoded(encoded(photograph, kind)), photograph) == 0


def test_cmyk_has_its_colours(photograph: Image.Image) -> None:
    inks = photograph.convert("CMYK")
    assert difference(decoded(encoded(inks, "TIFF")), photograph) <= 1
    data = encoded(inks, "JPEG", quality=95)
    assert simplejpeg.decode_jpeg_header(data)[2] == "CMYK"
    assert np.abs(decoded(data).astype(int) - np.asarray(photograph)).mean() < 4


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    values = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    data = encoded(Image.fromarray(values), kind)
    expected = np.rint(values / 257)
    assert difference(decoded(data, 1)[..., 0], expected) == 0
    assert difference(decoded(data)[..., 2], expected) == 0


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palette_becomes_its_colours(photograph: Image.Image, kind: str) -> None:
    image = photograph.quantize(32)
    assert difference(decoded(encoded(image, kind)), image.convert("RGB")) == 0


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "BMP"])
def test_a_bitmap_is_black_and_white(photograph: Image.Image, kind: str) -> None:
    bitmap = photograph.convert("1")
    assert difference(decoded(encoded(bitmap, kind), 1)[..., 0], np.asarray(bitmap) * 255) == 0


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_lie_on_white(mode: str) -> None:
    alpha = Image.linear_gradient("L")
    image = Image.new("L", (256, 256), 100).convert(mode)
    image.putalpha(alpha)
    share = np.asarray(alpha) / 255
    for channels in (1, 3):
        got = decoded(encoded(image, "PNG"), channels)
        assert difference(got[..., 0], np.rint(100 * share + 255 * (1 - share))) <= 1


def test_a_transparent_palette_colour_is_white() -> None:
    image = Image.new("P", (4, 2))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 1)
    got = decoded(encoded(image, "GIF", transparency=0))
    assert got[0, 0].tolist() == [0, 0, 255]
    assert got[1, 3].tolist() == [255, 255, 255]


def test_the_first_image_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (decoded(data) == [255, 0, 0]).all()


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        decode_bytes(data, name="photos/cat.jpg", channels=3)
    message = str(caught.value)
    assert message.startswith("cannot read the image photos/cat.jpg: ")
    assert "\n" not in message
    return caught.value.reason


def damaged_jpeg(image: Image.Image, **options: Any) -> bytes:
    data = bytearray(encoded(image, "JPEG", **options))
    middle = len(data) // 2
    data[middle : middle + 16] = b"\xff\xd9" * 8
    return bytes(data)


def with_exif(image: Image.Image) -> dict[str, Image.Exif]:
    exif = image.getexif()
    exif[0x0112] = 6
    return {"exif": exif}


@pytest.mark.parametrize("share", [0.002, 0.05, 0.5, 0.999])
def test_a_truncated_jpeg_is_refused(photograph: Image.Image, share: float) -> None:
    data = encoded(photograph, "JPEG")
    assert "broken" in refusal(data[: max(3, int(len(data) * share))])


def test_a_damaged_jpeg_is_refused_even_where_pillow_would_read_it(photograph: Image.Image) -> None:
    for data in (
        damaged_jpeg(photograph),
        damaged_jpeg(photograph, **with_exif(photograph)),
        damaged_jpeg(photograph.convert("CMYK")),
    ):
        assert "broken JPEG" in refusal(data)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP", "WEBP", "PPM"])
def test_a_truncated_file_of_another_kind_is_refused(photograph: Image.Image, kind: str) -> None:
    data = encoded(photograph, kind)
    assert "broken" in refusal(data[: len(data) // 2])


def test_a_damaged_png_is_refused(photograph: Image.Image) -> None:
    data = bytearray(encoded(photograph, "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert "broken" in refusal(bytes(data))


def test_text_is_refused() -> None:
    assert "not an image" in refusal(b"this is a shopping list\n" * 20)


def test_an_empty_file_is_refused() -> None:
    assert refusal(b"") == "the file is empty"


def test_pixels_without_a_defined_white_are_refused() -> None:
    fractions = Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8))
    assert "floating-point" in refusal(encoded(fractions, "TIFF"))
    wide = Image.fromarray(np.full((8, 8), 1 << 20, dtype=np.int32))
    assert "32 bits" in refusal(encoded(wide, "TIFF"))


def jpeg_bomb(side: int) -> bytes:
    """A JPEG whose header promises ``side`` by ``side`` pixels."""
    data = bytearray(encoded(Image.new("RGB", (16, 16)), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return bytes(data)


def png_bomb(side: int) -> bytes:
    """A PNG whose header promises ``side`` by ``side`` pixels."""
    data = bytearray(encoded(Image.new("RGB", (16, 16)), "PNG"))
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize("side", [10_000, 60_000], ids=["where Pillow warns", "where Pillow refuses"])
@pytest.mark.parametrize("bomb", [jpeg_bomb, png_bomb])
def test_a_decompression_bomb_is_refused_by_its_header(bomb: Any, side: int) -> None:
    assert "89,478,485 pixels" in refusal(bomb(side))


def test_a_lifted_limit_is_respected(photograph: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg, png = encoded(photograph, "JPEG"), encoded(photograph, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for data in (jpeg, png):
        assert "1,000 pixels" in refusal(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    for data in (jpeg, png):
        assert decoded(data).shape == (85, 123, 3)


def test_a_file_is_read_by_its_content_and_not_by_its_name(photograph: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "really a png.jpg"
    path.write_bytes(encoded(photograph, "PNG"))
    assert difference(decode(path, channels=3).numpy(), photograph) == 0


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "gone.jpg", "no such file"), (tmp_path, "directory")):
        with pytest.raises(UnreadableImage, match=reason) as caught:
            decode(path, channels=3)
        assert str(path) in str(caught.value)


def test_the_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(UnreadableImage("a.jpg", "the file is empty")))
    assert isinstance(error, UsageError)
    assert str(error) == "cannot read the image a.jpg: the file is empty"

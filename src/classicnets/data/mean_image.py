"""The mean image of a training set as a value that can stand in any file."""

import base64
import zlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

_STEPS = 1 << 16

Values = npt.NDArray[np.float32]


class MeanImage(BaseModel):
    """The mean of each pixel over many images, as text so that it can stand in any file.

    Attributes:
        shape: height, width and channels.
        values: float32 in little-endian order, compressed by zlib, in base64; pixels count from 0 to 1, and the
            channels are in the network's order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, int, int]
    values: str = Field(repr=False)

    @model_validator(mode="after")
    def _whole(self) -> "MeanImage":
        try:
            whole = _unpacked(self.values).size == np.prod(self.shape)
        except (ValueError, zlib.error) as error:
            raise ValueError("values should be float32, compressed by zlib, in base64") from error
        if not whole or min(self.shape) < 1:
            raise ValueError(f"values should be {' x '.join(map(str, self.shape))} numbers")
        return self

    @classmethod
    def of(cls, array: npt.NDArray[np.floating]) -> "MeanImage":
        """That of an array, (height, width, channels), to 16 bits behind the point.

        That is far finer than images are to begin with, and halves what the text takes.
        """
        height, width, channels = array.shape
        rounded = np.rint(np.asarray(array, dtype=np.float64) * _STEPS) / _STEPS
        packed = zlib.compress(np.ascontiguousarray(rounded, dtype="<f4").tobytes(), 6)
        return cls(shape=(height, width, channels), values=base64.b64encode(packed).decode())

    @property
    def array(self) -> Values:
        """float32, (height, width, channels)."""
        return _unpacked(self.values).reshape(self.shape)

    def grey(self) -> "MeanImage":
        """The same in one channel, the mean of all."""
        return MeanImage.of(self.array.mean(axis=2, keepdims=True))


@lru_cache(maxsize=8)
def _unpacked(values: str) -> Values:
    return np.frombuffer(zlib.decompress(base64.b64decode(values, validate=True)), dtype="<f4").astype(np.float32)

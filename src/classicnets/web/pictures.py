"""Pictures within a page."""

import base64
import io

from PIL import Image


def as_source(picture: Image.Image) -> str:
    """The picture as what an ``img`` element shows, without a file beside the page."""
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")

"""Released weights, fetched once from where their library keeps them."""

import http.client
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from classicnets.data.local import is_there
from classicnets.data.transfer import HomeFailedError
from classicnets.data.transfer import fetch as transfer
from classicnets.errors import UsageError
from classicnets.weights.sources import Model, Release

Progress = Callable[[int], None]
"""Called with the number of bytes of a file that are here."""

_STATED = "X-Linked-ETag"  # the header in which the hub states the SHA-256 of a large file, before it redirects to it
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HOPS = 5


def default_weights_dir() -> Path:
    """The folder of fetched weights: what CLASSICNETS_WEIGHTS names, else one in the user's cache folder."""
    named = os.environ.get("CLASSICNETS_WEIGHTS")
    return Path(named) if named else user_cache_path("classicnets") / "weights"


def get_weights(
    source: str,
    model: Model,
    release: Release,
    *,
    weights_dir: Path | None = None,
    progress: Progress = lambda received: None,
    timeout: float = 30,
) -> Path:
    """The file of a release, from the folder of fetched weights or else from its home.

    A file from its home is believed only if its SHA-256 is right: that of its name for most, the one that the home
    states for those on the Hugging Face hub. A transfer that breaks off leaves a ``.part`` file, from which the next
    call goes on. A file that lies in the folder is taken as it is.

    Args:
        source: the library's name.
        model: the network there.
        release: which weights.
        weights_dir: where files lie, if not in `default_weights_dir`.
        progress: see `Progress`.
        timeout: seconds that the home may stay silent.

    Raises:
        UsageError: the home cannot be reached or delivers something else, or the folder cannot be written; one line
            says which, and what else can be done.
    """
    name = Path(urllib.parse.urlparse(release.url).path).name
    file = (weights_dir or default_weights_dir()) / source / f"{model.name}.{release.name}" / name
    if is_there(file):
        return file
    part = file.with_name(f"{name}.part")
    try:
        expected = release.sha256 or stated_sha256(release.url, timeout=timeout)
        transfer(release.url, part, expected, report=progress, timeout=timeout)
        part.replace(file)
    except HomeFailedError as error:
        reference = f"{source}:{model.name}.{release.name}"
        raise UsageError(
            f"cannot get {reference} from {release.url}: {error}; check the network, or name a file that you have:"
            f" {reference}@FILE"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}") from error
    return file


def stated_sha256(url: str, *, timeout: float) -> str:
    """The SHA-256 that the Hugging Face hub states of a file.

    Raises:
        HomeFailedError: it cannot be reached, or states none.
    """
    for _ in range(_HOPS):
        status, headers = _head(url, timeout)
        stated = str(headers.get(_STATED, "")).strip('"')
        if _SHA256.fullmatch(stated):
            return stated
        beyond = urllib.parse.urljoin(url, str(headers.get("Location", "")))
        # A repository that was renamed is elsewhere on the hub; other redirects lead to where files are stored.
        if status not in (301, 302, 303, 307, 308) or _host(beyond) != _host(url) or beyond == url:
            break
        url = beyond
    raise HomeFailedError(f"it states no SHA-256 (no header {_STATED})")


def _head(url: str, timeout: float) -> tuple[int, Any]:
    """Status and headers of the answer about a file, redirects not followed."""
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "classicnets"})
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=timeout) as response:
            return response.status, response.headers
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= http.client.BAD_REQUEST:
            raise HomeFailedError(f"HTTP {error.code} {error.reason}") from error
        return error.code, error.headers
    except urllib.error.URLError as error:
        raise HomeFailedError(str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise HomeFailedError(str(error) or type(error).__name__) from error


class _Stay(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to the caller."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _host(url: str) -> str:
    return urllib.parse.urlparse(url).netloc

"""One file over HTTP(S): taken up again where it broke off, and believed only when its sum agrees."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from classicnets.data.local import sha256
from classicnets.errors import UsageError

_ATTEMPTS = 5  # connections in one call, each going on where the one before broke off
_BLOCK = 1 << 18


class HomeFailedError(Exception):
    """An address did not deliver the file; the message is the reason, short enough to stand in a list of several."""


class NotThereError(HomeFailedError):
    """The server says that there is no such file."""


class _BrokenOffError(Exception):
    """The connection ended before the file did."""


def fetch(url: str, part: Path, expected: str, *, report: Callable[[int], None], timeout: float) -> None:
    """Fill the file ``part`` with what ``url`` holds, going on from what it has already.

    Args:
        url: an http or https address.
        part: where the bytes go; kept when the transfer breaks off, for the next call.
        expected: SHA-256 that the whole must have, or its first digits where no more is known.
        report: called with the number of bytes in ``part`` as it grows.
        timeout: seconds that the other side may stay silent.

    Raises:
        HomeFailedError: the address cannot be reached, refuses, breaks off again and again, or holds something else;
            in the last case ``part`` is deleted.
        UsageError: ``part`` cannot be written.
    """
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        if part.exists() and sha256(part).startswith(expected):
            return
        receive(url, part, report=report, timeout=timeout)
        found = sha256(part)
        if not found.startswith(expected):
            part.unlink()
            raise HomeFailedError(f"SHA-256 should be {expected}, is {found}; what came is deleted")
    except OSError as error:
        raise UsageError(f"cannot write {part}: {error.strerror or error}") from error


def receive(url: str, part: Path, *, report: Callable[[int], None], timeout: float) -> None:
    """Fill the file ``part`` as `fetch` does, where nobody knows the sum.

    Raises:
        HomeFailedError: as for `fetch`; a `NotThereError` where the server has no such file.
        OSError: ``part`` cannot be written.
    """
    for _ in range(_ATTEMPTS):
        try:
            _receive(url, part, report, timeout)
        except _BrokenOffError:
            continue
        return
    raise HomeFailedError(f"broke off {_ATTEMPTS} times; run this again to go on")


def _receive(url: str, part: Path, report: Callable[[int], None], timeout: float) -> None:
    """One connection: append to ``part`` what is missing, or begin anew where the server cannot go on."""
    have = part.stat().st_size if part.exists() else 0
    with _open(url, have, timeout) as response:
        if _cannot_go_on(response, have):
            part.unlink(missing_ok=True)
            raise _BrokenOffError
        if response.status != http.client.PARTIAL_CONTENT:  # the server ignores ranges: this is the whole file
            have = 0
        whole = None if response.length is None else have + response.length
        with part.open("ab" if have else "wb") as file:
            while block := _read(response):
                file.write(block)
                have += len(block)
                report(have)
    # The end of a connection looks like the end of the file: only the promised length tells them apart.
    if whole is not None and have < whole:
        raise _BrokenOffError


def _open(url: str, have: int, timeout: float) -> Any:
    headers = {"User-Agent": "classicnets", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return error  # an answer too: there is nothing beyond what we have
        error.close()
        kind = NotThereError if error.code in (http.client.NOT_FOUND, http.client.GONE) else HomeFailedError
        raise kind(f"HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise HomeFailedError(str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise HomeFailedError(str(error) or type(error).__name__) from error


def _cannot_go_on(response: Any, have: int) -> bool:
    if response.status == http.client.PARTIAL_CONTENT:
        return not str(response.headers.get("Content-Range", "")).startswith(f"bytes {have}-")
    return bool(response.status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE)


def _read(response: Any) -> bytes:
    try:
        block: bytes = response.read(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError from error
    return block

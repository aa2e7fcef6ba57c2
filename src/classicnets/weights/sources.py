"""What is known of another library's weights: its networks, their names there, and the files it publishes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError, near
from classicnets.weights.name_map import NameMap


@dataclass(frozen=True, kw_only=True)
class Release:
    """One file of trained weights, for the 1000 classes of ImageNet.

    Attributes:
        name: as the library names it ("IMAGENET1K_V1", "tf_in1k").
        url: where the file lies.
        sha256: its SHA-256, or as many of the first digits as the library states; None where only the home states it.
        preprocessing: how an image becomes the input that these weights expect.
    """

    name: str
    url: str
    sha256: str | None = None
    preprocessing: Preprocessing


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network of the other library that is a network of this one.

    Attributes:
        name: there.
        network: here.
        options: of the network here.
        names: its modules here and there.
        preprocessing: what weights of unknown origin are taken to expect.
        has_aux: whether a network made there without options has the auxiliary heads of ours.
        releases: the first is taken where none is asked for.
    """

    name: str
    network: str
    options: Mapping[str, Any] = field(default_factory=dict)
    names: NameMap
    preprocessing: Preprocessing
    has_aux: bool = False
    releases: tuple[Release, ...] = ()

    def prepares(self, release: str | None, *, source: str) -> Preprocessing:
        """How images are prepared for the weights of that name, None for weights of unknown origin."""
        return self.preprocessing if release is None else self.release(release, source=source).preprocessing

    def release(self, name: str | None, *, source: str) -> Release:
        """The release of that name, the first for None.

        Raises:
            UsageError: there is none.
        """
        if not self.releases:
            raise UsageError(f"{source} publishes no weights of {self.name}; yours: {source}:{self.name}@FILE")
        if name is None:
            return self.releases[0]
        known = {release.name: release for release in self.releases}
        if name not in known:
            raise UsageError(f"{source}:{self.name} has no weights {name!r}{near(name, known)}")
        return known[name]


@dataclass(frozen=True)
class Source:
    """Another library.

    Attributes:
        name: what stands before the colon of a reference.
        models: its networks, by their names there.
    """

    name: str
    models: Mapping[str, Model]

    def model(self, name: str) -> Model:
        """The network of that name.

        Raises:
            UsageError: the library has none, or this one does not know it.
        """
        if name not in self.models:
            raise UsageError(f"no {self.name} network {name!r} can be taken{near(name, self.models)}")
        return self.models[name]

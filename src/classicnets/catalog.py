"""Which networks exist: from a name to the function that makes it. Imports no torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from classicnets.errors import UsageError, near
from classicnets.papers import Paper, read_paper


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One network.

    Attributes:
        name: what users call it.
        family: the name of its paper's file in ``papers/``.
        builder: ``module:function`` of what returns its design.
        options: what the name itself says of the function's arguments; the others are the user's to choose.
    """

    name: str
    family: str
    builder: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Series:
    """Networks whose names hold numbers, such as the depth: any that the family's formula admits can be asked for.

    Attributes:
        pattern: of the name, with ``{depth}`` and the like for the numbers.
        family: the name of the paper's file in ``papers/``.
        builder: ``module:function``; it takes the numbers under their names.
        listed: the numbers of the networks that are listed, because the paper has them.
        options: what the name itself says beyond the numbers.
    """

    pattern: str
    family: str
    builder: str
    listed: tuple[tuple[int, ...], ...]
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def fields(self) -> list[str]:
        """What the numbers in the name are called."""
        return re.findall(r"{([a-z]+)}", self.pattern)

    def entry(self, *numbers: int) -> Entry:
        """The network of those numbers, whether or not it is listed."""
        named = dict(zip(self.fields, numbers, strict=True))
        name = self.pattern.format(**named)
        return Entry(name=name, family=self.family, builder=self.builder, options={**self.options, **named})

    def numbers_in(self, name: str) -> tuple[int, ...] | None:
        """The numbers that ``name`` holds, None where it is not of this series."""
        found = re.fullmatch(re.sub(r"{[a-z]+}", "([1-9][0-9]{0,5})", self.pattern), name)
        return tuple(map(int, found.groups())) if found else None

    def listed_entries(self) -> list[Entry]:
        """The networks that are listed."""
        return [self.entry(*numbers) for numbers in self.listed]


def _entry(family: str, name: str, builder: str, **options: object) -> Entry:
    return Entry(name=name, family=family, builder=f"classicnets.networks.{builder}", options=options)


_LENET5 = (
    _entry("lenet5", "lenet5", "lenet5:lenet5"),
    _entry("lenet5", "lenet5_dense", "lenet5:lenet5_dense"),
)

_ALEXNET = (
    _entry("alexnet", "alexnet", "alexnet:alexnet"),
    _entry("alexnet", "alexnet_single", "alexnet:alexnet_single"),
    _entry("alexnet", "alexnet_caffe", "alexnet:alexnet_caffe"),
    _entry("caffenet", "caffenet", "alexnet:caffenet"),
    _entry("alexnet_owt", "alexnet_owt", "alexnet:alexnet_owt"),
)

_ZFNET = (
    _entry("zfnet", "zfnet", "zfnet:zfnet"),
    _entry("zfnet", "zfnet_large", "zfnet:zfnet", widths=(512, 1024, 512)),
    _entry("zfnet", "zfnet512", "zfnet:zfnet512"),
)

_VGG = (
    _entry("vgg", "vgg11", "vgg:vgg", configuration="A"),
    _entry("vgg", "vgg11_lrn", "vgg:vgg", configuration="A-LRN"),
    _entry("vgg", "vgg13", "vgg:vgg", configuration="B"),
    _entry("vgg", "vgg16_1x1", "vgg:vgg", configuration="C"),
    _entry("vgg", "vgg16", "vgg:vgg", configuration="D"),
    _entry("vgg", "vgg19", "vgg:vgg", configuration="E"),
    _entry("vgg", "vgg11_bn", "vgg:vgg_bn", configuration="A"),
    _entry("vgg", "vgg13_bn", "vgg:vgg_bn", configuration="B"),
    _entry("vgg", "vgg16_bn", "vgg:vgg_bn", configuration="D"),
    _entry("vgg", "vgg19_bn", "vgg:vgg_bn", configuration="E"),
)

_GOOGLENET = (
    _entry("googlenet", "googlenet", "googlenet:googlenet"),
    _entry("googlenet", "googlenet_caffe", "googlenet:googlenet_caffe"),
    _entry("googlenet", "googlenet_bn", "googlenet:googlenet_bn"),
    _entry("googlenet", "inception_naive", "googlenet:inception_naive"),
)

_INCEPTION = (
    _entry("bn_inception", "bn_inception", "bn_inception:bn_inception"),
    _entry("bn_inception", "inception_v2", "bn_inception:bn_inception"),
    _entry("inception_v3", "inception_v3", "inception_v3:inception_v3"),
    _entry("inception_v3", "inception_v3_paper", "inception_v3:inception_v3_paper"),
    _entry("inception_v4", "inception_v4", "inception_v4:inception_v4"),
    _entry("inception_resnet_v1", "inception_resnet_v1", "inception_resnet:inception_resnet_v1"),
    _entry("inception_resnet_v2", "inception_resnet_v2", "inception_resnet:inception_resnet_v2"),
    _entry("inception_resnet_v2", "inception_resnet_v2_paper", "inception_resnet:inception_resnet_v2_paper"),
)

_RESNET = (
    *(
        _entry("resnet", f"resnet{depth}", "resnet:resnet", depth=depth, version="v1")
        for depth in (18, 34, 50, 101, 152)
    ),
    *(_entry("resnet", f"plain{depth}", "resnet:plain", depth=depth) for depth in (18, 34)),
    *(
        _entry("resnet", f"resnet{depth}_v1_5", "resnet:resnet", depth=depth, version="v1.5")
        for depth in (50, 101, 152)
    ),
    _entry("resnet_d", "resnet50_b", "resnet:resnet", depth=50, version="v1.5"),
    _entry("resnet_d", "resnet50_c", "resnet:resnet", depth=50, version="C"),
    *(_entry("resnet_d", f"resnet{depth}_d", "resnet:resnet", depth=depth, version="D") for depth in (50, 101, 152)),
)

_RESNET_CIFAR: tuple[Entry | Series, ...] = (
    Series(
        pattern="resnet{depth}_cifar",
        family="resnet_cifar",
        builder="classicnets.networks.resnet_cifar:resnet_cifar",
        listed=((20,), (32,), (44,), (56,), (110,), (1202,)),
    ),
    Series(
        pattern="plain{depth}_cifar",
        family="resnet_cifar",
        builder="classicnets.networks.resnet_cifar:plain_cifar",
        listed=((20,), (32,), (44,), (56,), (110,)),
    ),
    Series(
        pattern="stochastic_depth_resnet{depth}_cifar",
        family="stochastic_depth",
        builder="classicnets.networks.resnet_cifar:stochastic_depth_resnet_cifar",
        listed=((110,), (1202,)),
    ),
)

_PREACT_RESNET: tuple[Entry | Series, ...] = (
    Series(
        pattern="preact_resnet{depth}_cifar",
        family="preact_resnet",
        builder="classicnets.networks.preact_resnet:preact_resnet_cifar",
        listed=((110,), (164,), (1001,)),
    ),
    *(
        _entry("preact_resnet", f"preact_resnet{depth}", "preact_resnet:preact_resnet", depth=depth)
        for depth in (50, 101, 152, 200)
    ),
)

_WIDE_RESNET: tuple[Entry | Series, ...] = (
    Series(
        pattern="wide_resnet{depth}_{width}_cifar",
        family="wide_resnet",
        builder="classicnets.networks.wide_resnet:wide_resnet_cifar",
        listed=((16, 4), (40, 4), (16, 8), (22, 8), (28, 10), (40, 10)),
    ),
    Series(
        pattern="wide_resnet{depth}_{width}",
        family="wide_resnet",
        builder="classicnets.networks.wide_resnet:wide_resnet",
        listed=((50, 2), (101, 2)),
    ),
)

_RESNEXT: tuple[Entry | Series, ...] = (
    Series(
        pattern="resnext{depth}_{cardinality}x{width}d",
        family="resnext",
        builder="classicnets.networks.resnext:resnext",
        listed=((50, 32, 4), (101, 32, 4), (101, 32, 8), (101, 64, 4)),
    ),
    Series(
        pattern="resnext{depth}_{cardinality}x{width}d_cifar",
        family="resnext",
        builder="classicnets.networks.resnext:resnext_cifar",
        listed=((29, 8, 64), (29, 16, 64)),
    ),
)

_SE_RESNET: tuple[Entry | Series, ...] = (
    *(_entry("se_resnet", f"se_resnet{depth}", "se_resnet:se_resnet", depth=depth) for depth in (50, 101, 152)),
    Series(
        pattern="se_resnext{depth}_{cardinality}x{width}d",
        family="se_resnet",
        builder="classicnets.networks.se_resnet:se_resnext",
        listed=((50, 32, 4), (101, 32, 4)),
    ),
    Series(
        pattern="se_resnet{depth}_cifar",
        family="se_resnet",
        builder="classicnets.networks.se_resnet:se_resnet_cifar",
        listed=((110,), (164,)),
    ),
)

_CATALOG: tuple[Entry | Series, ...] = (
    *_LENET5,
    *_ALEXNET,
    *_ZFNET,
    *_VGG,
    *_GOOGLENET,
    *_INCEPTION,
    *_RESNET,
    *_RESNET_CIFAR,
    *_PREACT_RESNET,
    *_WIDE_RESNET,
    *_RESNEXT,
    *_SE_RESNET,
)
_LISTED = {
    entry.name: entry for item in _CATALOG for entry in ([item] if isinstance(item, Entry) else item.listed_entries())
}


def list_networks(family: str | None = None) -> list[str]:
    """The names of the networks, in the order of their papers.

    Args:
        family: only the networks of this paper ("lenet5", "resnet_cifar").

    Raises:
        UsageError: no such family.
    """
    families = list(dict.fromkeys(entry.family for entry in _LISTED.values()))
    if family is not None and family not in families:
        raise UsageError(f"no family {family!r}{near(family, families)}")
    return [entry.name for entry in _LISTED.values() if family in (None, entry.family)]


def find(name: str) -> Entry:
    """The network of that name, of any depth where its family has a formula.

    Raises:
        UsageError: no such network; the message names near ones.
    """
    if name in _LISTED:
        return _LISTED[name]
    for item in _CATALOG:
        numbers = item.numbers_in(name) if isinstance(item, Series) else None
        if isinstance(item, Series) and numbers is not None:
            return item.entry(*numbers)
    raise UsageError(f"no network {name!r}{near(name, _LISTED)}")


def paper(name: str) -> Paper:
    """What the paper of a network prints, with the certainty of each figure; ``.facts(name)`` is the network's part.

    Raises:
        UsageError: no such network.
    """
    return read_paper(find(name).family)

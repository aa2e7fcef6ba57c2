"""The built-in sets: what each holds, where its home is, and the sums that tell it from anything else.

Nothing here reads a file or imports torch, so a list of the sets costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from classicnets.data.formats import CifarFiles, Files, IdxFiles
from classicnets.errors import UsageError, near


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A file that is fetched from a set's home.

    Attributes:
        name: its name there: "NAME.gz" holds one file, NAME; a "NAME.tar.gz" holds files in a folder.
        size: bytes, to show how far a download is.
        sha256: of the archive.
        contents: SHA-256 of each file wanted from it, by the file's name.
        folder: where in a tar archive these files are.
    """

    name: str
    size: int
    sha256: str
    contents: Mapping[str, str]
    folder: str = ""


@dataclass(frozen=True, kw_only=True)
class SetDescription:
    """A built-in data set.

    Attributes:
        name: what a user calls it.
        title: one line for people.
        classes: names of the classes, in the order of the labels.
        shape: height, width and channels of an image.
        train_count: images to learn from.
        test_count: images to test on.
        mean: of the training images' pixels, which count from 0 to 1; one value a channel.
        std: standard deviation alike.
        licence: under what terms the images may be used.
        source: who made the set and where that is written.
        homes: addresses that an archive's name is appended to; tried in turn.
        archives: what to fetch; none for a set that comes with a library.
        train: the unpacked files to learn from; None for a set that comes with a library.
        test: the unpacked files to test on, likewise.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    train_count: int
    test_count: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    source: str
    homes: tuple[str, ...] = ()
    archives: tuple[Archive, ...] = ()
    train: Files | None = None
    test: Files | None = None

    @property
    def contents(self) -> dict[str, str]:
        """SHA-256 of every unpacked file, by its name."""
        return {name: sha256 for archive in self.archives for name, sha256 in archive.contents.items()}


def describe(name: str) -> SetDescription:
    """The built-in set of that name.

    Raises:
        UsageError: there is none; the message names near ones and the way to use one's own images.
    """
    if name not in SETS:
        raise UsageError(f"no data set {name!r}{near(name, SETS)} (your own images: folder:PATH)")
    return SETS[name]


def _idx_archive(name: str, size: int, sha256: str, unpacked_sha256: str) -> Archive:
    return Archive(name=f"{name}.gz", size=size, sha256=sha256, contents={name: unpacked_sha256})


_DIGITS = tuple("0123456789")
_IDX_TRAIN = IdxFiles(images="train-images-idx3-ubyte", labels="train-labels-idx1-ubyte")
_IDX_TEST = IdxFiles(images="t10k-images-idx3-ubyte", labels="t10k-labels-idx1-ubyte")

_DIGITS_8X8 = SetDescription(
    name="digits",
    title="handwritten digits, 8x8 grey, embedded in scikit-learn",
    classes=_DIGITS,
    shape=(8, 8, 1),
    train_count=1437,
    test_count=360,
    mean=(0.3055,),
    std=(0.3760,),
    licence="CC BY 4.0",
    source="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998",
)

_MNIST = SetDescription(
    name="mnist",
    title="handwritten digits, 28x28 grey",
    classes=_DIGITS,
    shape=(28, 28, 1),
    train_count=60_000,
    test_count=10_000,
    mean=(0.1307,),
    std=(0.3081,),
    licence="CC BY-SA 3.0",
    source="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, 1998",
    homes=("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    archives=(
        _idx_archive(
            "train-images-idx3-ubyte",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        _idx_archive(
            "train-labels-idx1-ubyte",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        _idx_archive(
            "t10k-images-idx3-ubyte",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        _idx_archive(
            "t10k-labels-idx1-ubyte",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    train=_IDX_TRAIN,
    test=_IDX_TEST,
)

_FASHION_MNIST = SetDescription(
    name="fashion-mnist",
    title="articles of clothing, 28x28 grey",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    shape=(28, 28, 1),
    train_count=60_000,
    test_count=10_000,
    mean=(0.2860,),
    std=(0.3530,),
    licence="MIT",
    source="Xiao, Rasul and Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017",
    homes=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    archives=(
        _idx_archive(
            "train-images-idx3-ubyte",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        _idx_archive(
            "train-labels-idx1-ubyte",
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        _idx_archive(
            "t10k-images-idx3-ubyte",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        _idx_archive(
            "t10k-labels-idx1-ubyte",
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    train=_IDX_TRAIN,
    test=_IDX_TEST,
)

_CIFAR_SOURCE = "Krizhevsky, Learning multiple layers of features from tiny images, 2009"
_CIFAR_LICENCE = "none stated; its authors ask to cite the report"
_CIFAR_HOMES = ("https://www.cs.toronto.edu/~kriz/",)

_CIFAR10 = SetDescription(
    name="cifar10",
    title="small photographs, 32x32 colour, 10 classes",
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    shape=(32, 32, 3),
    train_count=50_000,
    test_count=10_000,
    mean=(0.49139968, 0.48215841, 0.44653091),
    std=(0.24703223, 0.24348513, 0.26158784),
    licence=_CIFAR_LICENCE,
    source=_CIFAR_SOURCE,
    homes=_CIFAR_HOMES,
    archives=(
        Archive(
            name="cifar-10-binary.tar.gz",
            size=170_052_171,
            sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            folder="cifar-10-batches-bin",
            contents={
                "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
                "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
                "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
                "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
                "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
                "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
            },
        ),
    ),
    train=CifarFiles(names=tuple(f"data_batch_{number}.bin" for number in range(1, 6))),
    test=CifarFiles(names=("test_batch.bin",)),
)

_CIFAR100_CLASSES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
    castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
    elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
    man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
    pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
    skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
    tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

_CIFAR100 = SetDescription(
    name="cifar100",
    title="small photographs, 32x32 colour, 100 fine classes",
    classes=tuple(_CIFAR100_CLASSES.split()),
    shape=(32, 32, 3),
    train_count=50_000,
    test_count=10_000,
    # The commonly printed figures: no test here reads this set, so they are not measured as the others' are.
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
    licence=_CIFAR_LICENCE,
    source=_CIFAR_SOURCE,
    homes=_CIFAR_HOMES,
    archives=(
        Archive(
            name="cifar-100-binary.tar.gz",
            size=168_513_733,
            sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            folder="cifar-100-binary",
            contents={
                "train.bin": "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
                "test.bin": "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
            },
        ),
    ),
    train=CifarFiles(names=("train.bin",), label_bytes=2),
    test=CifarFiles(names=("test.bin",), label_bytes=2),
)

SETS: Mapping[str, SetDescription] = {
    description.name: description for description in (_DIGITS_8X8, _MNIST, _FASHION_MNIST, _CIFAR10, _CIFAR100)
}
"""The built-in sets by name."""

"""The lines of teaching notes, and the figures that are often quoted wrongly."""

import pytest

from tests.inspection.lessons.made import made, records

WHAT_HOLDS = {
    "1": ("right", "34,848 weights, 34,944"),
    "2": ("imprecise", "384, 384, 256 (62,357,608 parameters; 38.4 top-1, 16.5 top-5); 512, 1024, 512"),
    "3": ("right", "112x112x64 = 802,816 values; the second gives 56x56x128"),
    "4": ("imprecise", "73,728 (73,856 with biases). conv2_2 reads 128 maps and has 147,456 (147,584)"),
    "5": ("wrong", "15,237,608 values, 60.95 MB or 58.1 MiB"),
    "6": ("right", "138,357,544 with biases, 138,344,128 without: 14.71M in convolutions, 123.6M"),
    "7": ("right", "27 C^2 for 49 C^2: the 7x7 has 81.5% more, the stack 44.9% fewer; both see 7x7"),
    "8": ("right", "672 maps for 854.2M MACs (25.7, 346.8, 481.7)"),
    "9": ("right", "0.3 of the loss of each of two heads"),
    "10": ("wrong", "6,998,552, 13,378,280 with both auxiliary heads, 5.97M without the classifier"),
    "11": ("right", "156"),
    "12": ("wrong", "conv2 5x5, conv3 3x3, conv4 3x3, conv5 3x3"),
    "13": ("wrong", "16.4 is the mean of 5, one has 18.2, the winner 15.3"),
    "14": ("right", "12 to 20 pixels"),
    "15": ("imprecise", "2013 stood at 11.7"),
}
ALSO = {
    "2": ("107,627,624; 37.5, 16.0",),
    "5": ("13,556,712", "28.8M (115 MB)"),
    "8": ("480 maps for 304.3M",),
    "10": ("6,624,904",),
    "13": (
        "11.7 is Clarifai's. ZFNet: 14.8 with 6, one has 16.5",
        "VGG: 7.3 with 7, later 7.0 with one, 6.8 with 2",
        "GoogLeNet: 6.67 with 7, 144 crops; one network 7.89, with one crop 10.07",
        "ResNet: 3.57 with 6",
        "4.49 dense, 5.71 with 10 crops",
    ),
    "15": ("From 15.3 to 6.67 is 56.4% less, from 16.4 59.3%",),
}
OFTEN_QUOTED_WRONGLY = {
    "stochastic depth, error": ("5.23", "5.25"),
    "One weird trick, widths": (
        "64, 192, 384, 384, 256",
        "61,100,840 parameters; the footnote's widths have 61,838,248",
    ),
    "AlexNet, neurons": ("253,440", "290,400; then they add up to 659,272, as printed to 622,312"),
    "pre-activation ResNet-1001, parameters": ("10.2 million", "10,175,920 weights of convolutions alone, 10,327,706"),
    "Inception-v3, four networks": ("17.3", "17.2 in table 5; top-5 3.58 on test and 3.46"),
    "ResNet-34 and -50, FLOPs": ("3.6 billion (table 1) and 3.8 billion", "3.664 billion MACs with shortcut B, 3.644"),
    "GoogLeNet, conv1": ("2.7K", "2,712 weights and 34.0M MACs; the dense 7x7 has 9,408 weights and 118.0M"),
}


def test_every_line_is_there() -> None:
    assert [row["line"] for row in records("notes", "Lines")] == list(WHAT_HOLDS)


@pytest.mark.parametrize("line", WHAT_HOLDS)
def test_what_holds(line: str) -> None:
    row = next(row for row in records("notes", "Lines") if row["line"] == line)
    verdict, right = WHAT_HOLDS[line]
    assert row["verdict"] == verdict
    for figure in (right, *ALSO.get(line, ())):
        assert figure in row["what holds"]


def test_figures_often_quoted_wrongly() -> None:
    rows = {row["figure"]: row for row in records("notes", "Figures")}
    assert list(rows) == list(OFTEN_QUOTED_WRONGLY)
    for about, (quoted, right) in OFTEN_QUOTED_WRONGLY.items():
        assert quoted in rows[about]["often quoted"]
        assert right in rows[about]["what holds"]


def test_the_verdicts_are_counted() -> None:
    assert made("notes").conclusions[0].startswith("Of 15 lines 8 are right, 3 imprecise and 4 wrong;")

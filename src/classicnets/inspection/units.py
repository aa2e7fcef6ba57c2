"""How counts and sizes are written."""

_DECIMAL = ("", " K", " M", " G", " T")


def count(number: int) -> str:
    """All digits, in groups of three: 1,814,073,344."""
    return f"{number:,}"


def short(number: float) -> str:
    """Three digits and a power of a thousand: 1.81 G."""
    return _scaled(number, _DECIMAL)


def size(number: float) -> str:
    """The same of bytes, in powers of a thousand: 6.42 MB."""
    return _scaled(number, (" B", " kB", " MB", " GB", " TB"))


def shape(sides: tuple[int, ...]) -> str:
    """64 x 56 x 56."""
    return " x ".join(map(str, sides))


def _scaled(number: float, units: tuple[str, ...]) -> str:
    power = 0
    # 999.6 would be written 1000 of its unit.
    while abs(number) >= 999.5 and power < len(units) - 1:
        number /= 1000
        power += 1
    return f"{number:.0f}{units[0]}" if power == 0 else f"{number:.{_decimals(number)}f}{units[power]}"


def _decimals(number: float) -> int:
    return 2 if abs(number) < 9.995 else 1 if abs(number) < 99.95 else 0

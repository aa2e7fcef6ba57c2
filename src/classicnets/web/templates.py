"""Templates filled to pages that need no network."""

from importlib import resources

from classicnets.errors import require


def fill(package: str, template: str, **content: object) -> str:
    """The template of that package, filled.

    Text is escaped. In the template ``style`` is the style sheet that all pages begin with, and ``markup`` lets a text
    through as the HTML that it is.

    Args:
        package: where the template lies.
        template: its file.
        content: what it names; a name that is missing is an error.

    Raises:
        UsageError: jinja2 is not installed.
    """
    try:
        import jinja2
        from markupsafe import Markup
    except ModuleNotFoundError as missing:
        raise require("train", missing) from missing
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filled = environment.from_string(_read(package, template))
    return filled.render(style=Markup(_read(__package__, "style.css")), markup=Markup, **content)


def _read(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")

"""``python -m quantdeck`` and the command ``quantdeck``."""


def main() -> None:
    """Run the command line."""
    from .cli.main import cli  # noqa: PLC0415 - nothing is imported before it is needed

    cli()


if __name__ == "__main__":
    main()

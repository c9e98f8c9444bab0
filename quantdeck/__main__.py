"""``python -m quantdeck`` and the command ``quantdeck``."""


def main() -> None:
    """Run the command line."""
    from .cli.main import cli

    cli()


if __name__ == "__main__":
    main()

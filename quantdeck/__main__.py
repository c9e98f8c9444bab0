"""``python -m quantdeck`` and the command ``quantdeck``."""


def main() -> None:
    """Run the command line."""
    try:
        from .cli.main import cli
    except KeyboardInterrupt:  # Ctrl-C before the command line has its own handling
        raise SystemExit(130) from None
    cli()


if __name__ == "__main__":
    main()

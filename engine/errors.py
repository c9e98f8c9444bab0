"""The one exception that a user can cause."""


class QuantdeckError(Exception):
    """Something that the user can mend.

    The message is one sentence that names the file or option and says what to do. Names that come from a
    model or a file must have gone through :func:`quantdeck.engine.text.visible` before they stand in it.
    """


class UnsupportedModelError(QuantdeckError):
    """The model file is refused: broken, quantized already, or outside what can be read."""

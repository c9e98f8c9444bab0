"""What the fixture ``deck`` gives. (A test cannot import it from conftest.py: every folder of tests may have one.)"""

from collections.abc import Callable

from quantdeck.tui.workbench import Workbench

MakeDeck = Callable[..., Workbench]

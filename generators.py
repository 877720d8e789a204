"""Methods for ``limbeck.synthesize(task, generators.Evolve(epochs=2))``, and what a method of one's own needs."""

from __future__ import annotations

from .compiler.generate.backtranslate import Backtranslate
from .compiler.generate.base import Bench, Dropped, Generator, Made, Provenance, Written, born
from .compiler.generate.clean import Clean
from .compiler.generate.evolve import Evolve
from .compiler.generate.improve import Improve
from .compiler.generate.invert import Invert
from .compiler.generate.revise import Revise
from .compiler.generate.steps import Stepwise
from .compiler.generate.unittests import UnitTests
from .compiler.generate.weak import Weak
from .records import Example

__all__ = [
    "Backtranslate",
    "Bench",
    "Clean",
    "Dropped",
    "Evolve",
    "Example",
    "Generator",
    "Improve",
    "Invert",
    "Made",
    "Provenance",
    "Revise",
    "Stepwise",
    "UnitTests",
    "Weak",
    "Written",
    "born",
]

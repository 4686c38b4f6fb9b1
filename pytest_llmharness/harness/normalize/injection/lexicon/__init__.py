"""The words and rules of the injection scan, one language a file."""

from .chinese import CHINESE
from .english import ENGLISH
from .french import FRENCH
from .german import GERMAN
from .russian import RUSSIAN
from .spanish import SPANISH

LANGUAGES = (ENGLISH, GERMAN, FRENCH, SPANISH, RUSSIAN, CHINESE)
UNSPACED = CHINESE

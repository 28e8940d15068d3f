"""Random sentences of common words: what synthetic speakers say."""

from __future__ import annotations

import numpy as np

WORDS = (
    "about above across after again air almost along always animal answer apple around ask autumn away back ball "
    "bank basket beach bear begin behind bell below beside better between bird black blue board boat body book "
    "bottle bread bridge bright bring brother brown build butter buy call camp carry castle cat change cheese child "
    "choose church circle city clean clear climb clock close cloud coffee cold colour corner country cross cup "
    "dance dark day deep desk dinner doctor dog door down draw dream dress drink drive dry early earth east easy "
    "eat edge egg eight evening every eye face fall family far farm fast father field fine finger fire first fish "
    "five floor flower fly follow food forest forget four fresh friend front fruit full game garden gate give glass "
    "gold good grass green ground grow guess half hand happy harbour head hear heavy hill hold home horse hot hour "
    "house ice inside island join journey jump keep key kitchen knife know lake lamp large late laugh leaf learn "
    "leave left letter light line listen little long look love low lunch make many map market meal meet middle milk "
    "minute money month moon morning mother mountain mouth move music name near never new night nine noise north "
    "number ocean office old open orange other outside page paint paper park past pen people picture piece plane "
    "plant play please pocket point pool potato pull purple push quarter question quick quiet rain reach read red "
    "remember rest rice ride right ring river road rock room round run sail salt sand school sea season second see "
    "seven shadow sharp sheep ship shirt shop short show silver sing sister sit six sky sleep slow small smile snow "
    "soft song soon sound south spoon spring square stand star start station stay step still stone stop storm story "
    "street strong sugar summer sun sweet swim table take talk tall tea teach tell thank thing think thirteen three "
    "through ticket time today together tomorrow top touch town train travel tree turn twelve two uncle under until "
    "valley very village visit voice wait walk wall want warm wash watch water wave week west wheel white wide wild "
    "wind window winter wish woman wonder wood word work world write year yellow yesterday young zoo"
).split()


def random_words(rng: np.random.Generator, count: int) -> list[str]:
    """``count`` words (at least one), drawn by a `np.random.Generator`.

    Example
    -------
    >>> import numpy
    >>> len(random_words(numpy.random.default_rng(0), 7))
    7
    """
    return [WORDS[index] for index in rng.integers(len(WORDS), size=max(1, count))]

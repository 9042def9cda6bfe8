"""Genre: what every system of the chapter says of every track, in every run.

A row is a track: the probability of each genre, which is the geometric mean over the track's
pieces, and how many pieces name it.
"""

from musiclib.evidence import Experiment, Item, Within
from musiclib.studies.genre import systems
from musiclib.studies.genre.predictions import MAIN, items, measure

# A processor with other instructions rounds otherwise, and a piece on the border may fall to the
# other side.
TOLERANCE = {"votes *": Within(absolute=1), "*": Within(absolute=0.02)}
QUICK = (systems.METADATA, systems.MFCC_SVM, systems.MFCC_LOGISTIC)


def quick(item: Item) -> bool:
    """Whether it takes seconds on a machine where nothing is computed yet."""
    return item["study"] == MAIN and item["system"] in QUICK


EXPERIMENT = Experiment(items, measure, TOLERANCE, quick, digits=5)

"""Genre: sizes of the files whose contents some systems of the chapter read."""

from musiclib.evidence import Experiment, Within
from musiclib.studies.genre.predictions import file_items, measure_files

# Latents are rounded to whole numbers, and the last digit before that is the processor's.
TOLERANCE = {"file_bytes": Within(absolute=4, relative=0.01)}

EXPERIMENT = Experiment(file_items, measure_files, TOLERANCE)

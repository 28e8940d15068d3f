#!/usr/bin/env python3
"""Score trial lists with a trained encoder and print its error rates, as ``python -m speechbrain_cadino verify`` does.

    python verify.py --encoder results/encoder --data_folder /data/voxceleb1/wav --trials veri_test2.txt

A list has lines of ``label enrol test``, label 1 for one speaker, or of ``enrol test``; names start from --data_folder;
wav, flac, ogg, opus. Scores are cosines of embeddings of whole utterances. The encoder subtracts the mean of its
training embeddings itself; --mean subtracts another one on top. The output folder gets ``scores_LIST.txt`` (``label
enrol test score``), ``decisions_LIST.csv``, ``metrics.md`` and the embeddings, which a second run finds again. With
--cohort, scores are normalised too (AS-norm): ``scores_LIST_as_norm.txt``.

    python verify.py ... --plda train.csv --plda_labels results/dlg_lc/1986/iteration_2/labels.csv

scores by PLDA too, fitted on training utterances and their pseudo-labels: ``scores_LIST_plda.txt``.

    python verify.py ... --face_encoder results/face_encoder --face_folder /data/voxceleb1/faces

scores by the voice, by the face, and by both together, or by the one that a trial has (``scores_LIST_voice.txt``,
``scores_LIST_face.txt``, ``scores_LIST_together.txt``); the cohort counts for the voice.
"""

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():
    from speechbrain_cadino.commands.group import run
    from speechbrain_cadino.commands.verify import command

if __name__ == "__main__":
    run(command=command, name="verify.py")

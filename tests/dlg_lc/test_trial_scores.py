"""What is scored after an iteration: the lists are looked at before the first one."""

from types import SimpleNamespace

import pytest

from speechbrain_cadino.dlg_lc.trial_scores import TrialScores
from speechbrain_cadino.dlg_lc.voice import Voice
from speechbrain_cadino.utils.errors import UserError


def test_two_trial_lists_of_one_name_are_refused():
    hparams = SimpleNamespace(
        held_out_trials=["a/dev.txt", "b/dev.txt"], development_trials=None, development_folder="x"
    )
    with pytest.raises(UserError, match="held_out_trials has two lists called dev"):
        TrialScores(hparams, None, {"voice": Voice()})

"""train.py as torchrun starts it, once in each process; then each writes down what it has learnt.

torchrun --nproc_per_node=2 two_ranks.py FOLDER ARGUMENTS_OF_TRAIN
"""

import os
import runpy
import sys
from pathlib import Path

import torch

from speechbrain_cadino.training.brain import CadinoBrain
from tests.end_to_end.conftest import RECIPE

folder, sys.argv[1:] = Path(sys.argv[1]), sys.argv[2:]
torch.set_num_threads(1)
fit_loader = CadinoBrain.fit_loader


def parameters(module):
    return {name: value.detach() for name, value in module.named_parameters()}


def fit_and_write_down(self, loader):
    fit_loader(self, loader)
    learnt = {
        "modules": parameters(self.modules),
        "teacher": parameters(self.teacher) if hasattr(self, "teacher") else None,
        "predictor": dict(self.predictor.state_dict()) if getattr(self, "predictor", None) is not None else None,
        "center": self.dino_loss.center if hasattr(self, "dino_loss") else None,
        "threshold": self.gate.threshold if hasattr(self, "gate") else None,
        "history": [{**row, "seconds": 0, "seconds_waiting": 0} for row in self.history.rows],
        "steps": self.optimizer_step,
        "clusters": torch.from_numpy(self.clusters.labels) if hasattr(self, "clusters") else None,
        "classes": sorted({type(module).__name__ for module in self.modules.modules()}),
    }
    torch.save(learnt, folder / f"rank-{os.environ['RANK']}.pt")


CadinoBrain.fit_loader = fit_and_write_down
os.chdir(RECIPE)
sys.path.insert(0, str(RECIPE))
runpy.run_path("train.py", run_name="__main__")

"""What every Brain here shares: ranks, clipping, random states, safe checkpoints, teacher and schedules."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.training.averaging import average_last_checkpoints
    from speechbrain_cadino.training.brain import CadinoBrain
    from speechbrain_cadino.training.checkpoints import SafeCheckpointer
    from speechbrain_cadino.training.clipping import GradientClipper
    from speechbrain_cadino.training.clustered import ready_to_cluster
    from speechbrain_cadino.training.ddp import broadcast_buffers, synchronise_batchnorm, unwrap, wrap
    from speechbrain_cadino.training.decision import decide
    from speechbrain_cadino.training.development import DevelopmentList
    from speechbrain_cadino.training.experiment import Experiment
    from speechbrain_cadino.training.finish import export_with_threshold
    from speechbrain_cadino.training.half_retrieval import HalfRetrieval
    from speechbrain_cadino.training.history import History
    from speechbrain_cadino.training.loader import make_train_loader
    from speechbrain_cadino.training.loggers import FileTrainLogger, TensorboardLogger, TrainLoggers
    from speechbrain_cadino.training.metric_averager import MetricAverager
    from speechbrain_cadino.training.pseudo_labels import cluster_utterances
    from speechbrain_cadino.training.random_states import RandomStates
    from speechbrain_cadino.training.schedules import Constant, Cosine, Linear, WarmupCosine
    from speechbrain_cadino.training.start import load_from_run
    from speechbrain_cadino.training.teacher import EMATeacher
    from speechbrain_cadino.training.verdict import RunFacts, Verdict, judge

__getattr__, __dir__, __all__ = lazy_names(__name__)

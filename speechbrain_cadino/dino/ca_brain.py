"""Cluster-aware DINO: the training set is embedded and clustered now and then, and the views follow the clusters."""

from __future__ import annotations

import logging
from pathlib import Path

import speechbrain as sb
import torch

from speechbrain_cadino.clusters.quality import cluster_metrics
from speechbrain_cadino.dino.brain import DINOBrain
from speechbrain_cadino.dino.checks import check_clusters
from speechbrain_cadino.dino.refresh import Clusters
from speechbrain_cadino.training.ddp import broadcast_buffers
from speechbrain_cadino.training.pseudo_labels import cluster_utterances
from speechbrain_cadino.training.remarks import about_clusters
from speechbrain_cadino.training.start import load_from_run
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.utils.signals import not_holding
from speechbrain_cadino.views.loader import ViewLoader

logger = logging.getLogger(__name__)


class CADINOBrain(DINOBrain):
    """DINO whose views come from several utterances of one cluster (Han, Chen, Qian, arXiv 2304.05754).

    Read from ``hparams``, besides what `DINOBrain` reads: ``cluster_schedule`` (a `RefreshSchedule`), ``clustering`` (a
    `Clustering`), ``cluster_compensation`` (a `Compensation`, or None), ``positive_sampler`` (the `PositiveSampler` of
    the dataset), ``start_from`` and ``start_from_epoch`` (a run to start from, or None).

    Before an epoch that is due for it, the teacher embeds the training utterances, clean and whole; the embeddings are
    centered as in verification, and clustered. They lie in ``clusters/embeddings`` of the output folder, so that a run
    that was killed meanwhile finds them again; each clustering's label table lies beside.
    """

    PANELS = {
        **DINOBrain.PANELS,
        "fraction of items with several utterances": ["several_utterances"],
        "clusters: agreement": ["ami_speakers", "ami_previous", "same_spk_within", "same_spk_across"],
    }

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.clusters = Clusters()
        if self.checkpointer is not None:
            self.checkpointer.add_recoverable("clusters", self.clusters)

    def fit_loader(self, loader: ViewLoader) -> None:
        self.clusters.bind(loader.dataset.manifest.ids)
        if loader.dataset.positive_sampler is not self.hparams.positive_sampler:
            raise UserError(
                "The dataset's positive_sampler is not the setting positive_sampler: write "
                "'positive_sampler: !ref <positive_sampler>' in dataset."
            )
        schedule = self.hparams.cluster_schedule
        if schedule.start_epoch < self.hparams.epoch_counter.limit:  # else it says that nothing is clustered
            for wanted in schedule.numbers:
                self.hparams.clustering.check(wanted)
        self.hparams.clustering.check_memory(len(loader.dataset))
        self.hparams.positive_sampler.bind(len(loader.dataset), loader.dataset.manifest.sessions)
        super().fit_loader(loader)

    def check_before(self, loader: ViewLoader) -> list[str]:
        found = check_clusters(vars(self.hparams), self.hparams.epoch_counter.limit, len(self.manifest))
        return super().check_before(loader) + found

    def on_fit_start(self) -> None:
        super().on_fit_start()
        if self.hparams.start_from and not self.checkpointer.list_checkpoints():
            self._start_from(self.hparams.start_from)
        if self.clusters.labels is not None:
            self.hparams.positive_sampler.set_clusters(self.clusters.labels, self.clusters.distances)

    def _start_from(self, folder):
        load_from_run(self.checkpointer, folder, new=["clusters"], epoch=self.hparams.start_from_epoch)
        counter = self.hparams.epoch_counter
        if counter.current >= counter.limit:
            raise UserError(
                f"The run in {folder} has made {counter.current} epochs and number_of_epochs is {counter.limit}: "
                "raise number_of_epochs, or set start_from_epoch to an earlier checkpoint."
            )

    def on_stage_start(self, stage: sb.Stage, epoch: int | None = None) -> None:
        super().on_stage_start(stage, epoch)
        if stage == sb.Stage.TRAIN and self.hparams.cluster_schedule.is_due(epoch, self.clusters.epoch):
            with not_holding():  # it takes long, and finds its embeddings again
                self.refresh_clusters(epoch)

    def refresh_clusters(self, epoch: int) -> None:
        """Embed and cluster the training utterances for the epochs from ``epoch`` on."""
        folder = Path(self.hparams.output_folder) / "clusters"
        encoder = self.encoder_to_test()
        broadcast_buffers(encoder)
        wanted = self.hparams.cluster_schedule.clusters_of(self.clusters.number)
        table = cluster_utterances(
            encoder, self.manifest, self.hparams.clustering, folder / "embeddings", wanted, self.device,
            self.hparams.cluster_compensation,
        )  # fmt: skip
        if is_main():
            table.write(folder / f"labels_epoch{epoch:04d}.csv")
        labels, distances = table.for_manifest(self.manifest.ids)
        self.hparams.positive_sampler.set_clusters(labels, distances)
        true = self.manifest.spk_ids, self.manifest.sessions
        metrics = on_main(cluster_metrics, labels, self.clusters.labels, *true)
        metrics["several_utterances"] = self.hparams.positive_sampler.fraction_with_several()
        self.clusters.take(epoch, labels, distances, metrics)
        self.remarks.add(about_clusters(labels, "training is plain DINO"))
        told = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        logger.info("Clusters for the epochs from %d on: %s", epoch, told)

    def groups(self, items: torch.Tensor) -> torch.Tensor | None:
        if self.clusters.labels is None:
            return None
        return torch.from_numpy(self.clusters.labels[items.cpu().numpy()]).to(self.device)

    def epoch_metrics(self):
        refreshed = self.clusters.epoch == self.hparams.epoch_counter.current
        return {**super().epoch_metrics(), **(self.clusters.metrics if refreshed else {})}

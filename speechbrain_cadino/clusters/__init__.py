"""Embeddings to pseudo-labels: k-means, merging, the label table, and how good the clusters are."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.clusters.agglomerative import agglomerate
    from speechbrain_cadino.clusters.clustering import Clustering
    from speechbrain_cadino.clusters.joint import Join, JointClusters
    from speechbrain_cadino.clusters.joint_rows import Joined, join_embeddings
    from speechbrain_cadino.clusters.kmeans import KMeans
    from speechbrain_cadino.clusters.mutual_information import adjusted_mutual_information
    from speechbrain_cadino.clusters.quality import (
        cluster_metrics,
        cluster_sizes,
        majority_speakers,
        same_speaker_fractions,
    )
    from speechbrain_cadino.clusters.table import LabelTable, read_label_table

__getattr__, __dir__, __all__ = lazy_names(__name__)

"""Embeddings to pseudo-labels: k-means, merging, the label table, and how good the clusters are."""

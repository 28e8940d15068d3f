"""Speaker-verification encoders from unlabelled speech: DINO, Cluster-Aware DINO and DLG-LC for SpeechBrain."""

__version__ = "0.2.0"

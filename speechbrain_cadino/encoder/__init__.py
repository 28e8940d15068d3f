"""Waves to embeddings: the encoder, embeddings of a whole corpus, and the export to plain SpeechBrain."""

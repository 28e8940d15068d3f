"""Audio on disk to a manifest: reading, scanning, lists, and the demo corpus."""

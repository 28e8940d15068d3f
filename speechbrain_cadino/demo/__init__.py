"""The demo corpus: speakers that are synthesised, in sessions with channels of their own."""

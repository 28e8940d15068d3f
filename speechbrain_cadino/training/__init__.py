"""What every Brain here shares: ranks, clipping, random states, safe checkpoints, the watch against collapse."""

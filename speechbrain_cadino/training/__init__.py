"""What every Brain here shares: ranks, clipping, random states, safe checkpoints, teacher and schedules."""

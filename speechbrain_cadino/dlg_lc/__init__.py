"""Stage II, pseudo-labels that are wrong in part: AAM-softmax, dynamic loss-gate and label correction."""

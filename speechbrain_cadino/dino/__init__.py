"""Stage I, self-distillation without labels: head, losses, and the watch against collapse."""

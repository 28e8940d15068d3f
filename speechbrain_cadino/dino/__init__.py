"""Stage I, self-distillation without labels: head, losses, teacher and schedules."""

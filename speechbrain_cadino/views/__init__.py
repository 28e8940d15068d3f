"""From a manifest to the crops that student and teacher see: cutting, augmentation, batches."""

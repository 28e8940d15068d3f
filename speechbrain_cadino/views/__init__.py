"""From a manifest to the crops that student and teacher see: utterances, cutting, batches."""

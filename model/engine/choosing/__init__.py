"""Turn logits into candidate tokens: processors, sampling, ranking."""

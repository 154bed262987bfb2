"""What the diagnostics are computed with: estimators that register nothing."""

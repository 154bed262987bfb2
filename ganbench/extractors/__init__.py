"""Feature extractors: one file a family; metrics compare the features of samples with those of real data."""

from ganbench.extractors.extractor import FEATURES, LOGITS, Extractor, extract, register_extractor

__all__ = ["FEATURES", "LOGITS", "Extractor", "extract", "register_extractor"]

"""How to read a report: the same words in each."""

from __future__ import annotations

METHODS = (
    (
        "Ranking",
        "Variants are ordered by the median, over seeds, of the data set's primary quantity at the final "
        "checkpoint: never at the best one, which would reward noise, and never across unequal budgets.",
    ),
    (
        "Interval",
        "Brackets and bands run between two order statistics of the seeds: the k-th smallest and the k-th "
        "largest of n, with the largest k for which 1 − 2·P(Binomial(n, ½) < k) is at least 95 %. They hold "
        "the true "
        "median with at least that probability, whatever the distribution of the results. With fewer than "
        "six seeds "
        "no k reaches 95 %; then the smallest and the largest are shown, and their actual coverage: 93.75 % "
        "for five "
        "seeds, 87.5 % for four, 75 % for three, 50 % for two, none for one.",
    ),
    (
        "Ranks",
        "A range such as 1–3 holds every rank that the intervals allow: a variant stands behind those whose "
        "whole "
        "interval is better than its own, and before those whose whole interval is worse. Each pair is "
        "compared at "
        "the intervals' coverage, with no correction for the number of pairs; that two intervals overlap "
        "does not "
        "show that two variants are equal.",
    ),
    (
        "Divergence",
        "A seed that diverged, or whose result is undefined, counts as worse than every number in medians, "
        "intervals and means, and is never dropped: where a statistic rests on such a seed, the table says "
        "“diverged” or “undefined” in its place. For an even number of seeds the median rests on the middle "
        "two. In quantities without a better side such seeds are left out.",
    ),
    (
        "Interquartile mean",
        "The mean of the middle half of the seeds; a value that a quartile cuts counts in part. It uses "
        "more of the "
        "seeds than the median does, and is as safe from single outliers.",
    ),
    (
        "Seeds and budget",
        "A seed fixes the initial weights, the data and the noise; one seed means the same data and noise "
        "for all "
        "variants. Within a ranking every variant had the same budget per seed. Time counts training alone, "
        "shared out over "
        "the seeds "
        "that were trained together; examples/s is real examples over that time.",
    ),
    (
        "Real sampler",
        "Where a quantity can be computed for real data that nobody trained on, they are put through the "
        "same code and the result shown beside. Fresh draws of a distribution are as many as the samples; "
        "of a finite data set there are only so many held-out examples, and a distance to fewer of them is "
        "larger: there a good generator can come below it.",
    ),
)

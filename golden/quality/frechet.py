"""The Fréchet distance of two sets of features, each taken as a normal distribution (arXiv 1706.08500).

In the features of this project's own judges: its figures compare models of one data set, and are not FID.
"""

from __future__ import annotations

import torch
from torch import Tensor

RESAMPLES = 40           # of the bootstrap
SEED = 20
Moments = tuple[Tensor, Tensor]


def moments(features: Tensor) -> Moments:
    """Mean (F,) and covariance (F, F) of features (n, F) float64."""
    return features.mean(0), features.T.cov()


def frechet(first: Moments, second: Moments) -> float:
    """|mean - mean'|^2 + trace(C + C' - 2 (C C')^1/2) of two normal distributions, each a mean and a covariance."""
    (mean_a, cov_a), (mean_b, cov_b) = first, second
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors @ torch.diag(values.clamp_min(0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    return ((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross).item()


def deviation(features: Tensor, reference: Moments) -> float:
    """Standard deviation of the distance over resamples, with replacement, of the features (n, F): its error bar.

    It tells the chance of these images, not the bias of a finite count, which is alike in rows of the same count.
    """
    generator = torch.Generator().manual_seed(SEED)
    count = len(features)
    distances = [frechet(reference, moments(features[torch.randint(count, (count,), generator=generator)]))
                 for _ in range(RESAMPLES)]
    return torch.tensor(distances).std().item()


def halves(features: Tensor) -> float:
    """Distance between two halves, at random, of features (n, F): what the same kind of images are apart."""
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(SEED))
    half = len(features) // 2
    return frechet(moments(features[order[:half]]), moments(features[order[half:2 * half]]))

"""Judge drawn images: a small classifier of real ones, the labels it sees, and a Fréchet distance.

The Fréchet distance (arXiv 1706.08500) is taken in this classifier's own features, so
its figures compare models of this project with each other and with nothing else.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURES = 64


class Judge(nn.Module):
    """Images (B, 1, H, H) in [-1, 1] to label logits (B, labels) by way of ``features`` (B, 64)."""

    def __init__(self, size: int, labels: int):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * (size // 4) ** 2, FEATURES), nn.ReLU())
        self.logits = nn.Linear(FEATURES, labels)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


def train_judge(images: Tensor, labels: Tensor, *, epochs: int = 3, batch: int = 128, seed: int = 0) -> Judge:
    """A classifier of real images, good enough to judge drawn ones; about a minute on two cores."""
    torch.manual_seed(seed)
    judge = Judge(images.shape[-1], int(labels.max()) + 1)
    steps = epochs * (len(images) // batch)
    adam = torch.optim.AdamW(judge.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 2e-3, total_steps=steps)
    for _ in range(epochs):
        for index in torch.randperm(len(images))[:len(images) // batch * batch].split(batch):
            loss = functional.cross_entropy(judge(images[index]), labels[index, 0])
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
    return judge.eval()


@torch.no_grad()
def accuracy(judge: Judge, images: Tensor, labels: Tensor) -> float:
    """Share of images that the judge takes for their label."""
    return (judge(images).argmax(1) == labels[:, 0]).double().mean().item()


@torch.no_grad()
def moments(judge: Judge, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (64,) and covariance (64, 64) of the features."""
    features = judge.features(images).double()
    return features.mean(0), features.T.cov()


def frechet(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> float:
    """Fréchet distance of two normal distributions, each a mean and a covariance."""
    (mean_a, cov_a), (mean_b, cov_b) = first, second
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors @ torch.diag(values.clamp_min(0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    return ((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross).item()

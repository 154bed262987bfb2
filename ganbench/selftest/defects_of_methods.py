"""Planted defects in losses, penalties and the settings of single variants; three cohorts each."""

from __future__ import annotations

from ganbench.selftest.defect import EVERYWHERE, Defect

_RATE = 'options.get("learning_rate", 2e-4)'

OF_METHODS: tuple[Defect, ...] = (
    Defect(
        "swapped-labels",
        "the discriminator's targets for real and generated examples are swapped",
        "objectives.py",
        "0.5 * batch.mean_real((real - 1).square()) + 0.5 * batch.mean_noise(fake.square())",
        "0.5 * batch.mean_real(real.square()) + 0.5 * batch.mean_noise((fake - 1).square())",
        ("lsgan",),
        EVERYWHERE,
        "loss",
    ),
    Defect(
        "penalty-sign",
        "R1 is subtracted from the loss",
        "variants/gan_r1.py",
        "[r1(gamma, every)]",
        "[r1(-gamma, every)]",
        ("gan-r1",),
        EVERYWHERE,
        "penalty",
    ),
    Defect(
        "penalty-at-real-points",
        "WGAN-GP's penalty is taken at real points only",
        "penalties.py",
        "between = share * real + (1 - share) * fake",
        "between = real",
        ("wgan-gp",),
        EVERYWHERE,
        "penalty",
        explanation=(
            "So short a training leaves wgan-gp far from the modes either way: both mixtures get "
            "worse by less than half of what would matter. Digits do not."
        ),
    ),
    Defect(
        "wrong-players-gradient",
        "the generator descends the discriminator's loss",
        "objectives.py",
        "generator=lambda real, fake, batch: batch.mean_noise(softplus(real - fake))",
        "generator=lambda real, fake, batch: batch.mean_noise(softplus(fake - real))",
        ("rpgan-r1r2",),
        EVERYWHERE,
        "loss",
    ),
    Defect(
        "clip-too-tight",
        "the critic's weights are clipped at a tenth of the bound",
        "variants/wgan.py",
        "[clip_weights(clip)]",
        "[clip_weights(clip / 10)]",
        ("wgan",),
        EVERYWHERE,
        "penalty",
    ),
    Defect(
        "discriminator-rate",
        "the discriminator's learning rate is three times too large",
        "variants/nsgan.py",
        "**options)",
        f'**options | {{"discriminator_learning_rate": 3 * {_RATE}}})',
        ("nsgan",),
        EVERYWHERE,
        "setting",
        explanation=(
            "grid25 and digits get better. On ring8 the median run loses modes, five times what would "
            "matter; but nsgan's seeds lose them there without the defect too, now and then, and so "
            "few cannot tell."
        ),
    ),
    Defect(
        "wrong-beta1",
        "Adam's beta1 is 0.9 in place of 0",
        "variants/wgan_gp.py",
        '"beta1": 0.0',
        '"beta1": 0.9',
        ("wgan-gp",),
        EVERYWHERE,
        "setting",
    ),
    Defect(
        "one-critic-step",
        "one critic update before each generator update in place of five",
        "variants/wgan.py",
        "n_critic=n_critic,",
        "n_critic=1,",
        ("wgan",),
        EVERYWHERE,
        "setting",
        explanation=(
            "The budget counts critic updates: with one a round the generator moves five times as "
            "often, and digits get better by five standard deviations."
        ),
    ),
    Defect(
        "half-the-noise",
        "the generator's noise has half the dimension",
        "variants/nsgan.py",
        "**options)",
        '**options | {"latent_dim": options.get("latent_dim", 64) // 2})',
        ("nsgan",),
        EVERYWHERE,
        "setting",
        explanation="Eight dimensions are more than the plane's two, and digits are not worse for it.",
    ),
    Defect(
        "minimax-loss",
        "the generator's loss is the minimax one, not the non-saturating one",
        "variants/nsgan.py",
        "import non_saturating",
        "import minimax as non_saturating",
        ("nsgan",),
        EVERYWHERE,
        "loss",
        explanation=(
            "It saturates where the discriminator is sure. In so short a training nothing gets worse "
            "by it, and ring8 better."
        ),
    ),
    Defect(
        "r1-without-half",
        "R1 lacks its factor of one half",
        "variants/gan_r1.py",
        "[r1(gamma, every)]",
        "[r1(2 * gamma, every)]",
        ("gan-r1",),
        EVERYWHERE,
        "penalty",
        explanation="The penalty is twice as heavy, and digits are the better for it.",
    ),
    Defect(
        "norm-without-root",
        "WGAN-GP's penalty takes the squared norm of the gradient",
        "penalties.py",
        'norm_per_example(networks.input_gradient("discriminator", between))',
        'norm_per_example(networks.input_gradient("discriminator", between)).square()',
        ("wgan-gp",),
        EVERYWHERE,
        "penalty",
        explanation=(
            "A squared norm of 1 is a norm of 1: the penalty pulls to the same slope. So short a "
            "training leaves wgan-gp far from the modes either way: both mixtures get worse by less "
            "than half of what would matter."
        ),
    ),
    Defect(
        "one-epsilon-a-batch",
        "WGAN-GP interpolates with one number for the whole batch",
        "penalties.py",
        "between = share * real + (1 - share) * fake",
        "between = share[:1] * real + (1 - share[:1]) * fake",
        ("wgan-gp",),
        EVERYWHERE,
        "penalty",
        explanation=(
            "Over many batches the points lie as before; only the penalty is noisier from batch to "
            "batch. So short a training leaves wgan-gp far from the modes either way: mixtures get "
            "worse by a quarter of what would matter at most."
        ),
    ),
    Defect(
        "second-penalty-lost",
        "both penalties are R1: none is at generated points",
        "variants/rpgan_r1r2.py",
        "[r1(gamma, every), r2(gamma, every)]",
        "[r1(gamma, every), r1(gamma, every)]",
        ("rpgan-r1r2",),
        EVERYWHERE,
        "penalty",
        explanation="R1, now twice as heavy, holds these small discriminators alone: no median gets worse.",
    ),
    Defect(
        "betas-swapped",
        "Adam's beta1 and beta2 are swapped",
        "variants/rpgan_r1r2.py",
        '"beta1": 0.0, "beta2": 0.99',
        '"beta1": 0.99, "beta2": 0.0',
        ("rpgan-r1r2",),
        EVERYWHERE,
        "setting",
    ),
    Defect(
        "generator-rate",
        "the generator's learning rate is ten times too small",
        "variants/lsgan.py",
        "**options)",
        f'**options | {{"learning_rate": {_RATE} / 10, "discriminator_learning_rate": {_RATE}}})',
        ("lsgan",),
        EVERYWHERE,
        "setting",
    ),
    Defect(
        "generator-every-second-round",
        "the generator moves in every second round only",
        "variants/lsgan.py",
        "**options)",
        '**options | {"n_critic": 2})',
        ("lsgan",),
        EVERYWHERE,
        "update",
    ),
    Defect(
        "logits-centred",
        "logits of generated examples are centred over the batch, as by a misplaced batch normalization",
        "objectives.py",
        "0.5 * batch.mean_noise(fake.square())",
        "0.5 * batch.mean_noise((fake - fake.mean()).square())",
        ("lsgan",),
        EVERYWHERE,
        "loss",
    ),
)

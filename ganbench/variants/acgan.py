"""The auxiliary classifier GAN."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from ganbench.game import Batch, DataSpec, Game, Networks, RandomInput
from ganbench.networks.network import Architecture
from ganbench.variants.conditional import FAKE_LABEL, Classes
from ganbench.variants.two_player import register_variant, two_player_variant
from ganbench.variants.variant import Variant


@register_variant("acgan")
def acgan(
    class_weight: Annotated[float, Ge(0), "of the classification losses of both players"] = 1.0,
    **options: Any,
) -> Variant:
    """Auxiliary classifier GAN: D is not told the class but names it, of real and generated examples.

    Source: Odena et al. 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs", eqs. (2) and (3);
    the source loss of the generator is the non-saturating one.
    """

    def judged(networks: Networks, examples: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        outputs = networks.discriminator(examples)
        return outputs[:, 0], class_weight * cross_entropy(outputs[:, 1:], labels)

    def build(pair: Architecture, noise: RandomInput, spec: DataSpec) -> Game:
        classes = Classes.of(spec)

        def g_loss(networks: Networks, batch: Batch) -> Tensor:
            source, misnamed = judged(networks, classes.fake(networks, batch), batch[FAKE_LABEL])
            return softplus(-source).mean() + misnamed

        def d_loss(networks: Networks, batch: Batch) -> Tensor:
            real, real_misnamed = judged(networks, batch.real, batch[classes.field])
            fake, fake_misnamed = judged(networks, classes.fake(networks, batch), batch[FAKE_LABEL])
            return softplus(-real).mean() + softplus(fake).mean() + real_misnamed + fake_misnamed

        return classes.game(
            pair.generator(noise.shape[0], spec, len(classes)),
            pair.discriminator(spec, 1 + len(classes)),
            {"generator": g_loss, "discriminator": d_loss},
            noise,
            lambda networks, _batch, x: networks.discriminator(x)[:, 0],
        )

    return two_player_variant(build, **options)

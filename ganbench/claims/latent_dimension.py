"""What is known of generators with few and many inputs."""

from __future__ import annotations

from ganbench.claims.claim import Claim, Where, register_claim

DIM_X, DIMS_Z = 8, (1, 2, 4, 8, 16)


@register_claim("latent-dimension")
def latent_dimension() -> tuple[Claim, ...]:
    """The generator's Jacobian has full rank: the smaller of dim z and dim x."""
    source = "a matrix of dim x rows and dim z columns, in general position"
    return tuple(
        Claim(
            f"rank with {dim_z} inputs",
            Where(options={"latent_dim": dim_z}, data={"dim": DIM_X}),
            "jacobian_rank",
            min(dim_z, DIM_X),
            "derived",
            0.0,
            source,
        )
        for dim_z in DIMS_Z
    )

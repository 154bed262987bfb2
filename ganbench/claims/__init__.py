"""Numbers that others published or that theory predicts, with how sure each is: one file a suite."""

from ganbench.claims.claim import Claim, Where, register_claim

__all__ = ["Claim", "Where", "register_claim"]

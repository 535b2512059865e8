"""Whether an account is ready for RayDP clusters: small checks, each with what is wrong and what mends it."""

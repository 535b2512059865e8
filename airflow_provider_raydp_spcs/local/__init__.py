"""A local Snowflake with Snowpark Container Services; knows nothing of RayDP."""

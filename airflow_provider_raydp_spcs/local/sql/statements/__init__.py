"""Every statement of the local Snowflake, a module per kind of object; importing a module registers its parsers."""

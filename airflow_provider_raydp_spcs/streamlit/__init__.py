"""The set-up app: clusters by hand, in Streamlit in Snowflake or on one's own machine.

It runs on what Snowflake's package channel has (see ``environment.yml``), and so imports ``cluster`` and ``spcs`` only.
"""

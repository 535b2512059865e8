"""The entry file of the set-up app: ``raydp-spcs app`` here, ``raydp-spcs app --deploy`` in Snowflake."""

from airflow_provider_raydp_spcs.streamlit.pages import show

show()

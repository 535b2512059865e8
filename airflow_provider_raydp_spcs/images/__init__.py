"""The images of a cluster: built from this very package, pushed to an image repository. Nothing of Airflow."""

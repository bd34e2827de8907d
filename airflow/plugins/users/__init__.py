"""Takes users from a users API into PostgreSQL. Nothing here knows of Airflow."""

"""The service's database: SQLAlchemy 2, on SQLite or PostgreSQL; SQL stays in repositories."""

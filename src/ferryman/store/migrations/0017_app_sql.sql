-- Which apps have an SQL database on a site, in the MariaDB beside this database (ADR 90). It is set
-- before the database is made and goes with the row after it was dropped, so none is forgotten.
ALTER TABLE app_site ADD COLUMN has_sql boolean NOT NULL DEFAULT false;

-- A scope whose first load is large gets a table of its own, as a part of all mappings: its index
-- is built once, when all rows are there. All other scopes share one.

ALTER TABLE mapping RENAME TO mapping_shared;
ALTER TABLE mapping_shared RENAME CONSTRAINT mapping_pkey TO mapping_shared_pkey;

CREATE TABLE mapping (LIKE mapping_shared, PRIMARY KEY (namespace_id, server_key))
PARTITION BY RANGE (namespace_id);

ALTER TABLE mapping ATTACH PARTITION mapping_shared FOR VALUES FROM (MINVALUE) TO (1000000000);

CREATE SEQUENCE mapping_table MINVALUE 0 START 0;

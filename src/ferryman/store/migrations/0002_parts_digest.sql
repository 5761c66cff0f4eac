-- The plain sha256 of a file of several parts is there only if its writer named it (ADR 0060).
ALTER TABLE app_data ALTER COLUMN sha256 DROP NOT NULL;
-- Over the digests of the parts; null where one is unknown, and for files of version 0.1.0.
ALTER TABLE app_data ADD COLUMN parts_sha256 text;
-- Not validated, which would read the whole table: every earlier row has a sha256.
ALTER TABLE app_data ADD CONSTRAINT app_data_has_digest
    CHECK (sha256 IS NOT NULL OR parts_sha256 IS NOT NULL) NOT VALID;

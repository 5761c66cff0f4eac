-- The users that the admin selected with a Site. Null: a row of an earlier release, or no Site.
ALTER TABLE container ADD COLUMN selected_users text;

-- name: is_read_only$
SELECT current_setting('transaction_read_only')::boolean;

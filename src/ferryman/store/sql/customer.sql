-- name: customer_by_key^
-- Shared with those who add something to the customer; its deletion waits for them.
SELECT * FROM customer WHERE customer = :customer FOR SHARE;

-- name: insert_customer^
INSERT INTO customer (customer, created_at) VALUES (:customer, :now)
ON CONFLICT (customer) DO NOTHING
RETURNING *;

-- name: customer_page
SELECT * FROM customer
WHERE customer > :after
    AND (CAST(:customers AS text[]) IS NULL OR customer = ANY (:customers))
ORDER BY customer
LIMIT :size;

/** The shop of the sandbox's synthetic tenant: what it writes into live_db, and where its files are. */
"use strict";

/** Made at the first visit, so that a sandbox in which nobody orders has no such tenant. */
const OPEN = `
WITH tenant AS (
    INSERT INTO tenants (id, name, domain) VALUES ($1, 'Synthetic checkout', 'synthetic.example')
    ON CONFLICT (id) DO NOTHING RETURNING id),
customer AS (
    INSERT INTO customers (tenant_id, email) SELECT id, 'synthetic@checkout.invalid' FROM tenant)
INSERT INTO products (tenant_id, sku, name) SELECT id, 'CARD', 'Business cards' FROM tenant`;
const PLACE = `
WITH made AS (
    INSERT INTO orders (tenant_id, customer_id, total_cents)
    SELECT $1, min(id), 4200 FROM customers WHERE tenant_id = $1 RETURNING id),
item AS (
    INSERT INTO order_items (order_id, product_id, quantity)
    SELECT made.id, (SELECT min(id) FROM products WHERE tenant_id = $1), 100 FROM made)
SELECT id AS order FROM made`;
const PAY = `
WITH paid AS (
    UPDATE orders SET status = 'paid', paid_at = now() WHERE id = $1 AND tenant_id = $2 AND status = 'pending'
    RETURNING id)
SELECT i.id AS item FROM order_items i JOIN paid ON paid.id = i.order_id`;
const ORDER = `
SELECT o.status, i.print_ready_file AS key FROM orders o JOIN order_items i ON i.order_id = o.id
WHERE o.id = $1 AND o.tenant_id = $2`;
const OTHERS = `
SELECT i.print_ready_file AS key FROM orders o JOIN order_items i ON i.order_id = o.id
WHERE o.tenant_id <> $1 AND i.print_ready_file IS NOT NULL ORDER BY o.id LIMIT 1`;
const CANCEL = `
UPDATE orders SET status = CASE WHEN status = 'paid' THEN 'refunded' ELSE status END,
    deleted_at = CASE WHEN status = 'paid' THEN deleted_at ELSE now() END
WHERE id = $1 AND tenant_id = $2`;

module.exports = {
  tenant: "5e1f0000-c4ec-4007-8000-000000000001",
  base: "/shop",
  statements: { open: OPEN, place: PLACE, pay: PAY, order: ORDER, others: OTHERS, cancel: CANCEL },
};

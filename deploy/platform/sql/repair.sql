-- What printflow orders repair --apply may do: write a link back and have the customer asked; nothing else.
-- Names of tables and columns are the platform's: those that link and ask of [orders.repair] set.
GRANT SELECT ON orders, order_items TO printflow_repair;
GRANT UPDATE (print_ready_file) ON order_items TO printflow_repair;
GRANT UPDATE (status) ON orders TO printflow_repair;

-- Transactions that were open when a fence was made: its counts are without them.
ALTER TABLE fences ADD COLUMN open_transactions bigint[] NOT NULL DEFAULT '{}';

-- What a fence could not count, and why: {left_out: {database: why}, untold and damaged: {database: {table: why}}}.
ALTER TABLE fences ADD COLUMN gaps jsonb NOT NULL DEFAULT '{}';

-- What a check says of a part ("cluster live_db") does not replace what it said of the whole (scope '').
ALTER TABLE check_results ADD COLUMN scope text NOT NULL DEFAULT '';
ALTER TABLE check_results DROP CONSTRAINT check_results_pkey;
ALTER TABLE check_results ADD PRIMARY KEY (check_name, scope);

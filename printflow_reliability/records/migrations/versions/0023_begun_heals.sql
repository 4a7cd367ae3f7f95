-- A row is made before its object is written; one without new_version_id was begun, and nobody saw its end.
ALTER TABLE file_heals ALTER sha256 DROP NOT NULL;

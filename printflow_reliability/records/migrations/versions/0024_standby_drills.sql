-- Whether a drill took its files of standbys: then it proved no backup, and counts for none.
ALTER TABLE drills ADD from_standby boolean NOT NULL DEFAULT false;

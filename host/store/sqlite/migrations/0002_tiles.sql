-- The log's hashes by tile (C2SP tlog-tiles) instead of by hash: a batch of entries changes one row, not two an entry.
-- What is derived is derived anew from the commits.
DROP TABLE hashes;
DELETE FROM records;
UPDATE progress SET derived = 0, entries = 0;

CREATE TABLE tiles (
    level  INTEGER NOT NULL,    -- of the tile: 0 holds hashes of entries, 1 the roots of full tiles of level 0, …
    n      INTEGER NOT NULL,    -- from the left, from 0
    hashes BLOB NOT NULL,       -- up to 256 of 32 bytes; only the rightmost tile of a level is not full
    PRIMARY KEY (level, n)
) STRICT, WITHOUT ROWID;

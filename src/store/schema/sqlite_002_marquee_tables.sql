-- Marquee's own tables.

CREATE TABLE marquee_meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
-- Generations are comparable within one lineage only.
INSERT INTO marquee_meta VALUES ('lineage', abs(random() / 2) + 1);

-- Evidence that Marquee gathered: a row's status needs no trust where there is one.
-- `owner` is the installation or site that the claim was proved for.
CREATE TABLE marquee_proofs (
  id INTEGER PRIMARY KEY,
  record_kind TEXT NOT NULL CHECK (record_kind IN ('module_domain', 'site_domain')),
  record_id TEXT NOT NULL,
  domain TEXT NOT NULL,
  owner TEXT NOT NULL,
  method TEXT NOT NULL,
  evidence TEXT NOT NULL DEFAULT '{}',
  proven_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  revoked_at TEXT,
  UNIQUE (record_kind, record_id, domain, owner)
);

-- Work that one node at a time does: holder, expiry, and a number that only grows.
CREATE TABLE marquee_leases (
  name TEXT PRIMARY KEY NOT NULL,
  holder TEXT NOT NULL,
  fence INTEGER NOT NULL DEFAULT 0,
  expires_at TEXT NOT NULL
) WITHOUT ROWID;

-- The change feed. `what` is a word of routing::Change::What.
CREATE TABLE marquee_changes (
  generation INTEGER PRIMARY KEY AUTOINCREMENT,
  what TEXT NOT NULL,
  value TEXT NOT NULL DEFAULT '',
  at INTEGER NOT NULL DEFAULT (unixepoch())
);

-- Keys that sign the tenant context, of all nodes. A generation is given out once:
-- who adds one that is there already lost a race, and takes the other's key.
-- `sealed` is the private key's PEM, encrypted as certificates' keys are.
CREATE TABLE marquee_context_keys (
  generation INTEGER PRIMARY KEY NOT NULL,
  signs_from INTEGER NOT NULL,
  sealed TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
